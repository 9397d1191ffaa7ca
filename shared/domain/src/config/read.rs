//! Walks a document along the table of keys.

use std::collections::HashSet;

use serde_json::Value;

use super::Source;
use super::check::{Flaw, check};
use super::keys::{self, Key, Stage};
use super::nearest::nearest;
use super::path::Path;
use super::problems::Problem;
use super::secret;
use super::shape::{LIST_ITEMS_MAX, Shape};
use super::tree::{Tree, shown_text};
use super::values::{Leaf, Values};

/// Reads all values of a document; everything that does not fit becomes a problem.
pub(crate) fn read(root: &Tree, values: &mut Values, problems: &mut Vec<Problem>) {
    let mut reader = Reader { values, problems };
    match root {
        Tree::Object(entries) => reader.object(&Place::default(), entries),
        other => {
            let message = format!("the document is {}; write an object", other.type_name());
            reader.problems.push(Problem::error("GEN002", "", message));
        }
    }
}

/// What a warning about a key of later work says.
pub(crate) const NOT_USED_YET: &str = "is accepted and checked, but not used yet";
/// What a warning about a key says that is decided in another way.
pub(crate) const NO_EFFECT: &str = "is accepted and checked, but has no effect";

/// The same for the keys below a pattern, with what holds instead.
fn idle(pattern: &str) -> String {
    let is_moot = keys::under(pattern).all(|key| key.stage == Stage::Moot);
    match keys::exact(pattern) {
        Some(key) if is_moot => format!("{NO_EFFECT}: {}", key.about.trim_end_matches('.')),
        _ if is_moot => NO_EFFECT.to_owned(),
        _ => NOT_USED_YET.to_owned(),
    }
}

/// Names that are listed where no known key is near.
const NAMES_LISTED_MAX: usize = 12;

/// Problems after which a document is not read any further.
const PROBLEMS_MAX: usize = 1_000;

struct Reader<'a> {
    values: &'a mut Values,
    problems: &'a mut Vec<Problem>,
}

/// Where the walk is: in the document and in the table.
#[derive(Debug, Clone, Default)]
struct Place {
    path: Path,
    pattern: String,
    /// The warning about later work has been given further up.
    is_announced: bool,
}

impl Reader<'_> {
    fn object(&mut self, place: &Place, entries: &[(String, Tree)]) {
        let mut seen = HashSet::new();
        for (name, tree) in entries {
            if name.starts_with("_comment") || name == "$schema" {
                continue;
            }
            if self.problems.len() >= PROBLEMS_MAX {
                return;
            }
            let path = place.path.name(name);
            if !seen.insert(name) {
                let message = "the key is there twice; keep one of them";
                self.problems.push(Problem::error("GEN005", path, message));
                continue;
            }
            match keys::child(&place.pattern, name) {
                Some(pattern) => {
                    self.node(Place { path, pattern, is_announced: place.is_announced }, tree)
                }
                None => self.problems.push(unknown(place, name)),
            }
        }
    }

    fn node(&mut self, mut place: Place, tree: &Tree) {
        let is_idle = keys::under(&place.pattern).all(|key| key.stage != Stage::Live);
        if is_idle && !place.is_announced {
            let message = format!("the key {}", idle(&place.pattern));
            self.problems.push(Problem::warning("GEN003", &place.path, message));
            place.is_announced = true;
        }
        if let Some(key) = keys::exact(&place.pattern) {
            return self.leaf(&place, key, tree);
        }
        let items = format!("{}[]", place.pattern);
        let is_list = keys::under(&items).next().is_some();
        match tree {
            Tree::List(list) if is_list => self.objects(&place, &items, list),
            Tree::Object(entries) if !is_list => self.object(&place, entries),
            other => {
                let expected = if is_list { "a list of objects" } else { "an object" };
                self.container_expected(&place, expected, other);
            }
        }
    }

    fn objects(&mut self, place: &Place, pattern: &str, list: &[Tree]) {
        self.values.lists.push((place.pattern.clone(), list.len()));
        if self.is_too_long(&place.path, list) {
            return;
        }
        for (index, item) in list.iter().enumerate() {
            let path = place.path.index(index);
            let item_place =
                Place { path, pattern: pattern.to_owned(), is_announced: place.is_announced };
            match item {
                Tree::Object(entries) => {
                    self.object(&item_place, entries);
                    self.require(&item_place, entries);
                }
                other => self.container_expected(&item_place, "an object", other),
            }
        }
    }

    /// Reports the keys that an item of a list must have and has not.
    fn require(&mut self, place: &Place, entries: &[(String, Tree)]) {
        for key in keys::under(&place.pattern).filter(|key| key.required) {
            let name = key.path.rsplit('.').next().unwrap_or(key.path);
            if entries.iter().all(|(entry, _)| entry != name) {
                let message = format!("the key is missing; write {}", key.expected(&key.shape));
                self.problems.push(Problem::error("GEN004", place.path.name(name), message));
            }
        }
    }

    fn leaf(&mut self, place: &Place, key: &'static Key, tree: &Tree) {
        let value = match (&key.shape, tree) {
            (Shape::List(item), Tree::List(list)) => self.items(place, key, item, list),
            (shape, tree) => self.value(&place.path, key, shape, tree),
        };
        match value {
            Some(value) => {
                let path = place.path.clone();
                self.values.leaves.push(Leaf { path, key, value, source: Source::Document });
            }
            None => self.values.refused.push(place.pattern.clone()),
        }
    }

    fn items(
        &mut self,
        place: &Place,
        key: &'static Key,
        shape: &Shape,
        list: &[Tree],
    ) -> Option<Value> {
        if self.is_too_long(&place.path, list) {
            return None;
        }
        let mut items = Vec::with_capacity(list.len());
        for (index, item) in list.iter().enumerate() {
            if self.problems.len() >= PROBLEMS_MAX {
                break;
            }
            let value = self.value(&place.path.index(index), key, shape, item);
            items.push(value.unwrap_or_default());
        }
        Some(Value::Array(items))
    }

    fn value(&mut self, path: &Path, key: &Key, shape: &Shape, tree: &Tree) -> Option<Value> {
        if let Tree::Text(text) = tree
            && let Some(kind) = secret::kind_of_secret(text)
        {
            self.problems.push(Problem::error("SEC001", path, refuse_secret(key, kind)));
            return None;
        }
        match check(key, shape, tree) {
            Ok(value) => Some(value),
            Err(Flaw { code, message }) => {
                self.problems.push(Problem::error(code, path, message));
                None
            }
        }
    }

    fn is_too_long(&mut self, path: &Path, list: &[Tree]) -> bool {
        let is_too_long = list.len() > LIST_ITEMS_MAX;
        if is_too_long {
            let message =
                format!("the list has {} items; at most {LIST_ITEMS_MAX} are allowed", list.len());
            self.problems.push(Problem::error("GEN007", path, message));
        }
        is_too_long
    }

    fn container_expected(&mut self, place: &Place, expected: &str, tree: &Tree) {
        let message = format!("{} does not fit; write {expected}", tree.shown());
        self.problems.push(Problem::error("GEN002", &place.path, message));
        self.values.refused.push(place.pattern.clone());
    }
}

/// The message says what is refused, never its text.
fn refuse_secret(key: &Key, kind: &str) -> String {
    let start = format!("the value looks like {kind}; a document is no place for secrets");
    match (key.variable, key.long_variable()) {
        ("", None) => start,
        ("", Some(long)) => format!("{start}, set the environment variable {long}"),
        (short, _) => format!("{start}, set the environment variable {short}"),
    }
}

fn unknown(place: &Place, name: &str) -> Problem {
    let siblings: Vec<&str> = keys::children(&place.pattern);
    let known = || siblings.iter().copied().filter(|sibling| *sibling != "*");
    let elsewhere = || keys::all().find(|key| key.path.rsplit('.').next() == Some(name));
    let hint = if let Some(near) = nearest(name, known()) {
        format!("did you mean {near}?")
    } else if let Some(key) = elsewhere() {
        format!("did you mean {}?", key.path)
    } else if siblings.len() <= NAMES_LISTED_MAX {
        format!("known here: {}", known().collect::<Vec<_>>().join(", "))
    } else {
        "nothing known here is like it".to_owned()
    };
    let message = format!("{} is not a known key; {hint}", shown_text(name));
    Problem::error("GEN001", place.path.name(name), message)
}
