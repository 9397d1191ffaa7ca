//! Where faults lie: the listed ones as given, the random ones by search for a free place.

use crate::disturbance::Disturbances;
use crate::effect::Effect;
use crate::fault::{Fault, FaultKind};
use crate::horizon::HOUR_S;
use crate::measure::{Felt, felt};
use crate::model::Model;
use crate::random::{Purpose, Random};

/// Calm before and after a fault, seconds.
const RECOVERY_S: i64 = HOUR_S;
/// Tries to place one fault.
const MAX_TRIES: usize = 60;
/// Tries before another kind is tried.
const TRIES_PER_KIND: usize = 12;
/// Local hours in which a night shift begins.
const NIGHT_H: (f64, f64) = (22.0, 27.0);
const INTENSITY: (f64, f64) = (0.12, 1.8);

/// A fault in the grid, with who feels it.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    pub(crate) fault: Fault,
    pub(crate) effect: Effect,
    pub(crate) felt: Vec<Felt>,
}

/// Puts checked faults on the grid, ordered by start.
pub(crate) fn place_listed(model: &Model, faults: &[Fault]) -> Vec<Placed> {
    let mut placed: Vec<Placed> = faults.iter().filter_map(|each| place(model, each)).collect();
    placed.sort_by_key(|each| each.fault.start_s);
    placed
}

fn place(model: &Model, fault: &Fault) -> Option<Placed> {
    let service = model.services.iter().position(|each| each.name == fault.service)?;
    let (first, end) = (model.horizon.step_at(fault.start_s), model.horizon.step_at(fault.end_s));
    let effect = Effect::of_fault(fault.kind, fault.intensity, service, first, end);
    let felt = felt(model, &effect);
    Some(Placed { fault: fault.clone(), effect, felt })
}

/// Searches places for `wished` faults, ordered by start; may find fewer.
pub(crate) fn place_random(model: &Model, calm: &Disturbances, wished: usize) -> Vec<Placed> {
    let mut occupied = Occupied::new(model, calm);
    let mut placed: Vec<Placed> = Vec::new();
    for number in 0..wished {
        if let Some(found) = find_place(model, &occupied, number) {
            occupied.take(model, &found);
            placed.push(found);
        }
    }
    placed.sort_by_key(|each| each.fault.start_s);
    placed
}

fn find_place(model: &Model, occupied: &Occupied, number: usize) -> Option<Placed> {
    (0..MAX_TRIES).find_map(|attempt| {
        let mut random = Random::at(model.seed, Purpose::FaultPlace, number, attempt);
        let kind = kind_of(model.seed, number + attempt / TRIES_PER_KIND);
        let fault = draw_fault(model, kind, &mut random)?;
        let placed = place(model, &fault)?;
        let seen = |felt: &Felt| felt.service == placed.effect.service && !felt.moved.is_empty();
        (placed.felt.iter().any(seen) && occupied.is_free(model, &placed)).then_some(placed)
    })
}

/// All kinds in turn, in a fresh order each round.
fn kind_of(seed: u64, number: usize) -> FaultKind {
    let (round, place) = (number / FaultKind::ALL.len(), number % FaultKind::ALL.len());
    let mut kinds: Vec<FaultKind> = FaultKind::ALL.to_vec();
    let mut random = Random::at(seed, Purpose::FaultOrder, 0, round);
    for last in (1..kinds.len()).rev() {
        kinds.swap(last, random.below(last + 1));
    }
    kinds[place]
}

fn draw_fault(model: &Model, kind: FaultKind, random: &mut Random) -> Option<Fault> {
    let horizon = &model.horizon;
    let service = &model.services[random.below(model.services.len())];
    let unfit = (kind.needs_database() && !service.has_database)
        || (kind.needs_dependencies() && service.calls.is_empty());
    let (low, high) = minutes(kind);
    let length = horizon.steps_in((random.between(low, high) * 60.0) as i64);
    let calm = horizon.steps_in(RECOVERY_S);
    let earliest = horizon.test_step + calm;
    let latest = horizon.steps.checked_sub(calm + length).filter(|&latest| latest > earliest)?;
    let start = draw_start(model, kind, random, earliest..latest)?;
    let intensity = (random.log_between(INTENSITY.0, INTENSITY.1) * 100.0).round() / 100.0;
    (!unfit).then(|| Fault {
        kind,
        service: service.name.clone(),
        start_s: horizon.instant_s(start),
        end_s: horizon.instant_s(start + length),
        intensity,
    })
}

fn draw_start(
    model: &Model,
    kind: FaultKind,
    random: &mut Random,
    range: std::ops::Range<usize>,
) -> Option<usize> {
    let anywhere = range.start + random.below(range.len());
    if kind != FaultKind::NightShift {
        return Some(anywhere);
    }
    let since_start_s = model.horizon.instant_s(anywhere) - model.horizon.start_s;
    let day = (since_start_s / crate::horizon::DAY_S) as usize;
    let hour = random.between(NIGHT_H.0, NIGHT_H.1) % 24.0;
    model.horizon.step_at_local(day, hour).filter(|step| range.contains(step))
}

/// Shortest and longest duration of a kind.
fn minutes(kind: FaultKind) -> (f64, f64) {
    match kind {
        FaultKind::LatencySpike => (8.0, 40.0),
        FaultKind::ErrorBurst => (6.0, 30.0),
        FaultKind::TrafficCliff => (15.0, 75.0),
        FaultKind::TrafficSurgeDegrading | FaultKind::TrafficSurgeHealthy => (20.0, 75.0),
        FaultKind::DatabaseSlowdown | FaultKind::SlowDependency => (15.0, 60.0),
        FaultKind::FastFailure => (10.0, 45.0),
        FaultKind::PartialOutage => (20.0, 90.0),
        FaultKind::RetryStorm => (10.0, 40.0),
        FaultKind::GradualDegradation => (120.0, 270.0),
        FaultKind::NightShift => (60.0, 120.0),
    }
}

/// Per service: step windows in which no further fault may be felt.
struct Occupied {
    windows: Vec<Vec<(usize, usize)>>,
}

impl Occupied {
    fn new(model: &Model, calm: &Disturbances) -> Self {
        let both = |index: usize| [&calm.gaps[index][..], &calm.maintenance[index][..]].concat();
        Self { windows: (0..model.services.len()).map(both).collect() }
    }

    fn is_free(&self, model: &Model, placed: &Placed) -> bool {
        let calm = model.horizon.steps_in(RECOVERY_S);
        let (first, end) = (placed.effect.first.saturating_sub(calm), placed.effect.end + calm);
        let free = |service: usize| {
            self.windows[service].iter().all(|&(from, to)| to <= first || end <= from)
        };
        neighbourhood(model, placed).into_iter().all(free)
    }

    fn take(&mut self, model: &Model, placed: &Placed) {
        for service in neighbourhood(model, placed) {
            self.windows[service].push((placed.effect.first, placed.effect.end));
        }
    }
}

/// Who feels the fault, and who calls or is called by its root; ascending.
fn neighbourhood(model: &Model, placed: &Placed) -> Vec<usize> {
    let root = placed.effect.service;
    let felt = placed.felt.iter().map(|felt| felt.service);
    let callees = model.services[root].calls.iter().map(|call| call.callee);
    let calls_root =
        |index: &usize| model.services[*index].calls.iter().any(|call| call.callee == root);
    let callers = (0..model.services.len()).filter(calls_root);
    let mut all: Vec<usize> = felt.chain(callees).chain(callers).collect();
    all.sort_unstable();
    all.dedup();
    all
}
