//! Where history and replayed metrics come from: two recordings, or the configured source before
//! and after an instant.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use adapter_local::{Contents, Recording};
use anyhow::{Context, anyhow};
use domain::MetricSet;
use pipeline::backtest::{Part, understood};
use wiring::{Settings, Source};

use super::Arguments;
use crate::exit::Failure;
use crate::shell::Shell;

/// A path that says it is one.
const FILE_SCHEME: &str = "file://";
/// As much before the replay as any model looks back on.
const WARM_UP_S: i64 = 28 * 3_600;

/// What to learn from, and what to replay.
pub struct Sides {
    pub history: Side,
    pub metrics: Side,
}

/// A source, and the stretch of it that is meant.
pub struct Side {
    pub source: Source,
    /// Exclusive, epoch seconds.
    after_s: i64,
    /// Inclusive, epoch seconds.
    until_s: i64,
    /// What a recording holds.
    pub contents: Option<Contents>,
}

/// Reads `file://recording.jsonl.gz`, or a plain path.
pub fn parse_recording(text: &str) -> Result<PathBuf, String> {
    let path = text.strip_prefix(FILE_SCHEME).unwrap_or(text);
    if path.is_empty() || path.contains("://") {
        return Err("write file://recording.jsonl.gz".to_owned());
    }
    Ok(PathBuf::from(path))
}

impl Sides {
    /// Opens what the arguments name. May change which metrics there are.
    pub fn open(
        shell: &Shell,
        arguments: &Arguments,
        settings: &mut Settings,
    ) -> Result<Sides, Failure> {
        match (arguments.from, arguments.to, &arguments.history, &arguments.metrics) {
            (Some(from), Some(to), ..) => {
                Sides::of_range(shell, settings, from.timestamp(), to.timestamp())
            }
            (_, _, Some(history), Some(metrics)) => {
                Sides::of_recordings(shell, settings, history, metrics)
            }
            _ => Err(Failure::Usage(anyhow!(
                "name what to replay: --history and --metrics, or --from and --to"
            ))),
        }
    }

    /// The configured source. What lies before the range is learned from; of it, a replay needs no
    /// more than the warm-up.
    fn of_range(
        shell: &Shell,
        settings: &Settings,
        from_s: i64,
        to_s: i64,
    ) -> Result<Sides, Failure> {
        if to_s <= from_s {
            return Err(Failure::Usage(anyhow!("--to must be later than --from")));
        }
        let side = |after_s, until_s| {
            let source = shell.source(settings)?;
            Ok::<_, Failure>(Side { source, after_s, until_s, contents: None })
        };
        Ok(Sides { history: side(from_s - WARM_UP_S, from_s)?, metrics: side(from_s, to_s)? })
    }

    /// Two recordings. Where the configuration declares no metrics and the recordings hold others
    /// than the default five, the metrics are what the recordings hold, each understood by its
    /// name.
    fn of_recordings(
        shell: &Shell,
        settings: &mut Settings,
        history: &Path,
        metrics: &Path,
    ) -> Result<Sides, Failure> {
        let open = |set: &MetricSet| (Recording::new(history, set), Recording::new(metrics, set));
        let (mut past, mut replayed) = open(&settings.config.metrics);
        let are_declared = settings.effective.iter().any(|it| it.path.starts_with("metrics["));
        if !are_declared {
            let found =
                metric_set(&settings.config.metrics, contents(&past)?, contents(&replayed)?)?;
            if let Some(found) = found {
                settings.config.metrics = found;
                (past, replayed) = open(&settings.config.metrics);
            }
        }
        Ok(Sides { history: Side::of(shell, past)?, metrics: Side::of(shell, replayed)? })
    }
}

impl Side {
    fn of(shell: &Shell, recording: Recording) -> Result<Side, Failure> {
        let contents = contents(&recording)?.clone();
        for warning in &contents.warnings {
            shell.warn(warning);
        }
        Ok(Side {
            source: Source { port: Arc::new(recording), newest: None },
            after_s: contents.oldest_s.unwrap_or(0) - 1,
            until_s: contents.newest_s.unwrap_or(0),
            contents: Some(contents),
        })
    }

    /// The side as a replay reads it.
    pub fn part(&self) -> Part<'_> {
        Part { source: self.source.port.as_ref(), after_s: self.after_s, until_s: self.until_s }
    }

    /// Epoch seconds of its first and its last instant.
    pub fn span(&self) -> (i64, i64) {
        (self.after_s + 1, self.until_s)
    }
}

fn contents(recording: &Recording) -> Result<&Contents, Failure> {
    recording.contents().map_err(|error| Failure::Source(error.into()))
}

/// The metrics of both recordings, if there are any that the set does not know.
fn metric_set(
    known: &MetricSet,
    history: &Contents,
    metrics: &Contents,
) -> Result<Option<MetricSet>, Failure> {
    let both = || [history, metrics].into_iter();
    let named: BTreeSet<String> = both().flat_map(|it| it.metrics.iter().cloned()).collect();
    let others = both().flat_map(|it| it.other_metrics.iter().cloned()).collect();
    let found = understood(known, &named, &others)
        .context("the recordings' metrics cannot be used as they are; list those to use under `metrics` in the configuration");
    found.map_err(Failure::Usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recordings_are_paths() {
        assert_eq!(parse_recording("file://a/b.gz"), Ok(PathBuf::from("a/b.gz")));
        assert_eq!(parse_recording("file:///a/b.gz"), Ok(PathBuf::from("/a/b.gz")));
        assert_eq!(parse_recording("a/b.gz"), Ok(PathBuf::from("a/b.gz")));
        assert!(parse_recording("https://example.org").is_err());
        assert!(parse_recording("file://").is_err());
    }

    #[test]
    fn metrics_are_what_the_recordings_hold() {
        let five = MetricSet::five();
        let contents = |known: &[&str], others: &[&str]| Contents {
            metrics: known.iter().map(|name| (*name).to_owned()).collect(),
            other_metrics: others.iter().map(|name| (*name).to_owned()).collect(),
            ..Contents::default()
        };
        let names = |history: &Contents, metrics: &Contents| {
            let found = metric_set(&five, history, metrics).unwrap();
            found.map(|set| set.iter().map(|it| it.name.clone()).collect::<Vec<_>>())
        };
        let usual = contents(&["request_rate"], &[]);
        assert_eq!(names(&usual, &usual), None);
        let other = contents(&["error_rate"], &["m02", "m01"]);
        let expected = ["request_rate", "error_rate", "m01", "m02"].map(str::to_owned).to_vec();
        assert_eq!(names(&other, &usual), Some(expected));
        let many: Vec<String> = (0..65).map(|index| format!("m{index}")).collect();
        let many = contents(&[], &many.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(metric_set(&five, &many, &usual).is_err());
    }
}
