//! A user's ways through the product, from simulated metrics to a reported fault.

mod cloud;
mod folder;
mod incident;
mod killed;
mod overlap;
mod replay;
mod simulated;

use anyhow::Result;

use crate::Case;
use crate::stage::Stage;

pub(crate) use cloud::Cloud;
pub(crate) use replay::Replay;
pub(crate) use simulated::Wish;

/// What the cloud journey cannot do without.
const CLOUD: [&str; 3] = ["victoria-metrics", "moto_server", "cargo-lambda"];

pub(crate) fn cases(stage: &Stage) -> Vec<Case> {
    let cloud = |name, run: fn(&Stage) -> Result<()>| Case::new(name, run).needs(stage, &CLOUD);
    vec![
        Case::new("journeys::folder::a_fault_is_reported_and_only_it", folder::fault_is_reported),
        cloud("journeys::cloud::training_writes_models_cards_and_catalog", cloud::models_are_there),
        cloud("journeys::cloud::a_fault_is_reported_and_only_it", cloud::fault_is_reported),
        cloud("journeys::cloud::inference_answers_for_the_services_asked", cloud::one_service),
        cloud("journeys::cloud::the_command_reads_the_same_registry", cloud::command_verifies),
        cloud("journeys::cloud::a_bad_event_is_refused_with_its_reason", cloud::bad_event),
        Case::new(
            "journeys::incident::it_is_told_from_alert_to_resolution",
            incident::is_told_from_alert_to_resolution,
        )
        .needs(stage, &[CLOUD.as_slice(), &["dynamodb-local"]].concat()),
        Case::new(
            "journeys::overlap::two_processes_of_one_cycle_count_it_once",
            overlap::same_cycle,
        )
        .needs(stage, &["dynamodb-local"]),
        Case::new("journeys::overlap::processes_of_neighbouring_cycles_agree", overlap::neighbours)
            .needs(stage, &["dynamodb-local"]),
        Case::new("journeys::killed::nothing_is_lost_and_nothing_is_told_for_nothing", killed::run),
    ]
}
