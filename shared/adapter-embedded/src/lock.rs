//! One owner of a file at a time, by an exclusive lock on a file beside it.
//!
//! The engine keeps what it knows of tables per process, so two owners would mislead each other.
//! The system drops the lock of a process that ends, however it ends; what stays in the file only
//! says who the last owner was.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const WAIT_MAX: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_millis(20);
/// Bytes of the owner's line that are read.
const OWNER_BYTES_MAX: u64 = 1_024;

/// Who opens a file, for those who find it open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// What the process was started as: `yaga infer`.
    pub command: String,
    /// Since when, in words.
    pub since: String,
}

/// Why a file could not be locked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    #[error(
        "the incident state {path} is in use by {owner}; waited {seconds} s: stop that process or try again later"
    )]
    Held { path: String, owner: String, seconds: u64 },
    #[error("the lock {path} cannot be used: {reason}; check the folder and its permissions")]
    Unusable { path: String, reason: String },
}

/// Held until it is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Takes the lock beside `path`, waiting a few seconds for it.
    pub(crate) fn take(path: &Path, owner: &Owner) -> Result<FileLock, LockError> {
        FileLock::take_within(path, owner, WAIT_MAX)
    }

    fn take_within(path: &Path, owner: &Owner, wait: Duration) -> Result<FileLock, LockError> {
        let lock_path = beside(path);
        let unusable = |error: std::io::Error| {
            let (path, reason) = (lock_path.display().to_string(), error.to_string());
            LockError::Unusable { path, reason }
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(unusable)?;
        }
        let mut options = File::options();
        options.create(true).read(true).write(true).truncate(false);
        let mut file = options.open(&lock_path).map_err(unusable)?;
        let start = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if start.elapsed() < wait => {
                    std::thread::sleep(RETRY);
                }
                Err(TryLockError::WouldBlock) => {
                    let (path, seconds) = (path.display().to_string(), wait.as_secs());
                    return Err(LockError::Held { path, owner: read_owner(&mut file), seconds });
                }
                Err(TryLockError::Error(error)) => return Err(unusable(error)),
            }
        }
        write_owner(&mut file, owner).map_err(unusable)?;
        Ok(FileLock { _file: file })
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

fn write_owner(file: &mut File, owner: &Owner) -> std::io::Result<()> {
    let Owner { command, since } = owner;
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "process {} ({command}) since {since}", std::process::id())
}

/// The owner may be about to write its line.
fn read_owner(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(OWNER_BYTES_MAX).read_to_string(&mut text));
    match read {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(command: &str) -> Owner {
        Owner { command: command.to_owned(), since: "2026-03-02T02:00:00Z".to_owned() }
    }

    #[test]
    fn the_second_owner_is_told_of_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/state.db");
        let first = FileLock::take(&path, &owner("yaga infer")).unwrap();
        let second = FileLock::take_within(&path, &owner("yaga incidents"), Duration::ZERO);
        let text = second.unwrap_err().to_string();
        let text = text.replace(&folder.path().display().to_string(), "");
        let text = text.replace(&std::process::id().to_string(), "1");
        insta::assert_snapshot!(text, @"the incident state /deep/state.db is in use by process 1 (yaga infer) since 2026-03-02T02:00:00Z; waited 0 s: stop that process or try again later");
        drop(first);
        assert!(FileLock::take_within(&path, &owner("x"), Duration::ZERO).is_ok());
    }

    #[test]
    fn a_folder_that_cannot_be_is_told() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let error = FileLock::take(&folder.path().join("file/state.db"), &owner("x"));
        assert!(matches!(error, Err(LockError::Unusable { .. })), "{error:?}");
    }
}
