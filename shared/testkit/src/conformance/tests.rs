//! The suites notice what they are there to notice.

use std::sync::Arc;

use async_trait::async_trait;
use pipeline::ports::{
    ETag, Health, MetricRead, MetricSource, Object, ObjectStore, RangeRequest, Read, SourceError,
    StoreError,
};

use super::{KnownMetrics, metric_source, object_store};
use crate::{FakeSource, MemoryStore};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    OverwritesWhatIsThere,
    IgnoresTheTag,
    AlwaysTransfers,
    ReadsAnySize,
    ListsByFolderOnly,
    ChecksAndWritesInTwoSteps,
}

/// A store that does everything right but one thing.
struct Flawed(MemoryStore, Flaw);

#[async_trait]
impl ObjectStore for Flawed {
    async fn get(
        &self,
        key: &str,
        unless: Option<&ETag>,
        bytes_max: usize,
    ) -> Result<Read, StoreError> {
        let unless = unless.filter(|_| self.1 != Flaw::AlwaysTransfers);
        let bytes_max = if self.1 == Flaw::ReadsAnySize { usize::MAX } else { bytes_max };
        self.0.get(key, unless, bytes_max).await
    }

    async fn put_new(&self, key: &str, object: Object<'_>) -> Result<ETag, StoreError> {
        if self.1 == Flaw::OverwritesWhatIsThere {
            self.0.remove(key);
        }
        self.0.put_new(key, object).await
    }

    async fn put_if(
        &self,
        key: &str,
        object: Object<'_>,
        expected: &ETag,
    ) -> Result<ETag, StoreError> {
        let blind = self.1 == Flaw::IgnoresTheTag;
        let two_steps = self.1 == Flaw::ChecksAndWritesInTwoSteps;
        let Ok(Read::Found { etag, .. }) = self.0.get(key, None, usize::MAX).await else {
            return self.0.put_if(key, object, expected).await;
        };
        if blind || (two_steps && etag == *expected) {
            tokio::task::yield_now().await;
            self.0.set(key, object.bytes);
            return self.0.put_if(key, object, &self.tag(key).await).await;
        }
        self.0.put_if(key, object, expected).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        let keys = self.0.list(prefix).await?;
        if self.1 != Flaw::ListsByFolderOnly || prefix.is_empty() || prefix.ends_with('/') {
            return Ok(keys);
        }
        Ok(keys.into_iter().filter(|key| key.starts_with(&format!("{prefix}/"))).collect())
    }

    fn describe(&self) -> String {
        "flawed".to_owned()
    }
}

impl Flawed {
    async fn tag(&self, key: &str) -> ETag {
        match self.0.get(key, None, usize::MAX).await {
            Ok(Read::Found { etag, .. }) => etag,
            other => panic!("{other:?}"),
        }
    }
}

/// On one thread racers take turns where they wait, so the race comes out the same every time.
#[tokio::test]
async fn a_flawed_store_does_not_pass() {
    for flaw in [
        Flaw::OverwritesWhatIsThere,
        Flaw::IgnoresTheTag,
        Flaw::AlwaysTransfers,
        Flaw::ReadsAnySize,
        Flaw::ListsByFolderOnly,
        Flaw::ChecksAndWritesInTwoSteps,
    ] {
        let suite = object_store(move || Arc::new(Flawed(MemoryStore::new(), flaw)));
        let outcome = tokio::task::LocalSet::new()
            .run_until(async { tokio::task::spawn_local(suite).await })
            .await;
        assert!(outcome.is_err(), "{flaw:?} was not noticed");
    }
}

/// A source whose ranges include their start.
struct Inclusive(FakeSource);

#[async_trait]
impl MetricSource for Inclusive {
    async fn health(&self) -> Result<Health, SourceError> {
        self.0.health().await
    }

    async fn read(&self, request: &RangeRequest<'_>) -> Result<MetricRead, SourceError> {
        self.0.read(&RangeRequest { after_s: request.after_s - 1, ..*request }).await
    }

    fn lag_s(&self) -> i64 {
        0
    }

    fn describe(&self) -> String {
        self.0.describe()
    }
}

#[tokio::test]
async fn a_flawed_source_does_not_pass() {
    let outcome = tokio::spawn(async {
        let known = KnownMetrics::starting_at(0);
        let source = FakeSource::new();
        for (metric, service, series) in known.series() {
            source.set(metric, service, series.clone());
        }
        metric_source(&Inclusive(source), &known).await;
    });
    assert!(outcome.await.is_err());
}
