//! Child processes that cannot outlive the test or run for ever.
//!
//! Invariant: a [`Running`] child has ended when its guard is gone, on success, failure and panic.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long a server may take to end after it was asked to, before it is killed.
const GRACE: Duration = Duration::from_secs(5);
/// Pause between two looks at a child or a port.
const PAUSE: Duration = Duration::from_millis(50);
/// Lines of a log that are shown when something fails.
const LOG_LINES_SHOWN: usize = 30;

/// A child process that is stopped when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Running {
    /// Starts `command` with its output going to the file `log`.
    pub(crate) fn start(name: &str, mut command: Command, log: &Path) -> Result<Self> {
        let out = File::create(log).with_context(|| format!("creating {}", log.display()))?;
        let err = out.try_clone().context("sharing the log file")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned() })
    }

    /// What the process has printed so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until `ready` holds; fails when the process ends first or `limit` has passed.
    pub(crate) fn wait_until(&mut self, limit: Duration, ready: impl Fn() -> bool) -> Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            // A server that found its port taken has ended: whoever answers there is another.
            if let Some(status) = self.child.try_wait().context("looking at the process")? {
                bail!("{} ended with {status}:\n{}", self.name, tail(&self.log()));
            }
            if ready() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("{} is not ready after {limit:?}:\n{}", self.name, tail(&self.log()));
            }
            thread::sleep(PAUSE);
        }
    }

    fn wait_for_end(&mut self, limit: Duration) -> Result<Option<ExitStatus>> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait().context("looking at the process")? {
                return Ok(Some(status));
            }
            if Instant::now() > deadline {
                return Ok(None);
            }
            thread::sleep(PAUSE);
        }
    }

    /// Asks the process to end. A kill would orphan the functions `cargo lambda watch` has started.
    fn ask_to_end(&self) {
        let pid = self.child.id().to_string();
        let asked = Command::new("kill").args(["-TERM", &pid]).stderr(Stdio::null()).status();
        drop(asked);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.ask_to_end();
        if !matches!(self.wait_for_end(GRACE), Ok(Some(_))) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// What a finished command printed.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) success: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command to its end, at most for `limit`.
pub(crate) fn finish(name: &str, mut command: Command, limit: Duration) -> Result<Finished> {
    let folder = tempfile::tempdir().context("making a folder for output")?;
    let (out, err) = (folder.path().join("stdout"), folder.path().join("stderr"));
    let child = command
        .stdin(Stdio::null())
        .stdout(File::create(&out)?)
        .stderr(File::create(&err)?)
        .spawn()
        .with_context(|| format!("starting {name}"))?;
    let mut running = Running { name: name.to_owned(), child, log: err.clone() };
    let Some(status) = running.wait_for_end(limit)? else {
        bail!("{name} is not done after {limit:?}:\n{}", tail(&running.log()));
    };
    Ok(Finished {
        success: status.success(),
        stdout: fs::read_to_string(&out)?,
        stderr: fs::read_to_string(&err)?,
    })
}

/// Runs a command that must succeed and returns its standard output.
pub(crate) fn succeed(name: &str, command: Command, limit: Duration) -> Result<String> {
    let finished = finish(name, command, limit)?;
    if !finished.success {
        bail!("{name} failed:\n{}\n{}", tail(&finished.stdout), tail(&finished.stderr));
    }
    Ok(finished.stdout)
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join("\n")
}
