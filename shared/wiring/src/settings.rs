//! Finds, reads and checks the configuration document.
//!
//! `CONFIG_FILE` (or `CONFIG_PATH`) names it: a path, or an object `s3://bucket/key`. Without
//! either, `yaga.json` or `config.json` of the working folder is read if there is one; without
//! any document the defaults hold. A document that is named and cannot be read is an error.

use std::path::Path;

use domain::config::valid::Config;
use domain::config::{self, Loaded, Problem, Problems, Setting};
use pipeline::ports::{ObjectStore, Read};
use sha2::{Digest, Sha256};

use crate::Environment;
use crate::adapters::s3_store;

/// Documents that are looked for when none is named.
pub const USUAL_PLACES: [&str; 2] = ["yaga.json", "config.json"];
/// Bytes of a document that are read at most.
const DOCUMENT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The configuration of a run.
#[derive(Debug, Clone)]
pub struct Settings {
    pub config: Config,
    pub warnings: Vec<Problem>,
    /// Every setting, its value, and where it comes from.
    pub effective: Vec<Setting>,
    /// The document that was read, if any.
    pub document: Option<String>,
    /// SHA-256 of the effective settings, hexadecimal: recorded with models.
    pub digest: String,
}

/// Why there are no settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error("the configuration {path} cannot be read: {reason}; CONFIG_FILE names it")]
    Unreadable { path: String, reason: String },
    #[error("the configuration {place} is not usable\n{problems}")]
    Invalid { place: String, problems: Problems },
}

impl Settings {
    /// Reads the document that the environment names, or a usual one, and checks it.
    pub async fn load(env: Environment<'_>) -> Result<Settings, SettingsError> {
        let named = |name: &str| env(name).filter(|path| !path.is_empty());
        let named = named("CONFIG_FILE").or_else(|| named("CONFIG_PATH"));
        let (document, text) = match named {
            Some(path) => {
                let text = read(&path, env).await;
                let text = text
                    .map_err(|reason| SettingsError::Unreadable { path: path.clone(), reason })?;
                (Some(path), Some(text))
            }
            None => match USUAL_PLACES.iter().find(|path| Path::new(path).is_file()) {
                Some(path) => {
                    let text = std::fs::read_to_string(path).map_err(|error| {
                        let (path, reason) = ((*path).to_owned(), error.to_string());
                        SettingsError::Unreadable { path, reason }
                    })?;
                    (Some((*path).to_owned()), Some(text))
                }
                None => (None, None),
            },
        };
        Settings::check(document, text.as_deref(), env)
    }

    /// Checks a document that was read already.
    pub fn check(
        document: Option<String>,
        text: Option<&str>,
        env: Environment<'_>,
    ) -> Result<Settings, SettingsError> {
        let place = document.clone().unwrap_or_else(|| "of the environment".to_owned());
        let loaded = config::load(text, &env)
            .map_err(|problems| SettingsError::Invalid { place, problems })?;
        let Loaded { config, warnings, effective } = loaded;
        let digest = digest(&effective);
        Ok(Settings { config, warnings, effective, document, digest })
    }
}

async fn read(path: &str, env: Environment<'_>) -> Result<String, String> {
    let bytes = match path.strip_prefix("s3://") {
        Some(object) => read_object(object, env).await?,
        None => std::fs::read(path).map_err(|error| error.to_string())?,
    };
    if bytes.len() > DOCUMENT_BYTES_MAX {
        return Err(format!("it has more than {DOCUMENT_BYTES_MAX} bytes"));
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())
}

async fn read_object(object: &str, env: Environment<'_>) -> Result<Vec<u8>, String> {
    let (bucket, key) = object.split_once('/').ok_or("write s3://bucket/key")?;
    let store = s3_store(bucket, "", env);
    match store.get(key, None, DOCUMENT_BYTES_MAX).await {
        Ok(Read::Found { bytes, .. }) => Ok(bytes),
        Ok(Read::NotModified) => Err("it was not sent".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Two runs with the same settings have the same digest, wherever the settings come from.
fn digest(effective: &[Setting]) -> String {
    let mut hash = Sha256::new();
    for setting in effective {
        hash.update(format!("{}={}\n", setting.path, setting.value));
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
