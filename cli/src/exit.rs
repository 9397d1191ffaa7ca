//! Exit codes, and how a failure is told.

use std::process::ExitCode;

use crate::shell::Shell;

/// Shown below `yaga --help`.
pub const HELP: &str = "\
Exit codes:
  0  done
  1  done in part: some services or periods were not
  2  the arguments or the configuration are wrong
  3  the metric source cannot be used
  4  there is no model
  5  the registry of models cannot be used
  6  anything else
  7  the state of incidents cannot be used";

/// How a command ended, when it did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    Whole,
    InPart,
    NoModels,
    SourceUnavailable,
}

/// Why a command failed: the exit code says which part, the text says what to do.
#[derive(Debug)]
pub enum Failure {
    Usage(anyhow::Error),
    Source(anyhow::Error),
    Registry(anyhow::Error),
    State(anyhow::Error),
    Other(anyhow::Error),
}

/// What every command returns.
pub type Outcome = Result<Done, Failure>;

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure::Other(error)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Failure::Usage(error)
        | Failure::Source(error)
        | Failure::Registry(error)
        | Failure::State(error)
        | Failure::Other(error)) = self;
        write!(f, "{error:#}")
    }
}

/// Tells a failure, and turns an outcome into the process's exit code.
pub fn report(shell: &Shell, outcome: Outcome) -> ExitCode {
    let (code, error) = match outcome {
        Ok(Done::Whole) => (0, None),
        Ok(Done::InPart) => (1, None),
        Ok(Done::SourceUnavailable) => (3, None),
        Ok(Done::NoModels) => (4, None),
        Err(Failure::Usage(error)) => (2, Some(error)),
        Err(Failure::Source(error)) => (3, Some(error)),
        Err(Failure::Registry(error)) => (5, Some(error)),
        Err(Failure::Other(error)) => (6, Some(error)),
        Err(Failure::State(error)) => (7, Some(error)),
    };
    if let Some(error) = error {
        shell.complain(&format!("{error:#}"));
    }
    ExitCode::from(code)
}
