//! A simulated estate as a pack: what nobody chose anything on.

use chrono::DateTime;
use domain::period::WeekTable;
use domain::{Calendar, MetricSet, ServiceName};
use pipeline::backtest::accuracy::{Label, Maintenance};
use simulate::{Estate, EstateParams, EventKind, FaultPlan, simulate};

use crate::Anything;
use crate::pack::{Pack, Samples};

const SERVICES: usize = 12;
const TRAIN_DAYS: u32 = 30;
const TEST_DAYS: u32 = 7;
const FAULTS_PER_SERVICE_DAY: f64 = 0.7;
const ZONE: &str = "Europe/Paris";
/// Monday, 2 March 2026.
const START_S: i64 = 1_772_409_600;
const DAY_S: i64 = 86_400;

/// Thirty days and a week with faults. The last `faulty_days` of the thirty have faults, too.
pub(crate) fn pack(seed: u64, faulty_days: u32) -> Result<Pack, Anything> {
    let name = match faulty_days {
        0 => format!("world-{seed}"),
        days => format!("world-{seed}, {days} d of history with faults"),
    };
    let faults = FaultPlan::Random { per_service_day: FAULTS_PER_SERVICE_DAY };
    let params = params(seed, TRAIN_DAYS.saturating_sub(faulty_days), TEST_DAYS + faulty_days);
    simulated(name, &EstateParams { faults, ..params }, TRAIN_DAYS)
}

/// The same without any fault, all of it in the part `train`.
pub(crate) fn quiet(seed: u64) -> Result<Pack, Anything> {
    let days = TRAIN_DAYS + TEST_DAYS;
    simulated(format!("quiet-{seed}"), &params(seed, TRAIN_DAYS, TEST_DAYS), days)
}

fn params(seed: u64, train_days: u32, test_days: u32) -> EstateParams {
    EstateParams {
        services: SERVICES,
        start_s: START_S,
        train_days,
        test_days: f64::from(test_days),
        step_s: 60,
        seed,
        faults: FaultPlan::None,
    }
}

fn simulated(name: String, params: &EstateParams, train_days: u32) -> Result<Pack, Anything> {
    let calendar = Calendar::new(ZONE, WeekTable::five())?;
    let offset_s = |at_s: i64| {
        let at = DateTime::from_timestamp(at_s, 0).unwrap_or_default();
        i64::from(calendar.local(at).utc_offset_s)
    };
    let estate = simulate(params, offset_s)?;
    let test_s = START_S + i64::from(train_days) * DAY_S;
    let mut parts = [Samples::default(), Samples::default()];
    for series in &estate.series {
        let service = ServiceName::new(&series.service)?;
        let samples = series.timestamps_s.iter().copied().zip(series.values.iter().copied());
        let (train, test): (Vec<_>, Vec<_>) = samples.partition(|(time, _)| *time < test_s);
        for (part, samples) in parts.iter_mut().zip([train, test]) {
            part.add(series.metric.as_str(), service.clone(), samples);
        }
    }
    Ok(Pack {
        name,
        timezone: Some(ZONE.to_owned()),
        metrics: MetricSet::five(),
        parts,
        labels: estate.labels.iter().map(label).collect(),
        maintenance: maintenance(&estate),
        graph: estate
            .graph
            .iter()
            .map(|(caller, callee)| Ok((ServiceName::new(caller)?, ServiceName::new(callee)?)))
            .collect::<Result<_, Anything>>()?,
    })
}

fn label(label: &simulate::Label) -> Label {
    Label {
        incident: label.incident_id.clone(),
        service: label.service.clone(),
        start_s: label.start_s,
        end_s: label.end_s,
        kind: label.kind.clone(),
        root_cause: label.root_cause_service.clone(),
    }
}

fn maintenance(estate: &Estate) -> Vec<Maintenance> {
    let events = estate.events.iter().filter(|event| event.kind == EventKind::Maintenance);
    let window = |event: &simulate::Event| Maintenance {
        service: event.service.clone(),
        start_s: event.start_s,
        end_s: event.end_s,
    };
    events.map(window).collect()
}
