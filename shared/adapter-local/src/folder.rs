//! A folder of the file system as object store.
//!
//! A key is a path below the folder, and the tag of an object is the SHA-256 of its content. An
//! object appears whole or not at all: it is written beside the others under a name that nobody
//! lists, made durable, and then renamed. Comparing and renaming happen under one exclusive lock
//! of the folder, so of several processes exactly one succeeds. A process that is killed leaves no
//! lock behind, and a file that nobody sees and that a later writer removes.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read as _, Write};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use pipeline::ports::{ETag, Object, ObjectStore, Read, StoreError};
use sha2::{Digest, Sha256};

use crate::key::{self, RESERVED};

const LOCK_WAIT_MAX: Duration = Duration::from_secs(10);
const LOCK_RETRY: Duration = Duration::from_millis(3);
const LEFTOVER_AGE: Duration = Duration::from_secs(3_600);
/// Bytes of the object that a replacement is compared with.
const COMPARED_BYTES_MAX: usize = 1 << 30;

/// Objects as files. The folder is made by the first write.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    lock_wait: Duration,
    swept: Once,
}

impl Folder {
    /// A store below `root`. Nothing is read or written yet.
    pub fn new(root: impl Into<PathBuf>) -> Folder {
        Folder { root: root.into(), lock_wait: LOCK_WAIT_MAX, swept: Once::new() }
    }

    fn path_of(&self, key: &str) -> Result<PathBuf, StoreError> {
        key::check(key)?;
        Ok(self.root.join(key))
    }

    /// Writes the object if `may` allows it for what is there now.
    fn put(
        &self,
        key: &str,
        object: Object<'_>,
        may: impl Fn(Option<&ETag>) -> Result<(), StoreError>,
    ) -> Result<ETag, StoreError> {
        let path = self.path_of(key)?;
        let fail = |error| self.error_of(error, "write", key);
        let draft = Draft::write(&self.root, object.bytes).map_err(fail)?;
        let _lock = self.lock().map_err(fail)?;
        self.swept.call_once(|| sweep(&self.root));
        let there = match read_file(&path, COMPARED_BYTES_MAX) {
            Ok(bytes) => Some(tag_of(&bytes)),
            Err(error) if is_absence(&error) => None,
            Err(error) => return Err(fail(error)),
        };
        may(there.as_ref())?;
        draft.publish(&path).map_err(fail)?;
        Ok(tag_of(object.bytes))
    }

    fn lock(&self) -> io::Result<File> {
        let path = self.root.join(RESERVED).join("lock");
        let file = File::options().create(true).write(true).truncate(false).open(&path)?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if start.elapsed() < self.lock_wait => {
                    std::thread::sleep(LOCK_RETRY);
                }
                Err(TryLockError::WouldBlock) => {
                    let (path, seconds) = (path.display(), self.lock_wait.as_secs());
                    let text = format!("another process has held {path} for {seconds} s");
                    return Err(io::Error::new(ErrorKind::WouldBlock, text));
                }
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    fn error_of(&self, error: io::Error, action: &'static str, key: &str) -> StoreError {
        let (store, key, reason) = (self.describe(), key.to_owned(), error.to_string());
        match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                StoreError::Denied { store, action, key, reason }
            }
            _ => StoreError::Unavailable { store, action, key, reason },
        }
    }
}

#[async_trait]
impl ObjectStore for Folder {
    async fn get(
        &self,
        key: &str,
        unless: Option<&ETag>,
        bytes_max: usize,
    ) -> Result<Read, StoreError> {
        let path = self.path_of(key)?;
        let bytes = read_file(&path, bytes_max).map_err(|error| {
            let (store, key) = (self.describe(), key.to_owned());
            match error.kind() {
                ErrorKind::FileTooLarge => StoreError::TooLarge { store, key, bytes_max },
                _ if is_absence(&error) => StoreError::NotFound { store, key },
                _ => self.error_of(error, "read", &key),
            }
        })?;
        let etag = tag_of(&bytes);
        if unless == Some(&etag) {
            return Ok(Read::NotModified);
        }
        Ok(Read::Found { bytes, etag })
    }

    async fn put_new(&self, key: &str, object: Object<'_>) -> Result<ETag, StoreError> {
        self.put(key, object, |there| match there {
            None => Ok(()),
            Some(_) => {
                Err(StoreError::AlreadyExists { store: self.describe(), key: key.to_owned() })
            }
        })
    }

    async fn put_if(
        &self,
        key: &str,
        object: Object<'_>,
        expected: &ETag,
    ) -> Result<ETag, StoreError> {
        self.put(key, object, |there| match there {
            Some(etag) if etag == expected => Ok(()),
            _ => Err(StoreError::Precondition { store: self.describe(), key: key.to_owned() }),
        })
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        // Only the folder that the prefix names can hold such keys.
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        if !folder.is_empty() {
            key::check(folder)?;
        }
        let mut keys = Vec::new();
        collect(&self.root, folder, &mut keys)
            .map_err(|error| self.error_of(error, "list", prefix))?;
        keys.retain(|key| key.starts_with(prefix));
        keys.sort();
        Ok(keys)
    }

    fn describe(&self) -> String {
        self.root.display().to_string()
    }
}

/// A file with an object's content that is not an object yet. It is removed if it never becomes
/// one.
struct Draft(PathBuf);

impl Draft {
    fn write(root: &Path, bytes: &[u8]) -> io::Result<Draft> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let folder = root.join(RESERVED);
        fs::create_dir_all(&folder)?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let draft = Draft(folder.join(format!("draft-{}-{number}", std::process::id())));
        let mut file = File::create(&draft.0)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        Ok(draft)
    }

    fn publish(self, path: &Path) -> io::Result<()> {
        let folder = path.parent().unwrap_or(path);
        fs::create_dir_all(folder)?;
        fs::rename(&self.0, path)?;
        sync_folder(folder)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A rename is durable once its folder is.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

/// Removes what killed writers left behind. Failing to do so harms nobody.
fn sweep(root: &Path) {
    let Ok(entries) = fs::read_dir(root.join(RESERVED)) else { return };
    for entry in entries.flatten() {
        let is_draft = entry.file_name().to_string_lossy().starts_with("draft-");
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let age = modified.ok().and_then(|time| time.elapsed().ok());
        if is_draft && age.is_some_and(|age| age > LEFTOVER_AGE) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn read_file(path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(ErrorKind::IsADirectory.into());
    }
    let mut bytes = Vec::new();
    file.take(bytes_max as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > bytes_max { Err(ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

/// A key can be a part of another; then a folder or a file stands where no object is.
fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory)
}

fn tag_of(bytes: &[u8]) -> ETag {
    let digest = Sha256::digest(bytes);
    ETag(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn collect(root: &Path, folder: &str, keys: &mut Vec<String>) -> io::Result<()> {
    let entries = match fs::read_dir(root.join(folder)) {
        Ok(entries) => entries,
        Err(error) if is_absence(&error) => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        // A name that is no text was not made by this store.
        let Some(name) = name.to_str().filter(|name| *name != RESERVED) else { continue };
        let key = if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
        let kind = entry.file_type()?;
        if kind.is_dir() {
            collect(root, &key, keys)?;
        } else if kind.is_file() {
            keys.push(key);
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "folder_tests.rs"]
mod tests;
