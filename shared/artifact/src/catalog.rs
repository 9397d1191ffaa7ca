//! The catalog: which model is in force for each service and period, which one was before it, and
//! which periods have none and why.
//!
//! The catalog is the only mutable object of the registry, and it is only ever swapped as a whole
//! by compare-and-swap. Promotion and roll-back are pure functions from one catalog to the next.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{Period, ServiceName};
use serde::{Deserialize, Serialize};

/// The version of this document's form.
pub const CATALOG_VERSION: u32 = 1;

/// The document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    pub version: u32,
    /// When it was last swapped; absent in one that never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated_at: Option<DateTime<Utc>>,
    #[serde(default)]
    pub services: BTreeMap<ServiceName, BTreeMap<Period, Entry>>,
}

/// One service and period.
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

/// A period that the last run left without a new model.
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
    #[error("the catalog has version {found}; this yaga reads version {CATALOG_VERSION}")]
    Version { found: u32 },
    #[error("{service} has no model for {period}")]
    Unknown { service: ServiceName, period: Period },
    #[error("{service} has no earlier model for {period} to go back to")]
    NothingBefore { service: ServiceName, period: Period },
}

/// Which model serves a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route<'a> {
    pub model: &'a ModelRef,
    pub model_period: Period,
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
        if found != u64::from(CATALOG_VERSION) {
            return Err(CatalogError::Version { found: found.min(u64::from(u32::MAX)) as u32 });
        }
        serde_json::from_value(value).map_err(malformed)
    }

    /// The document as JSON, indented: people read it in a bucket browser.
    pub fn to_json(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("maps with text keys are JSON");
        bytes.push(b'\n');
        bytes
    }

    /// The entry of a service and period.
    pub fn entry(&self, service: &ServiceName, period: Period) -> Option<&Entry> {
        self.services.get(service)?.get(&period)
    }

    /// The model that serves a period: its own, or the best fallback's.
    pub fn route(&self, service: &ServiceName, period: Period) -> Option<Route<'_>> {
        let current = |model_period| self.entry(service, model_period)?.current.as_ref();
        let own = std::iter::once(period);
        own.chain(period.fallbacks()).find_map(|model_period| {
            let model = current(model_period)?;
            Some(Route { model, model_period, is_fallback: model_period != period })
        })
    }

    /// Periods of a service that have a model of their own.
    pub fn periods_of(&self, service: &ServiceName) -> Vec<Period> {
        let entries = self.services.get(service).into_iter().flatten();
        entries.filter(|(_, entry)| entry.current.is_some()).map(|(period, _)| *period).collect()
    }

    /// Puts a model in force. The one before it stays reachable; putting the same model in force
    /// again changes nothing.
    pub fn promote(&mut self, service: &ServiceName, period: Period, model: ModelRef) {
        let entry = self.entry_mut(service, period);
        entry.shortfall = None;
        if entry.current.as_ref().is_some_and(|current| current.key == model.key) {
            return;
        }
        entry.previous = entry.current.take();
        entry.current = Some(model);
    }

    /// Notes why a run put no model in force. A model that is in force stays.
    pub fn note_shortfall(&mut self, service: &ServiceName, period: Period, shortfall: Shortfall) {
        self.entry_mut(service, period).shortfall = Some(shortfall);
    }

    /// Puts the previous model in force and keeps the present one as the previous: twice is none.
    pub fn roll_back(&mut self, service: &ServiceName, period: Period) -> Result<(), CatalogError> {
        let unknown = || CatalogError::Unknown { service: service.clone(), period };
        let entry = self.services.get_mut(service).and_then(|periods| periods.get_mut(&period));
        let entry = entry.ok_or_else(unknown)?;
        if entry.previous.is_none() {
            return Err(CatalogError::NothingBefore { service: service.clone(), period });
        }
        std::mem::swap(&mut entry.current, &mut entry.previous);
        Ok(())
    }

    fn entry_mut(&mut self, service: &ServiceName, period: Period) -> &mut Entry {
        self.services.entry(service.clone()).or_default().entry(period).or_default()
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!((route.model_period, route.is_fallback), (Period::NightHours, true));
        let route = catalog.route(&service(), Period::NightHours).unwrap();
        assert!(!route.is_fallback);
        let at = "2026-03-02T02:00:00Z".parse().unwrap();
        let shortfall = Shortfall { at, reason: "12 rows".to_owned() };
        catalog.note_shortfall(&service(), Period::WeekendNight, shortfall);
        assert_eq!(catalog.periods_of(&service()), [Period::NightHours]);
    }

    #[test]
    fn the_document_round_trips_and_defects_are_named() {
        let mut catalog = Catalog::default();
        catalog.promote(&service(), Period::NightHours, model("one"));
        assert_eq!(Catalog::parse(&catalog.to_json()), Ok(catalog));
        let error = |text: &str| Catalog::parse(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(
            error("{\"version\":2}"),
            "the catalog has version 2; this yaga reads version 1"
        );
        assert!(error("{").starts_with("the catalog cannot be read: EOF"));
        assert!(error("{\"version\":1,\"extra\":0}").contains("unknown field `extra`"));
    }
}
