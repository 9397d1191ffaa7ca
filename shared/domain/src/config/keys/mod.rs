//! The table of all keys: path, type, range, default, unit, meaning.
//!
//! This is the only list of keys. The checks, the suggestions for unknown keys, the variables of
//! the environment, the published schema and the reference in the documentation are made from it.
//!
//! In a path, `*` stands for a name that the document chooses and `[]` for the items of a list of
//! objects. A key with a name of its own wins over `*`.

mod detection;
mod enrichment;
mod incidents;
mod later;
mod models;
mod receivers;
mod services;
mod slos;
mod source;

use super::shape::Shape;

/// One key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    pub(crate) path: &'static str,
    pub(crate) shape: Shape,
    /// JSON text; empty if there is none.
    pub(crate) default: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) stage: Stage,
    /// A short variable of the environment; every scalar key has a long one as well.
    pub(crate) variable: &'static str,
    /// Each item of the list that holds it must have it.
    pub(crate) required: bool,
    /// The code of a number out of range.
    pub(crate) range_code: &'static str,
    pub(crate) about: &'static str,
}

/// Whether a key has an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Live,
    /// Accepted and checked, with a warning: a later version will use it.
    Later,
    /// Accepted and checked, with a warning: it stands in documents of older installations, and what
    /// it meant is decided in another way here. Its meaning says how.
    Moot,
}

/// All keys in the order of the documentation.
const TABLES: [&[Key]; 9] = [
    source::KEYS,
    models::KEYS,
    detection::KEYS,
    services::KEYS,
    slos::KEYS,
    incidents::KEYS,
    receivers::KEYS,
    enrichment::KEYS,
    later::KEYS,
];

pub(crate) fn all() -> impl Iterator<Item = &'static Key> {
    TABLES.into_iter().flatten()
}

/// The key with exactly this pattern.
pub(crate) fn exact(pattern: &str) -> Option<&'static Key> {
    all().find(|key| key.path == pattern)
}

/// The keys at or below a pattern.
pub(crate) fn under(pattern: &str) -> impl Iterator<Item = &'static Key> {
    all().filter(move |key| key.is_under(pattern))
}

/// The pattern that rules the entry `name` of an object with this pattern.
pub(crate) fn child(pattern: &str, name: &str) -> Option<String> {
    let is_one_segment = !name.is_empty() && !name.contains(['.', '[', '*']);
    let own = is_one_segment.then(|| join(pattern, name));
    let any = join(pattern, "*");
    own.into_iter().chain([any]).find(|child| under(child).next().is_some())
}

/// The names and wildcards directly below a pattern, each once, in order.
pub(crate) fn children(pattern: &str) -> Vec<&'static str> {
    let mut names = Vec::new();
    for key in under(pattern) {
        let rest = key.path[pattern.len()..].trim_start_matches('.');
        let name = rest.split(['.', '[']).next().unwrap_or(rest);
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

pub(crate) fn join(pattern: &str, name: &str) -> String {
    if pattern.is_empty() { name.to_owned() } else { format!("{pattern}.{name}") }
}

impl Key {
    const fn live(path: &'static str, shape: Shape, default: &'static str) -> Key {
        Key {
            path,
            shape,
            default,
            unit: "",
            stage: Stage::Live,
            variable: "",
            required: false,
            range_code: "GEN007",
            about: "",
        }
    }

    const fn later(path: &'static str, shape: Shape, default: &'static str) -> Key {
        Key { stage: Stage::Later, ..Key::live(path, shape, default) }
    }

    const fn moot(path: &'static str, shape: Shape, default: &'static str) -> Key {
        Key { stage: Stage::Moot, ..Key::live(path, shape, default) }
    }

    const fn about(self, about: &'static str) -> Key {
        Key { about, ..self }
    }

    const fn unit(self, unit: &'static str) -> Key {
        Key { unit, ..self }
    }

    const fn variable(self, variable: &'static str) -> Key {
        Key { variable, ..self }
    }

    const fn required(self) -> Key {
        Key { required: true, ..self }
    }

    const fn range_code(self, range_code: &'static str) -> Key {
        Key { range_code, ..self }
    }

    /// Whether the document chooses no part of its path.
    pub(crate) fn is_fixed(&self) -> bool {
        !self.path.contains(['*', '['])
    }

    /// The variable that every scalar key with a fixed path has.
    pub(crate) fn long_variable(&self) -> Option<String> {
        let has_one = self.is_fixed() && self.shape.is_scalar();
        has_one.then(|| format!("YAGA__{}", self.path.replace('.', "__").to_uppercase()))
    }

    /// What to write, with the unit.
    pub(crate) fn expected(&self, shape: &Shape) -> String {
        match self.unit {
            "" => shape.described(),
            unit => format!("{} ({unit})", shape.described()),
        }
    }

    pub(crate) fn is_under(&self, pattern: &str) -> bool {
        let Some(rest) = self.path.strip_prefix(pattern) else { return false };
        pattern.is_empty() || rest.is_empty() || rest.starts_with(['.', '['])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{check, tree};

    #[test]
    fn the_table_is_sound() {
        for key in all() {
            assert_eq!(all().filter(|k| k.path == key.path).count(), 1, "{} twice", key.path);
            assert!(!key.about.is_empty(), "{} has no description", key.path);
            if key.default.is_empty() {
                continue;
            }
            let default = tree::parse(key.default).unwrap();
            if !matches!(key.shape, Shape::List(_)) {
                assert!(check::check(key, &key.shape, &default).is_ok(), "default of {}", key.path);
            }
        }
    }

    #[test]
    fn patterns_are_followed() {
        assert_eq!(child("", "services").as_deref(), Some("services"));
        assert_eq!(child("services", "critical").as_deref(), Some("services.*"));
        assert_eq!(
            child("services", "pattern_detection").as_deref(),
            Some("services.pattern_detection")
        );
        assert_eq!(child("", "training.lookback_days"), None);
        assert_eq!(child("training", "lookback"), None);
        assert_eq!(child("training", ""), None);
        assert_eq!(children("services_meta.*"), ["timezone", "expected_metrics"]);
        let key = exact("training.lookback_days").unwrap();
        assert_eq!(key.long_variable().as_deref(), Some("YAGA__TRAINING__LOOKBACK_DAYS"));
        assert_eq!(exact("services.*").unwrap().long_variable(), None);
    }

    #[test]
    fn no_two_keys_share_a_variable() {
        let long = all().filter_map(Key::long_variable);
        let short = all().map(|k| k.variable.to_owned()).filter(|v| !v.is_empty());
        let mut names: Vec<String> = long.chain(short).collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
