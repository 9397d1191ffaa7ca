//! One value against the type and the range of its key.

use serde_json::{Number, Value};

use super::forms;
use super::keys::Key;
use super::shape::Shape;
use super::tree::Tree;

/// Why a value is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

/// Doubles hold whole numbers exactly up to here.
const EXACT_INTEGER_MAX: f64 = 9_007_199_254_740_992.0;

/// The value in its plain form (hours as numbers, whole numbers as integers), or its flaw.
/// `shape` is the key's, or that of an item where the key is a list.
pub(crate) fn check(key: &Key, shape: &Shape, tree: &Tree) -> Result<Value, Flaw> {
    match (shape, tree) {
        (Shape::Boolean, Tree::Boolean(value)) => Ok(Value::Bool(*value)),
        (Shape::Integer { min, max }, Tree::Number(number)) => {
            whole(key, shape, number, *min, *max)
        }
        (Shape::IntegerOr { min, max, .. }, Tree::Number(number)) => {
            whole(key, shape, number, *min, *max)
        }
        (Shape::Hour { max }, Tree::Number(number)) => whole(key, shape, number, 0, *max),
        (Shape::Hour { max }, Tree::Text(text)) => match forms::hour(text) {
            Some(hour) => whole(key, shape, &hour.into(), 0, *max),
            None => Err(wrong_type(key, shape, tree)),
        },
        (Shape::IntegerOr { word, .. }, Tree::Text(text)) if text == word => {
            Ok(Value::String(text.clone()))
        }
        (Shape::Number { min, max }, Tree::Number(number)) => {
            let value = number.as_f64().unwrap_or(f64::NAN);
            let fits = (*min..=*max).contains(&value);
            if fits {
                Ok(Value::Number(number.clone()))
            } else {
                Err(out_of_range(key, shape, tree))
            }
        }
        (Shape::Word(words), Tree::Text(text)) if words.contains(&text.as_str()) => {
            Ok(Value::String(text.clone()))
        }
        (Shape::Word(_), Tree::Text(_)) => Err(not_a_word(key, shape, tree)),
        (Shape::Text(form), Tree::Text(text)) => match forms::check(*form, text) {
            Ok(()) => Ok(Value::String(text.clone())),
            Err(message) => Err(Flaw { code: form.code(), message }),
        },
        (Shape::Object, Tree::Object(_)) | (Shape::Anything, _) => Ok(tree.to_value()),
        _ => Err(wrong_type(key, shape, tree)),
    }
}

fn whole(key: &Key, shape: &Shape, number: &Number, min: i64, max: i64) -> Result<Value, Flaw> {
    let tree = || Tree::Number(number.clone());
    let value = match (number.as_i64(), number.as_f64()) {
        (Some(value), _) => value,
        (None, Some(value)) if value.fract() == 0.0 && value.abs() <= EXACT_INTEGER_MAX => {
            value as i64
        }
        (None, Some(value)) if value.fract() != 0.0 => return Err(wrong_type(key, shape, &tree())),
        _ => return Err(out_of_range(key, shape, &tree())),
    };
    let fits = (min..=max).contains(&value);
    if fits { Ok(value.into()) } else { Err(out_of_range(key, shape, &tree())) }
}

pub(crate) fn wrong_type(key: &Key, shape: &Shape, tree: &Tree) -> Flaw {
    // Saying the type helps where the text alone would look right, as in "3" for 3.
    let found = match (shape, tree) {
        (Shape::Hour { .. }, _) | (_, Tree::Null | Tree::List(_) | Tree::Object(_)) => {
            format!("{} does not fit", tree.shown())
        }
        _ => format!("{} is {}", tree.shown(), tree.type_name()),
    };
    Flaw { code: "GEN002", message: format!("{found}; write {}", key.expected(shape)) }
}

fn out_of_range(key: &Key, shape: &Shape, tree: &Tree) -> Flaw {
    let message = format!("{} is out of range; write {}", tree.shown(), key.expected(shape));
    Flaw { code: key.range_code, message }
}

fn not_a_word(key: &Key, shape: &Shape, tree: &Tree) -> Flaw {
    let message = format!("{} is not known; write {}", tree.shown(), key.expected(shape));
    Flaw { code: "GEN007", message }
}
