//! An object store in memory.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use pipeline::ports::{ETag, Object, ObjectStore, Read, StoreError, check_key};

const NAME: &str = "memory";

/// Keeps objects as long as it lives. A tag is a hash of the content.
#[derive(Debug, Default)]
pub struct MemoryStore {
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// Puts an object whatever is there, for the arrangement of a test.
    pub fn set(&self, key: &str, bytes: impl Into<Vec<u8>>) {
        self.objects().insert(key.to_owned(), bytes.into());
    }

    /// Takes an object away, for the arrangement of a test.
    pub fn remove(&self, key: &str) -> Option<Vec<u8>> {
        self.objects().remove(key)
    }

    /// Everything in the store, for the assertions of a test.
    pub fn snapshot(&self) -> BTreeMap<String, Vec<u8>> {
        self.objects().clone()
    }

    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.objects.lock().expect("nobody panicked while holding the objects")
    }
}

#[async_trait]
impl ObjectStore for MemoryStore {
    async fn get(
        &self,
        key: &str,
        unless: Option<&ETag>,
        bytes_max: usize,
    ) -> Result<Read, StoreError> {
        check_key(key)?;
        let objects = self.objects();
        let bytes = objects
            .get(key)
            .ok_or_else(|| StoreError::NotFound { store: NAME.to_owned(), key: key.to_owned() })?;
        let etag = tag_of(bytes);
        if unless == Some(&etag) {
            return Ok(Read::NotModified);
        }
        if bytes.len() > bytes_max {
            let (store, key) = (NAME.to_owned(), key.to_owned());
            return Err(StoreError::TooLarge { store, key, bytes_max });
        }
        Ok(Read::Found { bytes: bytes.clone(), etag })
    }

    async fn put_new(&self, key: &str, object: Object<'_>) -> Result<ETag, StoreError> {
        check_key(key)?;
        let mut objects = self.objects();
        if objects.contains_key(key) {
            let (store, key) = (NAME.to_owned(), key.to_owned());
            return Err(StoreError::AlreadyExists { store, key });
        }
        objects.insert(key.to_owned(), object.bytes.to_vec());
        Ok(tag_of(object.bytes))
    }

    async fn put_if(
        &self,
        key: &str,
        object: Object<'_>,
        expected: &ETag,
    ) -> Result<ETag, StoreError> {
        check_key(key)?;
        let mut objects = self.objects();
        if objects.get(key).map(|bytes| tag_of(bytes)).as_ref() != Some(expected) {
            return Err(StoreError::Precondition { store: NAME.to_owned(), key: key.to_owned() });
        }
        objects.insert(key.to_owned(), object.bytes.to_vec());
        Ok(tag_of(object.bytes))
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        Ok(self.objects().keys().filter(|key| key.starts_with(prefix)).cloned().collect())
    }

    fn describe(&self) -> String {
        NAME.to_owned()
    }
}

fn tag_of(bytes: &[u8]) -> ETag {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    ETag(format!("{:016x}", hasher.finish()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn it_is_an_object_store() {
        crate::conformance::object_store(|| Arc::new(MemoryStore::new())).await;
    }

    #[tokio::test]
    async fn tests_can_arrange_and_look() {
        let store = MemoryStore::new();
        store.set("a", *b"1");
        assert_eq!(store.list("").await, Ok(vec!["a".to_owned()]));
        assert_eq!(store.snapshot()["a"], b"1");
        assert_eq!(store.remove("a"), Some(b"1".to_vec()));
        assert_eq!(store.remove("a"), None);
    }
}
