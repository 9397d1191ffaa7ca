//! The catalog under concurrent writers.

use std::sync::Arc;
use std::time::Duration;

use artifact::catalog::{CatalogError, ModelRef};
use chrono::{DateTime, Utc};
use domain::Period;
use pipeline::ports::Clock;
use pipeline::registry::{Registry, RegistryError};
use testkit::{FixedClock, MemoryStore};

use crate::fleet::{at, service};

fn model(name: &str) -> ModelRef {
    ModelRef {
        key: format!("models/v1/{name}.bin"),
        digest: name.to_owned(),
        bytes: 1,
        trained_at: at("2026-04-01T00:00:00Z"),
    }
}

/// Waits as long as it is asked to: writers that never wait may starve one of them.
struct Waiting;

#[async_trait::async_trait]
impl Clock for Waiting {
    fn now(&self) -> DateTime<Utc> {
        at("2026-04-01T00:00:00Z")
    }

    async fn pause(&self, length: Duration) {
        tokio::time::sleep(length).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_promotions_are_all_kept() {
    let registry = Registry::new(Arc::new(MemoryStore::new()));
    let writers = (0..8).map(|writer| {
        let registry = registry.clone();
        tokio::spawn(async move {
            let name = service(&format!("service-{writer}"));
            for period in Period::ALL {
                registry
                    .swap(&Waiting, |catalog| {
                        catalog.promote(&name, period, model(&format!("{name}-{period}")));
                        Ok(())
                    })
                    .await?;
            }
            Ok::<(), RegistryError>(())
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap().unwrap();
    }
    let catalog = registry.catalog().await.unwrap().catalog;
    assert_eq!(catalog.services.len(), 8);
    assert!(catalog.services.values().all(|periods| periods.len() == 5));
}

#[tokio::test]
async fn a_change_that_is_refused_stores_nothing() {
    let store = Arc::new(MemoryStore::new());
    let registry = Registry::new(store.clone());
    let clock = FixedClock::at(at("2026-04-01T00:00:00Z"));
    let name = service("a");
    let refused = registry.swap(&clock, |catalog| catalog.roll_back(&name, Period::NightHours));
    let expected = CatalogError::Unknown { service: name.clone(), slot: Period::NightHours.into() };
    assert_eq!(refused.await, Err(RegistryError::Change(expected)));
    assert!(store.snapshot().is_empty());
}
