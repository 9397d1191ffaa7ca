//! The configuration document, checked as a whole before anything runs.
//!
//! A document is JSON. [`load`] reads it together with the environment's overrides and yields a
//! [`Config`] in which every value is present and in range, or all problems at once, each with the
//! path of its key. Nothing is ever ignored silently: an unknown key is an error that names the
//! nearest known one, a key that a later version will use is a warning.
//!
//! One table, `keys`, lists every key with its type, range and default. The way of a value:
//!
//! ```text
//! text -> tree (JSON in order) -> read (along the table) -+-> values -> resolve -> Config
//!                            env (one lookup per key) ----+
//! ```
//!
//! [`schema()`] and [`reference()`] are the same table for editors and for people.

mod check;
pub mod enrichment;
mod env;
mod forms;
pub mod incidents;
mod keys;
mod moment;
mod nearest;
pub mod objectives;
mod path;
mod problems;
mod read;
pub mod receivers;
mod reference;
mod resolve;
mod schema;
mod secret;
mod shape;
mod tree;
pub mod valid;
mod values;

#[cfg(test)]
mod tests;

pub use objectives::SloSettings;
pub use problems::{Level, Problem, Problems};
pub use reference::reference;
pub use schema::schema;
pub use valid::Config;

use values::Values;

/// What to say where a metric source is needed and `victoria_metrics.endpoint` is not set.
pub const ENDPOINT_UNSET: &str = "no metric source is set; set VM_ENDPOINT (or the key \
    victoria_metrics.endpoint) to a server, https://host:8428, or to a recording, \
    file://recording.jsonl.gz";

/// A configuration without errors.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub config: Config,
    /// Nothing that stops the start, but worth showing.
    pub warnings: Vec<Problem>,
    /// Every value in force, in the order of the reference.
    pub effective: Vec<Setting>,
}

/// One value in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// JSON path of the key.
    pub path: String,
    /// JSON text; passwords in addresses are replaced by `***`.
    pub value: String,
    pub source: Source,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    Default,
    Document,
    /// The variable's name.
    Environment(String),
}

/// Reads a document, if there is one, and the environment's overrides.
///
/// `env` gives the value of a variable. The environment wins over the document, the document over
/// the defaults. The error holds all problems: errors first, then warnings.
pub fn load(
    document: Option<&str>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Loaded, Problems> {
    let mut problems = Vec::new();
    let mut values = Values::default();
    match document.map(tree::parse) {
        Some(Ok(tree)) => read::read(&tree, &mut values, &mut problems),
        Some(Err(problem)) => problems.push(problem),
        None => {}
    }
    env::read(env, &mut values, &mut problems);
    let config = resolve::resolve(&values, &mut problems);
    problems.sort_by_key(|problem| problem.level);
    if problems.first().is_some_and(|problem| problem.level == Level::Error) {
        return Err(Problems(problems));
    }
    Ok(Loaded { config, warnings: problems, effective: values.settings() })
}
