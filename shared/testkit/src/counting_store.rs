//! A store around a store, that counts what is asked of it and fails on demand.

use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use pipeline::ports::{ETag, Object, ObjectStore, Read, StoreError};

/// What was asked of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Get,
    PutNew,
    PutIf,
    List,
}

/// How often what was asked. Failed requests count too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// All reads, those answered with "not modified" included.
    pub gets: usize,
    pub not_modified: usize,
    pub bytes_read: usize,
    pub puts_new: usize,
    pub puts_if: usize,
    pub lists: usize,
}

type Fault = Box<dyn FnMut(Action, &str) -> Option<StoreError> + Send>;

/// Passes everything on to another store.
pub struct CountingStore {
    inner: Arc<dyn ObjectStore>,
    counts: Mutex<Counts>,
    fault: Mutex<Option<Fault>>,
}

impl CountingStore {
    /// A counting store around `inner`.
    pub fn new(inner: Arc<dyn ObjectStore>) -> CountingStore {
        CountingStore { inner, counts: Mutex::default(), fault: Mutex::default() }
    }

    /// What was counted since the start or the last [`CountingStore::reset`].
    pub fn counts(&self) -> Counts {
        *self.counting()
    }

    /// Starts counting at zero again.
    pub fn reset(&self) {
        *self.counting() = Counts::default();
    }

    /// From now on every request for which `fault` has an error fails with it and is not passed
    /// on. The closure is asked once a request, so it can fail the n-th one.
    pub fn fail_when(
        &self,
        fault: impl FnMut(Action, &str) -> Option<StoreError> + Send + 'static,
    ) {
        *self.fault.lock().expect("nobody panicked") = Some(Box::new(fault));
    }

    /// From now on no request fails on demand.
    pub fn heal(&self) {
        *self.fault.lock().expect("nobody panicked") = None;
    }

    fn counting(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().expect("nobody panicked while counting")
    }

    fn check(&self, action: Action, key: &str) -> Result<(), StoreError> {
        let mut fault = self.fault.lock().expect("nobody panicked");
        match fault.as_mut().and_then(|fault| fault(action, key)) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }
}

impl std::fmt::Debug for CountingStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CountingStore({}, {:?})", self.inner.describe(), self.counts())
    }
}

#[async_trait]
impl ObjectStore for CountingStore {
    async fn get(
        &self,
        key: &str,
        unless: Option<&ETag>,
        bytes_max: usize,
    ) -> Result<Read, StoreError> {
        self.counting().gets += 1;
        self.check(Action::Get, key)?;
        let read = self.inner.get(key, unless, bytes_max).await?;
        match &read {
            Read::NotModified => self.counting().not_modified += 1,
            Read::Found { bytes, .. } => self.counting().bytes_read += bytes.len(),
        }
        Ok(read)
    }

    async fn put_new(&self, key: &str, object: Object<'_>) -> Result<ETag, StoreError> {
        self.counting().puts_new += 1;
        self.check(Action::PutNew, key)?;
        self.inner.put_new(key, object).await
    }

    async fn put_if(
        &self,
        key: &str,
        object: Object<'_>,
        expected: &ETag,
    ) -> Result<ETag, StoreError> {
        self.counting().puts_if += 1;
        self.check(Action::PutIf, key)?;
        self.inner.put_if(key, object, expected).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.counting().lists += 1;
        self.check(Action::List, prefix)?;
        self.inner.list(prefix).await
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;

    fn counting() -> CountingStore {
        CountingStore::new(Arc::new(MemoryStore::new()))
    }

    #[tokio::test]
    async fn every_request_is_counted() {
        let store = counting();
        let object = Object { bytes: b"four", content_type: "text/plain" };
        let etag = store.put_new("a", object).await.unwrap();
        store.get("a", None, 10).await.unwrap();
        store.get("a", Some(&etag), 10).await.unwrap();
        store.get("b", None, 10).await.unwrap_err();
        store.put_if("a", object, &etag).await.unwrap();
        store.list("").await.unwrap();
        let counts = store.counts();
        assert_eq!((counts.gets, counts.not_modified, counts.bytes_read), (3, 1, 4));
        assert_eq!((counts.puts_new, counts.puts_if, counts.lists), (1, 1, 1));
        store.reset();
        assert_eq!(store.counts(), Counts::default());
    }

    #[tokio::test]
    async fn requests_fail_on_demand_and_are_not_passed_on() {
        let store = counting();
        let refusal = StoreError::BadKey { key: "x".to_owned(), reason: "a test".to_owned() };
        let error = refusal.clone();
        store.fail_when(move |action, _| (action == Action::PutNew).then(|| error.clone()));
        let object = Object { bytes: b"", content_type: "text/plain" };
        assert_eq!(store.put_new("a", object).await, Err(refusal));
        assert_eq!(store.list("").await, Ok(vec![]));
        store.heal();
        store.put_new("a", object).await.unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn it_is_an_object_store() {
        crate::conformance::object_store(|| Arc::new(counting())).await;
    }
}
