//! Keys of sections that a later version will use: storage, dashboard.

use super::Key;
use crate::config::shape::Shape;

pub(super) const KEYS: &[Key] = &[
    Key::later("storage", Shape::Object, "").about("Tables, prefixes and how long data is kept."),
    Key::later("metrics_cache", Shape::Object, "").about("A local copy of metrics."),
    Key::later("dashboard", Shape::Object, "").about("The dashboard's access rules."),
    Key::later("limits", Shape::Object, "").about("Bounds that may be changed."),
];
