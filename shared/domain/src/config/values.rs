//! Checked values by the path of their key, with the source of each.

use serde_json::Value;

use super::keys::{self, Key, Stage};
use super::path::Path;
use super::secret;
use super::{Setting, Source};

/// One value that passed the check of its type and range.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    pub(crate) path: Path,
    pub(crate) key: &'static Key,
    /// Items of a list that were refused are `null`, so that the others keep their positions.
    pub(crate) value: Value,
    pub(crate) source: Source,
}

/// All values that the document and the environment give.
#[derive(Debug, Default)]
pub(crate) struct Values {
    pub(crate) leaves: Vec<Leaf>,
    /// Patterns of keys that are there with a value that was refused.
    pub(crate) refused: Vec<String>,
    /// Patterns of lists of objects that are there, with their lengths.
    pub(crate) lists: Vec<(String, usize)>,
}

const RATE_WINDOW: &str = "victoria_metrics.rate_window";
const RATE_WINDOW_OF_SEED: &str = "\"5m\"";

impl Values {
    /// Puts a value of the environment before the one of the document.
    pub(crate) fn override_with(&mut self, leaf: Leaf) {
        self.leaves.retain(|earlier| earlier.key.path != leaf.key.path);
        self.leaves.push(leaf);
    }

    /// The value of a key with a fixed path, if somebody gives one.
    pub(crate) fn given(&self, path: &str) -> Option<&Leaf> {
        self.leaves.iter().find(|leaf| leaf.key.path == path)
    }

    /// The values of a key whose path has wildcards, in the order of the document.
    pub(crate) fn each<'a>(&'a self, pattern: &'a str) -> impl Iterator<Item = &'a Leaf> {
        self.leaves.iter().filter(move |leaf| leaf.key.path == pattern)
    }

    /// Whether any value at or below a pattern is there, accepted or not.
    pub(crate) fn mentions(&self, pattern: &str) -> bool {
        keys::under(pattern).any(|key| {
            self.given(key.path).is_some() || self.refused.iter().any(|path| path == key.path)
        })
    }

    pub(crate) fn is_refused(&self, path: &str) -> bool {
        self.refused.iter().any(|refused| refused == path)
    }

    pub(crate) fn text(&self, path: &str) -> String {
        self.value(path).as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn number(&self, path: &str) -> f64 {
        self.value(path).as_f64().unwrap_or_default()
    }

    pub(crate) fn flag(&self, path: &str) -> bool {
        self.value(path).as_bool().unwrap_or_default()
    }

    /// A whole number in the type of its setting.
    pub(crate) fn whole<T: TryFrom<i64> + Default>(&self, path: &str) -> T {
        let value = self.value(path).as_i64().and_then(|value| T::try_from(value).ok());
        debug_assert!(value.is_some(), "the range of {path} does not fit its type");
        value.unwrap_or_default()
    }

    /// The accepted items of a list.
    pub(crate) fn items(&self, path: &str) -> Vec<Value> {
        match self.value(path) {
            Value::Array(items) => items.into_iter().filter(|item| !item.is_null()).collect(),
            _ => Vec::new(),
        }
    }

    /// What is in force: the value that is given, else the default.
    pub(crate) fn value(&self, path: &str) -> Value {
        if let Some(leaf) = self.given(path) {
            return leaf.value.clone();
        }
        let key = keys::exact(path);
        debug_assert!(key.is_some(), "{path} is not in the table");
        key.and_then(|key| self.default_of(key)).unwrap_or_default()
    }

    /// The default of a key; one of them depends on another key.
    fn default_of(&self, key: &Key) -> Option<Value> {
        let depends = key.path == RATE_WINDOW && self.text("metrics_preset") == "seed";
        let text = if depends { RATE_WINDOW_OF_SEED } else { key.default };
        serde_json::from_str(text).ok()
    }

    /// Every value in force with its source, in the order of the table.
    pub(crate) fn settings(&self) -> Vec<Setting> {
        keys::all().flat_map(|key| self.settings_of(key)).collect()
    }

    fn settings_of(&self, key: &'static Key) -> Vec<Setting> {
        let given: Vec<Setting> = self
            .each(key.path)
            .map(|leaf| Setting {
                path: leaf.path.to_string(),
                value: shown(&leaf.value),
                source: leaf.source.clone(),
            })
            .collect();
        let has_default = key.stage == Stage::Live && !self.is_replaced(key);
        match self.default_of(key) {
            Some(value) if given.is_empty() && has_default => vec![Setting {
                path: key.path.to_owned(),
                value: shown(&value),
                source: Source::Default,
            }],
            _ => given,
        }
    }

    /// Whether a default is void because another key is given.
    fn is_replaced(&self, key: &Key) -> bool {
        let period_of = |key: &Key| super::resolve::period_of_key(key.path);
        period_of(key).is_some()
            && keys::all().any(|k| period_of(k).is_some() && self.given(k.path).is_some())
    }
}

/// JSON text of a value, without the password that an address may hold.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => Value::String(secret::without_password(text)).to_string(),
        other => other.to_string(),
    }
}
