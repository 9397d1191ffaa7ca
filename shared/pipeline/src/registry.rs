//! Models and the catalog on top of an object store.
//!
//! Artifacts are written once and never changed. Which of them are in force is decided by the
//! catalog alone, and the catalog is only ever swapped: a writer that lost a race reads again,
//! applies its change to what it read, and tries once more.

use std::sync::Arc;
use std::time::Duration;

use artifact::catalog::{CatalogError, ModelRef};
use artifact::known::{self, KnownIncidents};
use artifact::run::{self, TrainingRun};
use artifact::{ArtifactError, Card, Catalog, codec, key};
use chrono::{DateTime, Utc};
use detect::model::PeriodModel;
use domain::limits::{ARTIFACT_BYTES_MAX, CATALOG_BYTES_MAX, CATALOG_SWAP_ATTEMPTS_MAX};
use domain::{Slot, Variant};

use crate::ports::{Clock, ETag, Object, ObjectStore, Read, StoreError};

/// The registry of models in an object store.
#[derive(Clone)]
pub struct Registry {
    store: Arc<dyn ObjectStore>,
}

/// The catalog as it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct CatalogRead {
    pub catalog: Catalog,
    /// `None` if there is no catalog yet.
    pub etag: Option<ETag>,
}

/// Why the registry did not do as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{store}/{}: {error}", key::CATALOG)]
    Catalog { store: String, error: CatalogError },
    #[error("{store}/{key}: {error}")]
    Artifact { store: String, key: String, error: ArtifactError },
    #[error(
        "{store}/{key} is not the object that the catalog names: its SHA-256 begins with {found}, not {expected}"
    )]
    Digest { store: String, key: String, expected: String, found: String },
    #[error("{store}/{}: the incidents to leave out cannot be read: {reason}", known::KNOWN)]
    Known { store: String, reason: String },
    #[error("{store}/{key}: the card cannot be read: {reason}")]
    Card { store: String, key: String, reason: String },
    #[error(
        "a document in {store} was changed by others {attempts} times in a row; nothing of this change was stored, try again"
    )]
    Contended { store: String, attempts: u32 },
    #[error("{0}")]
    Change(CatalogError),
}

impl Registry {
    /// The registry in `store`.
    pub fn new(store: Arc<dyn ObjectStore>) -> Registry {
        Registry { store }
    }

    /// What the registry is, for messages.
    pub fn describe(&self) -> String {
        self.store.describe()
    }

    /// The catalog; an empty one if there is none yet.
    pub async fn catalog(&self) -> Result<CatalogRead, RegistryError> {
        let read = self.catalog_unless(None).await?;
        Ok(read.unwrap_or(CatalogRead { catalog: Catalog::default(), etag: None }))
    }

    /// The catalog, or `None` if it still bears the tag `known`. Costs one conditional read.
    pub async fn catalog_unless(
        &self,
        known: Option<&ETag>,
    ) -> Result<Option<CatalogRead>, RegistryError> {
        match self.store.get(key::CATALOG, known, CATALOG_BYTES_MAX).await {
            Ok(Read::NotModified) => Ok(None),
            Ok(Read::Found { bytes, etag }) => {
                let catalog = Catalog::parse(&bytes)
                    .map_err(|error| RegistryError::Catalog { store: self.describe(), error })?;
                Ok(Some(CatalogRead { catalog, etag: Some(etag) }))
            }
            Err(StoreError::NotFound { .. }) => {
                Ok(Some(CatalogRead { catalog: Catalog::default(), etag: None }))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The model that a reference names, its checksums verified.
    pub async fn model(&self, reference: &ModelRef) -> Result<PeriodModel, RegistryError> {
        let key = reference.key.as_str();
        let bytes = self.object(key).await?;
        let found = codec::digest(&bytes);
        if found != reference.digest {
            // A damaged artifact says more about itself than its digest does.
            self.decode(key, &bytes)?;
            let start = |digest: &str| digest.chars().take(12).collect();
            return Err(RegistryError::Digest {
                store: self.describe(),
                key: key.to_owned(),
                expected: start(&reference.digest),
                found: start(&found),
            });
        }
        self.decode(key, &bytes)
    }

    /// The model of an artifact that need not be in the catalog, and a reference to it.
    pub async fn model_at(&self, key: &str) -> Result<(PeriodModel, ModelRef), RegistryError> {
        let bytes = self.object(key).await?;
        let model = self.decode(key, &bytes)?;
        let reference = reference(key.to_owned(), &model, &bytes);
        Ok((model, reference))
    }

    /// The card beside an artifact.
    pub async fn card(&self, artifact_key: &str) -> Result<Card, RegistryError> {
        let key = key::card_key(artifact_key);
        let bytes = self.object(&key).await?;
        serde_json::from_slice(&bytes).map_err(|error| RegistryError::Card {
            store: self.describe(),
            key,
            reason: error.to_string(),
        })
    }

    /// Writes a model of the usual days, or of a variant, and its card. Writing the same model
    /// twice is no error.
    pub async fn store(
        &self,
        model: &PeriodModel,
        variant: Option<&Variant>,
    ) -> Result<ModelRef, RegistryError> {
        let slot = Slot::of(variant.cloned(), model.period);
        let bytes = codec::encode(model).map_err(|error| RegistryError::Artifact {
            store: self.describe(),
            key: format!("{}/{slot}", model.service),
            error,
        })?;
        let digest = codec::digest(&bytes);
        let trained_at = DateTime::from_timestamp(model.training.trained_at_s, 0);
        let trained_at = trained_at.unwrap_or_default();
        let key = key::artifact_key(&model.service, &slot, trained_at, &digest);
        let card = Card::of(model, &digest, bytes.len() as u64).to_json();
        // The card goes first: whoever sees an artifact can read what it is.
        self.put_once(&key::card_key(&key), &card, "application/json").await?;
        self.put_once(&key, &bytes, "application/octet-stream").await?;
        Ok(reference(key, model, &bytes))
    }

    /// Swaps the incidents that training leaves out for what `change` makes of them, and gives
    /// those. Nothing is written if nothing changes.
    pub async fn change_known(
        &self,
        clock: &dyn Clock,
        change: impl Fn(&mut KnownIncidents) + Send,
    ) -> Result<KnownIncidents, RegistryError> {
        for attempt in 0..CATALOG_SWAP_ATTEMPTS_MAX {
            let (before, etag) = self.known().await?;
            let mut after = before.clone();
            change(&mut after);
            if after == before {
                return Ok(after);
            }
            let json = after.to_json();
            if self.replace(known::KNOWN, &json, etag.as_ref()).await? {
                return Ok(after);
            }
            clock.pause(back_off(attempt, &json)).await;
        }
        Err(self.contended())
    }

    /// The incidents that training leaves out, and what people said of them.
    pub async fn known_incidents(&self) -> Result<KnownIncidents, RegistryError> {
        Ok(self.known().await?.0)
    }

    async fn known(&self) -> Result<(KnownIncidents, Option<ETag>), RegistryError> {
        match self.store.get(known::KNOWN, None, known::KNOWN_BYTES_MAX).await {
            Ok(Read::Found { bytes, etag }) => {
                let parsed = KnownIncidents::parse(&bytes);
                let known = parsed
                    .map_err(|reason| RegistryError::Known { store: self.describe(), reason })?;
                Ok((known, Some(etag)))
            }
            Ok(Read::NotModified) | Err(StoreError::NotFound { .. }) => {
                Ok((KnownIncidents::default(), None))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Writes the record of a training run.
    pub async fn record_run(
        &self,
        started_at: DateTime<Utc>,
        record: &TrainingRun,
    ) -> Result<(), RegistryError> {
        let key = run::run_key(started_at, &record.run_id);
        self.put_once(&key, &record.to_json(), "application/json").await
    }

    /// The records of the last training runs, the newest first. One that cannot be read by this
    /// version is left out.
    pub async fn runs(&self, count_max: usize) -> Result<Vec<TrainingRun>, RegistryError> {
        let keys = self.store.list(run::RUNS).await?;
        let mut runs = Vec::new();
        for key in keys.iter().rev().take(count_max) {
            if let Read::Found { bytes, .. } = self.store.get(key, None, run::RUN_BYTES_MAX).await?
            {
                runs.extend(serde_json::from_slice::<TrainingRun>(&bytes).ok());
            }
        }
        Ok(runs)
    }

    /// Every artifact below a prefix.
    pub async fn artifacts(&self, prefix: &str) -> Result<Vec<String>, RegistryError> {
        let keys = self.store.list(prefix).await?;
        Ok(keys.into_iter().filter(|key| key.ends_with(".bin")).collect())
    }

    /// Swaps the catalog for what `change` makes of it.
    pub async fn swap<T>(
        &self,
        clock: &dyn Clock,
        change: impl Fn(&mut Catalog) -> Result<T, CatalogError> + Send,
    ) -> Result<T, RegistryError>
    where
        T: Send,
    {
        for attempt in 0..CATALOG_SWAP_ATTEMPTS_MAX {
            let CatalogRead { mut catalog, etag } = self.catalog().await?;
            let outcome = change(&mut catalog).map_err(RegistryError::Change)?;
            catalog.updated_at = Some(clock.now());
            let json = catalog.to_json();
            if self.replace(key::CATALOG, &json, etag.as_ref()).await? {
                return Ok(outcome);
            }
            clock.pause(back_off(attempt, &json)).await;
        }
        Err(self.contended())
    }

    /// Writes a document in place of the one that bears a tag, or of none; `false` if somebody was
    /// quicker.
    async fn replace(
        &self,
        key: &str,
        json: &[u8],
        expected: Option<&ETag>,
    ) -> Result<bool, RegistryError> {
        let object = Object { bytes: json, content_type: "application/json" };
        let put = match expected {
            Some(etag) => self.store.put_if(key, object, etag).await,
            None => self.store.put_new(key, object).await,
        };
        match put {
            Ok(_) => Ok(true),
            Err(StoreError::Precondition { .. } | StoreError::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn contended(&self) -> RegistryError {
        RegistryError::Contended { store: self.describe(), attempts: CATALOG_SWAP_ATTEMPTS_MAX }
    }

    async fn object(&self, key: &str) -> Result<Vec<u8>, RegistryError> {
        match self.store.get(key, None, ARTIFACT_BYTES_MAX).await? {
            Read::Found { bytes, .. } => Ok(bytes),
            Read::NotModified => Err(RegistryError::Store(StoreError::NotFound {
                store: self.describe(),
                key: key.to_owned(),
            })),
        }
    }

    fn decode(&self, key: &str, bytes: &[u8]) -> Result<PeriodModel, RegistryError> {
        codec::decode(bytes).map_err(|error| RegistryError::Artifact {
            store: self.describe(),
            key: key.to_owned(),
            error,
        })
    }

    async fn put_once(
        &self,
        key: &str,
        bytes: &[u8],
        content_type: &'static str,
    ) -> Result<(), RegistryError> {
        match self.store.put_new(key, Object { bytes, content_type }).await {
            // The digest is part of the key: what is there is what was to be written.
            Ok(_) | Err(StoreError::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Registry({})", self.describe())
    }
}

fn reference(key: String, model: &PeriodModel, bytes: &[u8]) -> ModelRef {
    ModelRef {
        key,
        digest: codec::digest(bytes),
        bytes: bytes.len() as u64,
        trained_at: DateTime::from_timestamp(model.training.trained_at_s, 0).unwrap_or_default(),
    }
}

/// Longer with each attempt, and different for writers that want different things.
fn back_off(attempt: u32, wanted: &[u8]) -> Duration {
    const FIRST_MS: u64 = 20;
    const LONGEST_MS: u64 = 1000;
    let longest = (FIRST_MS << attempt.min(10)).min(LONGEST_MS);
    let salt = wanted
        .iter()
        .fold(attempt as u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    Duration::from_millis(longest / 2 + salt % (longest / 2 + 1))
}
