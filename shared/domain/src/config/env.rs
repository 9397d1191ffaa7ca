//! Overrides from the environment.
//!
//! The environment is a function from name to value, so it is asked for each known key. A key has
//! a long variable made from its path, and some have a short one; the long one wins. An empty
//! variable counts as not set.

use serde_json::Number;

use super::Source;
use super::check::check;
use super::keys::{self, Key, Stage};
use super::path::Path;
use super::problems::Problem;
use super::read::{NO_EFFECT, NOT_USED_YET};
use super::shape::Shape;
use super::tree::Tree;
use super::values::{Leaf, Values};

/// Looks up the variables of all keys.
pub(crate) fn read(
    env: &dyn Fn(&str) -> Option<String>,
    values: &mut Values,
    problems: &mut Vec<Problem>,
) {
    for key in keys::all() {
        if let Some((variable, text)) = variable_of(key, env) {
            override_one(key, variable, &text, values, problems);
        }
    }
}

fn variable_of(key: &Key, env: &dyn Fn(&str) -> Option<String>) -> Option<(String, String)> {
    let long = key.long_variable()?;
    let names = [long.as_str(), key.variable].into_iter().filter(|name| !name.is_empty());
    names.into_iter().find_map(|name| {
        let text = env(name)?.trim().to_owned();
        (!text.is_empty()).then(|| (name.to_owned(), text))
    })
}

fn override_one(
    key: &'static Key,
    variable: String,
    text: &str,
    values: &mut Values,
    problems: &mut Vec<Problem>,
) {
    let path = Path::of(key.path);
    let idle = match key.stage {
        Stage::Live => None,
        Stage::Later => Some(NOT_USED_YET),
        Stage::Moot => Some(NO_EFFECT),
    };
    if let Some(idle) = idle {
        let message = format!("environment variable {variable} {idle}");
        problems.push(Problem::warning("GEN003", &path, message));
    }
    match check(key, &key.shape, &tree_of(&key.shape, text)) {
        Ok(value) => {
            let source = Source::Environment(variable);
            values.override_with(Leaf { path, key, value, source });
        }
        Err(flaw) => {
            let message = format!("environment variable {variable}: {}", flaw.message);
            problems.push(Problem::error(flaw.code, &path, message));
            values.refused.push(key.path.to_owned());
        }
    }
}

/// The JSON value that a text stands for; a text that is none of the shape stays a text.
fn tree_of(shape: &Shape, text: &str) -> Tree {
    let as_text = || Tree::Text(text.to_owned());
    let as_integer = || text.parse::<i64>().map(|value| Tree::Number(value.into()));
    match shape {
        Shape::Boolean => match text.to_lowercase().as_str() {
            "true" | "1" | "yes" => Tree::Boolean(true),
            "false" | "0" | "no" => Tree::Boolean(false),
            _ => as_text(),
        },
        Shape::Integer { .. } | Shape::IntegerOr { .. } | Shape::Hour { .. } => {
            as_integer().unwrap_or_else(|_| as_text())
        }
        Shape::Number { .. } => {
            let number = text.parse().ok().and_then(Number::from_f64);
            number.map_or_else(as_text, Tree::Number)
        }
        _ => as_text(),
    }
}
