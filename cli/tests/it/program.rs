//! Runs the built program.

use std::path::Path;
use std::process::{Command, Output};

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs `yaga` in `folder` with nothing in the environment but `variables`.
pub(crate) fn yaga(folder: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Run {
    let mut command = Command::new(env!("CARGO_BIN_EXE_yaga"));
    command.current_dir(folder).env_clear().envs(variables.iter().copied()).args(arguments);
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the program writes UTF-8");
    Run { code: status.code().expect("the program ends"), out: text(stdout), err: text(stderr) }
}

impl Run {
    /// The document of a run with `--json`.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// Asserts an exit code, and shows what was said if it is another.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Run {
        assert_eq!(self.code, code, "{self:?}");
        self
    }

    /// Asserts that plain text was written: no colour, no progress bar.
    #[track_caller]
    pub(crate) fn is_plain(&self) {
        assert!(!self.out.contains('\u{1b}') && !self.err.contains('\u{1b}'), "{self:?}");
    }
}

/// A small estate in `folder/estate`: enough days for a model, few enough to be quick.
pub(crate) fn simulate(folder: &Path, more: &[&str]) -> Run {
    let base = ["simulate", "--out", "estate", "--services", "3", "--days", "15"];
    yaga(folder, &[], &[&base[..], &["--test-hours", "6"], more].concat())
}

/// The variables that choose a recording of that estate.
pub(crate) fn recording(part: &str) -> String {
    format!("file://estate/{part}.jsonl.gz")
}
