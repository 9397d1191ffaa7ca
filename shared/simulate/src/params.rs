//! What a caller asks for, and the check of it.

use crate::blueprint::{Outline, outline};
use crate::fault::{Fault, FaultPlan};
use crate::horizon::{DAY_S, Horizon};

/// Most services of an estate.
pub const MAX_SERVICES: usize = 200;
/// Most days, training and test together.
pub const MAX_DAYS: u32 = 400;
/// Most samples of an estate, about 1 GB in memory.
pub const MAX_SAMPLES: u64 = 64_000_000;
/// Strongest fault.
pub const MAX_INTENSITY: f64 = 4.0;
/// Most faults of a plan.
pub const MAX_FAULTS: usize = 5_000;
/// Densest random plan.
pub const MAX_FAULTS_PER_SERVICE_DAY: f64 = 10.0;

const STEP_MIN_S: u32 = 10;
const STEP_MAX_S: u32 = 300;
/// 2200-01-01: keeps instants printable and sums far from overflow.
const LATEST_START_S: i64 = 7_258_118_400;
/// Time zones lie within 18 hours of UTC.
const MAX_OFFSET_S: i64 = 18 * 3_600;

/// What to simulate.
#[derive(Debug, Clone, PartialEq)]
pub struct EstateParams {
    /// Number of services, 1 to [`MAX_SERVICES`]. [`service_names`](crate::service_names) lists
    /// them.
    pub services: usize,
    /// First instant, epoch seconds, a multiple of `step_s`.
    pub start_s: i64,
    /// Days without faults.
    pub train_days: u32,
    /// Days after them, in which faults may lie; whole steps are kept.
    pub test_days: f64,
    /// Distance of two samples, seconds: 10 to 300, a divisor of 3600. Usually 60.
    pub step_s: u32,
    /// The seed.
    pub seed: u64,
    /// The faults.
    pub faults: FaultPlan,
}

/// Why parameters cannot be simulated.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ParamsError {
    /// Number of services.
    #[error("services is {given}, choose 1 to {MAX_SERVICES}")]
    Services {
        /// The number given.
        given: usize,
    },
    /// Step.
    #[error("step_s is {given}, choose a divisor of 3600 from {STEP_MIN_S} to {STEP_MAX_S}")]
    Step {
        /// The step given, seconds.
        given: u32,
    },
    /// Start.
    #[error("start_s is {given}, choose a multiple of step_s from 1970 to 2199")]
    Start {
        /// The start given, epoch seconds.
        given: i64,
    },
    /// Length of the test part.
    #[error("test_days is {given}, choose a number from 0 to {MAX_DAYS}")]
    TestDays {
        /// The days given.
        given: f64,
    },
    /// Length of the whole.
    #[error(
        "the simulation lasts {steps} steps, choose at least one step and at most {MAX_DAYS} days"
    )]
    Length {
        /// Steps that would be simulated.
        steps: u64,
    },
    /// Size of the result.
    #[error("about {samples} samples, at most {MAX_SAMPLES}: take fewer services or days")]
    TooManySamples {
        /// Samples that would be made.
        samples: u64,
    },
    /// Density of a random plan.
    #[error("per_service_day is {given}, choose a number from 0 to {MAX_FAULTS_PER_SERVICE_DAY}")]
    FaultDensity {
        /// The density given.
        given: f64,
    },
    /// Number of faults.
    #[error("{given} faults, at most {MAX_FAULTS}")]
    TooManyFaults {
        /// The number given or wished.
        given: usize,
    },
    /// A listed fault is impossible.
    #[error("fault {index} ({kind} on '{service}'): {problem}")]
    Fault {
        /// Position in the list, from 0.
        index: usize,
        /// Kind of the fault.
        kind: &'static str,
        /// Service of the fault.
        service: String,
        /// What is wrong with it.
        problem: FaultProblem,
    },
    /// The caller's time zone.
    #[error("local offset at {at_s} is {offset_s} s, must lie within 18 hours")]
    LocalOffset {
        /// Instant asked about, epoch seconds.
        at_s: i64,
        /// The offset returned, seconds.
        offset_s: i64,
    },
}

/// What is wrong with a listed fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FaultProblem {
    /// No such service.
    #[error("the estate has no such service")]
    UnknownService,
    /// Window empty or outside the test part.
    #[error("the window must not be empty and must lie in the test part")]
    Window,
    /// Intensity.
    #[error("intensity must be above 0 and at most {MAX_INTENSITY}")]
    Intensity,
    /// A database fault without a database.
    #[error("the service has no database")]
    NoDatabase,
    /// A dependency fault without dependencies.
    #[error("the service calls no other")]
    NoDependencies,
}

/// Checks everything and lays out the grid and the blueprint.
pub(crate) fn check(
    params: &EstateParams,
    local_offset_s: impl Fn(i64) -> i64,
) -> Result<(Horizon, Vec<Outline>), ParamsError> {
    if params.services == 0 || params.services > MAX_SERVICES {
        return Err(ParamsError::Services { given: params.services });
    }
    check_grid(params)?;
    let mut horizon = lay_grid(params)?;
    horizon.local_s = local_times_s(&horizon, local_offset_s)?;
    let outline = outline(params.services);
    check_plan(params, &horizon, &outline)?;
    Ok((horizon, outline))
}

fn check_grid(params: &EstateParams) -> Result<(), ParamsError> {
    let step = params.step_s;
    if !(STEP_MIN_S..=STEP_MAX_S).contains(&step) || 3_600 % step != 0 {
        return Err(ParamsError::Step { given: step });
    }
    let start = params.start_s;
    if !(0..=LATEST_START_S).contains(&start) || start % i64::from(step) != 0 {
        return Err(ParamsError::Start { given: start });
    }
    if !(0.0..=f64::from(MAX_DAYS)).contains(&params.test_days) {
        return Err(ParamsError::TestDays { given: params.test_days });
    }
    Ok(())
}

fn lay_grid(params: &EstateParams) -> Result<Horizon, ParamsError> {
    let per_day = DAY_S as u64 / u64::from(params.step_s);
    let train = u64::from(params.train_days) * per_day;
    let steps = train + (params.test_days * per_day as f64) as u64;
    if steps == 0 || steps > u64::from(MAX_DAYS) * per_day {
        return Err(ParamsError::Length { steps });
    }
    let samples = steps * params.services as u64 * 5;
    if samples > MAX_SAMPLES {
        return Err(ParamsError::TooManySamples { samples });
    }
    Ok(Horizon {
        start_s: params.start_s,
        step_s: i64::from(params.step_s),
        steps: steps as usize,
        test_step: train as usize,
        local_s: Vec::new(),
    })
}

fn local_times_s(
    horizon: &Horizon,
    local_offset_s: impl Fn(i64) -> i64,
) -> Result<Vec<i64>, ParamsError> {
    let local = |step| {
        let at_s = horizon.instant_s(step);
        let offset_s = local_offset_s(at_s);
        if !(-MAX_OFFSET_S..=MAX_OFFSET_S).contains(&offset_s) {
            return Err(ParamsError::LocalOffset { at_s, offset_s });
        }
        Ok(at_s + offset_s)
    };
    (0..horizon.steps).map(local).collect()
}

fn check_plan(
    params: &EstateParams,
    horizon: &Horizon,
    outline: &[Outline],
) -> Result<(), ParamsError> {
    match &params.faults {
        FaultPlan::None => Ok(()),
        FaultPlan::Random { per_service_day: given } => {
            if !(0.0..=MAX_FAULTS_PER_SERVICE_DAY).contains(given) {
                return Err(ParamsError::FaultDensity { given: *given });
            }
            check_count(wished_faults(params, *given))
        }
        FaultPlan::Listed(faults) => {
            check_count(faults.len())?;
            let check = |(index, fault)| check_fault(index, fault, horizon, outline);
            faults.iter().enumerate().try_for_each(check)
        }
    }
}

/// How many faults a random plan wishes for.
pub(crate) fn wished_faults(params: &EstateParams, per_service_day: f64) -> usize {
    (per_service_day * params.services as f64 * params.test_days).round() as usize
}

fn check_count(given: usize) -> Result<(), ParamsError> {
    if given > MAX_FAULTS {
        return Err(ParamsError::TooManyFaults { given });
    }
    Ok(())
}

fn check_fault(
    index: usize,
    fault: &Fault,
    horizon: &Horizon,
    outline: &[Outline],
) -> Result<(), ParamsError> {
    let Some(problem) = find_problem(fault, horizon, outline) else { return Ok(()) };
    let (kind, service) = (fault.kind.as_str(), fault.service.clone());
    Err(ParamsError::Fault { index, kind, service, problem })
}

fn find_problem(fault: &Fault, horizon: &Horizon, outline: &[Outline]) -> Option<FaultProblem> {
    let Some(service) = outline.iter().find(|each| each.name == fault.service) else {
        return Some(FaultProblem::UnknownService);
    };
    let inside = horizon.test_start_s() <= fault.start_s && fault.end_s <= horizon.end_s();
    if !inside || horizon.step_at(fault.start_s) >= horizon.step_at(fault.end_s) {
        return Some(FaultProblem::Window);
    }
    if !(fault.intensity > 0.0 && fault.intensity <= MAX_INTENSITY) {
        return Some(FaultProblem::Intensity);
    }
    if fault.kind.needs_database() && !service.has_database {
        return Some(FaultProblem::NoDatabase);
    }
    if fault.kind.needs_dependencies() && service.callees.is_empty() {
        return Some(FaultProblem::NoDependencies);
    }
    None
}
