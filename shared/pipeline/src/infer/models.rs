//! Models that stay in memory between cycles: those of the current period, by digest.

use std::collections::HashMap;
use std::sync::Arc;

use artifact::catalog::ModelRef;
use artifact::{Catalog, key};
use detect::model::PeriodModel;
use domain::{ServiceName, Slot, Variant};
use futures_util::StreamExt;

use crate::ports::ETag;
use crate::registry::{CatalogRead, Registry, RegistryError};

/// The catalog and the models that the last cycle used.
#[derive(Debug, Default)]
pub struct WarmModels {
    catalog: Option<(Option<ETag>, Arc<Catalog>)>,
    by_digest: HashMap<String, Arc<PeriodModel>>,
}

/// The model that serves one service in one period.
#[derive(Debug, Clone)]
pub struct RoutedModel {
    pub model: Arc<PeriodModel>,
    pub digest: String,
    pub is_fallback: bool,
    /// Whose model it is, where it is not a usual one.
    pub variant: Option<Variant>,
    /// Periods of the same variant that have a model.
    pub periods_available: u32,
}

/// Why a service has no usable model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoModel {
    /// The catalog names none for the period nor for a fallback.
    None { reason: String },
    /// It names one that cannot be used.
    Unusable { reason: String },
}

/// What a look into the registry brought.
#[derive(Debug, Clone, Default)]
pub struct LoadedModels {
    pub routes: Vec<Result<RoutedModel, NoModel>>,
    pub fetched: u32,
    /// The catalog could not be read, and the one of the last cycle was used.
    pub warning: Option<String>,
}

impl WarmModels {
    /// The catalog in force: unchanged costs one conditional read. If the registry cannot be read
    /// but has been before, what was read then still holds.
    pub async fn refresh(
        &mut self,
        registry: &Registry,
    ) -> Result<(Arc<Catalog>, Option<String>), RegistryError> {
        let known = self.catalog.as_ref().and_then(|(etag, _)| etag.clone());
        match (registry.catalog_unless(known.as_ref()).await, &self.catalog) {
            (Ok(Some(CatalogRead { catalog, etag })), _) => {
                let catalog = Arc::new(catalog);
                self.catalog = Some((etag, Arc::clone(&catalog)));
                Ok((catalog, None))
            }
            (Ok(None), Some((_, catalog))) => Ok((Arc::clone(catalog), None)),
            (Ok(None), None) => Ok((Arc::new(Catalog::default()), None)),
            (Err(error), Some((_, catalog))) => Ok((Arc::clone(catalog), Some(error.to_string()))),
            (Err(error), None) => Err(error),
        }
    }

    /// The models that serve these services in their present periods. Only those that are not
    /// warm are fetched, several at once; models that no longer serve are forgotten.
    pub async fn load(
        &mut self,
        registry: &Registry,
        catalog: &Catalog,
        services: &[(ServiceName, Slot)],
        workers: usize,
    ) -> LoadedModels {
        let needed: Vec<Option<&ModelRef>> = services
            .iter()
            .map(|(service, slot)| catalog.serving(service, slot).map(|route| route.model))
            .collect();
        self.by_digest.retain(|digest, _| needed.iter().flatten().any(|m| m.digest == *digest));
        let missing: HashMap<&str, &ModelRef> = needed
            .iter()
            .flatten()
            .filter(|model| !self.by_digest.contains_key(&model.digest))
            .map(|model| (model.digest.as_str(), *model))
            .collect();
        let fetched = missing.len() as u32;
        let failures = self.fetch(registry, missing.into_values().collect(), workers).await;
        let routes = services
            .iter()
            .map(|(service, slot)| self.route(catalog, service, slot, &failures))
            .collect();
        LoadedModels { routes, fetched, warning: None }
    }

    async fn fetch(
        &mut self,
        registry: &Registry,
        missing: Vec<&ModelRef>,
        workers: usize,
    ) -> HashMap<String, String> {
        let fetches = missing
            .into_iter()
            .map(|reference| async move { (reference, registry.model(reference).await) });
        let mut fetches = futures_util::stream::iter(fetches).buffer_unordered(workers.max(1));
        let mut failures = HashMap::new();
        while let Some((reference, fetched)) = fetches.next().await {
            match fetched {
                Ok(model) => {
                    self.by_digest.insert(reference.digest.clone(), Arc::new(model));
                }
                Err(error) => {
                    failures.insert(reference.digest.clone(), error.to_string());
                }
            }
        }
        failures
    }

    fn route(
        &self,
        catalog: &Catalog,
        service: &ServiceName,
        slot: &Slot,
        failures: &HashMap<String, String>,
    ) -> Result<RoutedModel, NoModel> {
        let Some(route) = catalog.serving(service, slot) else {
            let noted = catalog.entry(service, slot.period).and_then(|it| it.shortfall.as_ref());
            let reason = noted.map_or("it has not been trained".to_owned(), |s| s.reason.clone());
            return Err(NoModel::None { reason });
        };
        let digest = &route.model.digest;
        let Some(model) = self.by_digest.get(digest) else {
            let reason = failures.get(digest).cloned().unwrap_or_default();
            return Err(NoModel::Unusable { reason });
        };
        let key = &route.model.key;
        let is_its_place = key::slot_of(key).is_some_and(|of_key| of_key == route.slot);
        if model.service != *service || model.period != route.slot.period || !is_its_place {
            let reason = format!("{key} is the model of {} in {}", model.service, model.period);
            return Err(NoModel::Unusable { reason });
        }
        let is_alike = |slot: &&Slot| slot.variant == route.slot.variant;
        let available = catalog.slots_of(service).iter().filter(is_alike).count();
        Ok(RoutedModel {
            model: Arc::clone(model),
            digest: digest.clone(),
            is_fallback: route.is_fallback,
            periods_available: available as u32,
            variant: route.slot.variant,
        })
    }
}
