//! The catalog: which model is in force for each service and slot (a period, or a period of a
//! variant), which one was before it, and which slots have none and why.
//!
//! The catalog is the only mutable object of the registry, and it is only ever swapped as a whole
//! by compare-and-swap. Promotion and roll-back are pure functions from one catalog to the next.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{ServiceName, Slot};
use serde::{Deserialize, Serialize};

/// The version of this document's form. Version 1 knew no variants, and is read all the same.
pub const CATALOG_VERSION: u32 = 2;
/// The oldest version that is read.
const CATALOG_VERSION_OLDEST: u32 = 1;

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    pub version: u32,
    /// When it was last swapped; absent in one that never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub services: BTreeMap<ServiceName, BTreeMap<Slot, Entry>>,
}

/// One service and slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<ModelRef>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<ModelRef>,
    /// Why the last training run put no model in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shortfall: Option<Shortfall>,
}

/// A stored model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelRef {
    pub key: String,
    /// SHA-256 of the artifact, hexadecimal.
    pub digest: String,
    pub bytes: u64,
    pub trained_at: DateTime<Utc>,
}

/// A slot that the last run left without a new model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shortfall {
    pub at: DateTime<Utc>,
    pub reason: String,
}

/// Why a catalog cannot be used or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    #[error("the catalog cannot be read: {reason}")]
    Malformed { reason: String },
    #[error(
        "the catalog has version {found}; this yaga reads versions {CATALOG_VERSION_OLDEST} to {CATALOG_VERSION}, use the one that wrote it or a newer one"
    )]
    Version { found: u32 },
    #[error("{service} has no model for {slot}")]
    Unknown { service: ServiceName, slot: Slot },
    #[error("{service} has no earlier model for {slot} to go back to")]
    NothingBefore { service: ServiceName, slot: Slot },
}

/// Which model serves a slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route<'a> {
    pub model: &'a ModelRef,
    /// Whose model it is.
    pub slot: Slot,
    /// Another period's.
    pub is_fallback: bool,
}

impl Default for Catalog {
    fn default() -> Catalog {
        Catalog { version: CATALOG_VERSION, updated_at: None, services: BTreeMap::new() }
    }
}

impl Catalog {
    /// Reads the document.
    pub fn parse(bytes: &[u8]) -> Result<Catalog, CatalogError> {
        let malformed =
            |error: serde_json::Error| CatalogError::Malformed { reason: error.to_string() };
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(malformed)?;
        let found = value.get("version").and_then(serde_json::Value::as_u64).unwrap_or(0);
        let known = u64::from(CATALOG_VERSION_OLDEST)..=u64::from(CATALOG_VERSION);
        if !known.contains(&found) {
            return Err(CatalogError::Version { found: found.min(u64::from(u32::MAX)) as u32 });
        }
        let catalog: Catalog = serde_json::from_value(value).map_err(malformed)?;
        Ok(Catalog { version: CATALOG_VERSION, ..catalog })
    }

    /// The document as JSON, indented: people read it in a bucket browser.
    pub fn to_json(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("maps with text keys are JSON");
        bytes.push(b'\n');
        bytes
    }

    /// The entry of a service and slot.
    pub fn entry(&self, service: &ServiceName, slot: impl Into<Slot>) -> Option<&Entry> {
        self.services.get(service)?.get(&slot.into())
    }

    /// The model that serves a slot: its own, or the best fallback's among those of its variant.
    pub fn route(&self, service: &ServiceName, slot: impl Into<Slot>) -> Option<Route<'_>> {
        let wanted: Slot = slot.into();
        let own = std::iter::once(wanted.clone());
        own.chain(wanted.fallbacks()).find_map(|slot| {
            let model = self.entry(service, &slot)?.current.as_ref()?;
            Some(Route { model, is_fallback: slot != wanted, slot })
        })
    }

    /// The same, and where the variant has no model at all, what serves on usual days.
    pub fn serving(&self, service: &ServiceName, slot: &Slot) -> Option<Route<'_>> {
        self.route(service, slot).or_else(|| self.route(service, slot.period))
    }

    /// Slots of a service that have a model of their own; usual ones first.
    pub fn slots_of(&self, service: &ServiceName) -> Vec<Slot> {
        let entries = self.services.get(service).into_iter().flatten();
        entries.filter(|(_, entry)| entry.current.is_some()).map(|(slot, _)| slot.clone()).collect()
    }

    /// Puts a model in force. The one before it stays reachable; putting the same model in force
    /// again changes nothing.
    pub fn promote(&mut self, service: &ServiceName, slot: impl Into<Slot>, model: ModelRef) {
        let entry = self.entry_mut(service, slot);
        entry.shortfall = None;
        if entry.current.as_ref().is_some_and(|current| current.key == model.key) {
            return;
        }
        entry.previous = entry.current.take();
        entry.current = Some(model);
    }

    /// Notes why a run put no model in force. A model that is in force stays.
    pub fn note_shortfall(
        &mut self,
        service: &ServiceName,
        slot: impl Into<Slot>,
        shortfall: Shortfall,
    ) {
        self.entry_mut(service, slot).shortfall = Some(shortfall);
    }

    /// Puts the previous model in force and keeps the present one as the previous: twice is none.
    pub fn roll_back(
        &mut self,
        service: &ServiceName,
        slot: impl Into<Slot>,
    ) -> Result<(), CatalogError> {
        let slot = slot.into();
        let entry = self.services.get_mut(service).and_then(|slots| slots.get_mut(&slot));
        let Some(entry) = entry else {
            return Err(CatalogError::Unknown { service: service.clone(), slot });
        };
        if entry.previous.is_none() {
            return Err(CatalogError::NothingBefore { service: service.clone(), slot });
        }
        std::mem::swap(&mut entry.current, &mut entry.previous);
        Ok(())
    }

    fn entry_mut(&mut self, service: &ServiceName, slot: impl Into<Slot>) -> &mut Entry {
        self.services.entry(service.clone()).or_default().entry(slot.into()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use domain::Period;

    use super::*;

    fn model(name: &str) -> ModelRef {
        ModelRef {
            key: format!("models/v1/a/night_hours/{name}.bin"),
            digest: name.to_owned(),
            bytes: 7,
            trained_at: "2026-03-02T02:00:00Z".parse().unwrap(),
        }
    }

    fn service() -> ServiceName {
        ServiceName::new("a").unwrap()
    }

    #[test]
    fn promotion_keeps_the_model_before_and_roll_back_returns_to_it() {
        let mut catalog = Catalog::default();
        catalog.promote(&service(), Period::NightHours, model("one"));
        assert!(catalog.roll_back(&service(), Period::NightHours).is_err());
        catalog.promote(&service(), Period::NightHours, model("two"));
        let promoted = catalog.clone();
        catalog.promote(&service(), Period::NightHours, model("two"));
        assert_eq!(catalog, promoted);
        catalog.roll_back(&service(), Period::NightHours).unwrap();
        let entry = catalog.entry(&service(), Period::NightHours).unwrap();
        assert_eq!(entry.current, Some(model("one")));
        assert_eq!(entry.previous, Some(model("two")));
        catalog.roll_back(&service(), Period::NightHours).unwrap();
        assert_eq!(catalog, promoted);
    }

    #[test]
    fn a_period_without_a_model_is_routed_to_a_fallback() {
        let mut catalog = Catalog::default();
        assert_eq!(catalog.route(&service(), Period::WeekendNight), None);
        catalog.promote(&service(), Period::NightHours, model("one"));
        let route = catalog.route(&service(), Period::WeekendNight).unwrap();
        assert_eq!((route.slot, route.is_fallback), (Period::NightHours.into(), true));
        let route = catalog.route(&service(), Period::NightHours).unwrap();
        assert!(!route.is_fallback);
        let at = "2026-03-02T02:00:00Z".parse().unwrap();
        let shortfall = Shortfall { at, reason: "12 rows".to_owned() };
        catalog.note_shortfall(&service(), Period::WeekendNight, shortfall);
        assert_eq!(catalog.slots_of(&service()), [Slot::from(Period::NightHours)]);
    }

    #[test]
    fn the_document_round_trips_and_defects_are_named() {
        let mut catalog = Catalog::default();
        catalog.promote(&service(), Period::NightHours, model("one"));
        assert_eq!(Catalog::parse(&catalog.to_json()), Ok(catalog));
        let error = |text: &str| Catalog::parse(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(
            error("{\"version\":3}"),
            "the catalog has version 3; this yaga reads versions 1 to 2, use the one that wrote it or a newer one"
        );
        assert!(error("{").starts_with("the catalog cannot be read: EOF"));
        assert!(error("{\"version\":1,\"extra\":0}").contains("unknown field `extra`"));
    }

    #[test]
    fn a_variant_has_a_chain_of_its_own_before_the_usual_one() {
        let slot = |text: &str| Slot::parse(text).unwrap();
        let holiday = slot("business_hours@holiday");
        let mut catalog = Catalog::default();
        let served = |catalog: &Catalog| {
            catalog.serving(&service(), &holiday).map(|it| (it.slot.to_string(), it.is_fallback))
        };
        assert_eq!(served(&catalog), None);
        catalog.promote(&service(), Period::BusinessHours, model("usual"));
        assert_eq!(served(&catalog), Some(("business_hours".to_owned(), false)));
        catalog.promote(&service(), slot("weekend_day@holiday"), model("one"));
        assert_eq!(served(&catalog), Some(("weekend_day@holiday".to_owned(), true)));
        catalog.promote(&service(), slot("weekend_day@sale"), model("other"));
        assert_eq!(served(&catalog), Some(("weekend_day@holiday".to_owned(), true)));
        let usual = catalog.route(&service(), Period::WeekendDay).unwrap();
        assert_eq!(usual.model, &model("usual"), "usual days never see a variant");
        assert_eq!(Catalog::parse(&catalog.to_json()), Ok(catalog));
    }

    #[test]
    fn version_one_is_read() {
        let old = r#"{"version": 1, "services": {"a": {"night_hours": {}}}}"#;
        let catalog = Catalog::parse(old.as_bytes()).unwrap();
        assert_eq!(catalog.version, CATALOG_VERSION);
        assert!(catalog.entry(&service(), Period::NightHours).is_some());
    }
}
