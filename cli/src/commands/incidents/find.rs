//! Finds the incident or the fingerprint that somebody typed.

use anyhow::anyhow;
use chrono::Utc;
use incident::{FingerprintId, IncidentId};
use pipeline::ports::incidents::{IncidentHistory, IncidentStore, IncidentSummary, LIST_MAX};

use crate::commands::state::{resolve, unusable};
use crate::exit::Failure;

const INCIDENT: &str = "incident_";
const FINGERPRINT: &str = "anomaly_";

/// The incident with an id, or with an id that begins so.
pub(super) async fn incident(
    store: &dyn IncidentStore,
    text: &str,
) -> Result<IncidentHistory, Failure> {
    let id = match IncidentId::try_from(text.to_owned()) {
        Ok(id) => id,
        Err(_) => nearest(store, text).await?,
    };
    let found = store.incident(&id, Utc::now()).await.map_err(unusable)?;
    let Some(mut history) = found else {
        // The text is an id that nobody has: this says which one is near.
        let id = nearest(store, text).await?;
        return Err(Failure::Usage(anyhow!("{id} is not kept any more")));
    };
    // They are kept by cycle, and what people do belongs to the cycle before.
    history.events.sort_by_key(|it| it.at_ms);
    Ok(history)
}

async fn nearest(store: &dyn IncidentStore, text: &str) -> Result<IncidentId, Failure> {
    let known: Vec<String> =
        everything(store).await?.into_iter().map(|it| it.incident_id.into()).collect();
    let id = resolve(text, INCIDENT, &known, "incident")?.to_owned();
    IncidentId::try_from(id).map_err(|error| Failure::Usage(error.into()))
}

/// The fingerprint that a text names: its own id, or that of one of its incidents.
pub(super) async fn fingerprint(
    store: &dyn IncidentStore,
    text: &str,
) -> Result<FingerprintId, Failure> {
    if let Ok(id) = FingerprintId::try_from(text.to_owned()) {
        let is_known = store.of_fingerprint(&id, Utc::now(), 1).await.map_err(unusable)?;
        if !is_known.is_empty() {
            return Ok(id);
        }
    } else if !text.starts_with(FINGERPRINT) {
        return Ok(incident(store, text).await?.record.incident.fingerprint_id);
    }
    let mut known: Vec<String> =
        everything(store).await?.into_iter().map(|it| it.fingerprint_id.into()).collect();
    known.sort();
    known.dedup();
    let id = resolve(text, FINGERPRINT, &known, "fingerprint")?.to_owned();
    FingerprintId::try_from(id).map_err(|error| Failure::Usage(error.into()))
}

/// All incidents that are kept.
pub(super) async fn everything(store: &dyn IncidentStore) -> Result<Vec<IncidentSummary>, Failure> {
    store.everything(Utc::now(), LIST_MAX).await.map_err(unusable)
}
