//! Incidents of a process: where they are kept, who is told, and the name of each invocation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use domain::config::valid::Config;
use pipeline::deliver::Receiver;
use pipeline::incidents::{Retention, Writer};
use pipeline::infer::IncidentPorts;
use pipeline::ports::{Clock, ScoreSink};

use crate::Environment;
use crate::contexts::{Contexts, contexts};
use crate::receivers::{receivers, score_sink};
use crate::state::{OpenFile, State, StateSettingsError, state};

/// Everything that a cycle needs to keep incidents and to tell of them.
#[derive(Clone)]
pub struct Incidents {
    pub state: State,
    pub receivers: Vec<Receiver>,
    scores: Option<Arc<dyn ScoreSink>>,
    contexts: Contexts,
    retention: Retention,
}

impl Incidents {
    /// What the settings ask for; `None` where incidents are kept nowhere.
    pub async fn from_settings(
        config: &Config,
        env: Environment<'_>,
        open_file: Option<OpenFile<'_>>,
    ) -> Result<Option<Incidents>, StateSettingsError> {
        let Some(state) = state(config, env, open_file).await? else { return Ok(None) };
        Ok(Some(Incidents {
            state,
            receivers: receivers(config, env),
            scores: score_sink(config, env),
            contexts: contexts(config, env),
            retention: Retention::of_hours(hours(config.fingerprinting.retention_hours)),
        }))
    }

    /// A new invocation.
    pub fn writer(&self) -> Writer {
        Writer { name: invocation(), retention: self.retention }
    }

    /// The ports of a cycle.
    pub fn ports<'a>(&'a self, writer: &'a Writer, clock: &'a dyn Clock) -> IncidentPorts<'a> {
        IncidentPorts {
            store: self.state.incidents.as_ref(),
            outbox: self.state.outbox.as_ref(),
            receivers: &self.receivers,
            scores: self.scores.as_deref(),
            contexts: self.contexts.ports(),
            clock,
            writer,
            began_at: clock.now(),
        }
    }
}

fn hours(hours: i64) -> u32 {
    u32::try_from(hours.max(1)).unwrap_or(u32::MAX)
}

/// A name that no other invocation has: of this process, this instant, and the count.
fn invocation() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:x}-{:x}-{count:x}", std::process::id(), since.as_nanos())
}

impl std::fmt::Debug for Incidents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Incidents({:?}, {:?})", self.state, self.receivers)
    }
}
