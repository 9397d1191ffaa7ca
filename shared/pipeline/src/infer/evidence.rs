//! The evidence windows of the services that the last cycle judged, carried on from cycle to cycle.

use std::collections::HashMap;
use std::sync::Arc;

use detect::evidence::{EvidenceModel, EvidenceWindow, WindowSpan};
use domain::ServiceName;
use domain::config::valid::{Config, Opening};

use crate::infer::gather::ServiceInput;
use crate::infer::window::REREAD_S;

/// One window per service, with the model and settings that it was made with.
#[derive(Debug, Default)]
pub struct WarmEvidence {
    windows: HashMap<ServiceName, Kept>,
}

#[derive(Debug)]
struct Kept {
    model: EvidenceModel,
    zone: &'static str,
    window: Arc<EvidenceWindow>,
    /// The last instant up to which every metric had been read.
    until_s: i64,
}

impl WarmEvidence {
    /// Gives each service its window up to `at_s`; windows of services that are gone are dropped.
    /// Where a metric could not be read, what is missing is taken in once it can be.
    pub(super) fn refresh(
        &mut self,
        services: Vec<ServiceInput>,
        config: &Config,
        at_s: i64,
        is_complete: bool,
    ) -> Vec<ServiceInput> {
        if config.detection.opening == Opening::Forest {
            self.windows.clear();
            return services;
        }
        let mut before = std::mem::take(&mut self.windows);
        services
            .into_iter()
            .map(|mut it| {
                let kept = before.remove(&it.service);
                let kept = extend(kept, &it, config, at_s, is_complete);
                it.window = kept.as_ref().map(|kept| Arc::clone(&kept.window));
                self.windows.extend(kept.map(|kept| (it.service.clone(), kept)));
                it
            })
            .collect()
    }
}

fn extend(
    kept: Option<Kept>,
    it: &ServiceInput,
    config: &Config,
    at_s: i64,
    is_complete: bool,
) -> Option<Kept> {
    let model = it.model.as_ref().ok()?.model.evidence.as_ref()?;
    let calendar = config.calendar_of(&it.service);
    let zone = calendar.zone_name();
    let usable =
        kept.filter(|kept| kept.zone == zone && kept.until_s <= at_s && kept.model == *model);
    let mut kept = usable.unwrap_or_else(|| Kept {
        model: model.clone(),
        zone,
        window: Arc::new(model.empty_window()),
        until_s: i64::MIN,
    });
    let settled_s = kept.until_s.saturating_sub(REREAD_S);
    let (metrics, bounds) = (&config.metrics, &config.detection.bounds);
    let span = WindowSpan { at_s, settled_s };
    Arc::make_mut(&mut kept.window).extend(model, &it.samples, metrics, bounds, &calendar, span);
    if is_complete {
        kept.until_s = at_s;
    }
    Some(kept)
}
