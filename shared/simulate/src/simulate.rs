//! The one entry point: parameters in, estate out.

use crate::disturbance::Disturbances;
use crate::effect::Effect;
use crate::estate::{Estate, Label};
use crate::fault::FaultPlan;
use crate::measure::Felt;
use crate::model::Model;
use crate::params::{EstateParams, ParamsError, check, wished_faults};
use crate::plan::{Placed, place_listed, place_random};
use crate::sample::draw_series;

/// Simulates an estate.
///
/// `local_offset_s` maps an epoch second to the local time's offset from UTC in seconds; people's
/// days and weeks follow local time. It is asked once per step, so it may switch to summer time.
///
/// # Errors
///
/// [`ParamsError`] says which parameter is out of range.
///
/// ```
/// use simulate::{EstateParams, FaultPlan, simulate};
///
/// let params = EstateParams {
///     services: 3,
///     start_s: 1_767_571_200,
///     train_days: 1,
///     test_days: 0.5,
///     step_s: 60,
///     seed: 1,
///     faults: FaultPlan::Random { per_service_day: 2.0 },
/// };
/// let estate = simulate(&params, |_utc_s| 3_600)?;
/// assert_eq!(estate.services.len(), 3);
/// # Ok::<(), simulate::ParamsError>(())
/// ```
pub fn simulate(
    params: &EstateParams,
    local_offset_s: impl Fn(i64) -> i64,
) -> Result<Estate, ParamsError> {
    let (horizon, outline) = check(params, local_offset_s)?;
    let mut model = Model::draw(params.seed, horizon, &outline);
    let mut disturbances = Disturbances::draw(&model);
    model.standing = std::mem::take(&mut disturbances.effects);
    let (placed, unplaced_faults) = place(params, &model, &disturbances);
    let effects: Vec<Effect> = placed.iter().map(|each| each.effect.clone()).collect();
    Ok(Estate {
        series: draw_series(&model, &disturbances, &effects),
        labels: label(&model, &placed),
        events: disturbances.events,
        graph: model.graph(),
        services: model.services.iter().map(|service| service.profile()).collect(),
        faults: placed.into_iter().map(|each| each.fault).collect(),
        unplaced_faults,
        start_s: model.horizon.start_s,
        test_start_s: model.horizon.test_start_s(),
        end_s: model.horizon.end_s(),
    })
}

fn place(
    params: &EstateParams,
    model: &Model,
    disturbances: &Disturbances,
) -> (Vec<Placed>, usize) {
    match &params.faults {
        FaultPlan::None => (Vec::new(), 0),
        FaultPlan::Listed(faults) => (place_listed(model, faults), 0),
        FaultPlan::Random { per_service_day } => {
            let wished = wished_faults(params, *per_service_day);
            let placed = place_random(model, disturbances, wished);
            let unplaced = wished - placed.len();
            (placed, unplaced)
        }
    }
}

fn label(model: &Model, placed: &[Placed]) -> Vec<Label> {
    placed.iter().enumerate().flat_map(|(number, each)| rows(model, number, each)).collect()
}

/// The rows of one incident, root cause first.
fn rows(model: &Model, number: usize, placed: &Placed) -> Vec<Label> {
    let root = placed.effect.service;
    let is_root = |felt: &&Felt| felt.service == root;
    let difficulty = placed.felt.iter().find(is_root).map(Felt::difficulty);
    let others = placed.felt.iter().filter(|felt| felt.service != root);
    let row = |felt: &Felt| Label {
        incident_id: format!("inc-{:03}", number + 1),
        service: model.services[felt.service].name.clone(),
        start_s: placed.fault.start_s,
        end_s: placed.fault.end_s,
        kind: placed.fault.kind.as_str().to_owned(),
        root_cause_service: model.services[root].name.clone(),
        difficulty,
        metrics: felt.metrics(),
    };
    placed.felt.iter().filter(is_root).chain(others).map(row).collect()
}
