//! JSON as it was written: in order, and with keys that are there twice.
//!
//! The usual value type sorts keys and keeps the last of two equal ones. Here the order of
//! services matters, and a key that is there twice is a mistake worth reporting.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

use super::problems::Problem;
use super::secret;

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    Null,
    Boolean(bool),
    Number(Number),
    Text(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

/// Bytes of a document; the largest real ones have a few thousand services.
pub(crate) const DOCUMENT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Characters of an offending text that are shown.
const TEXT_CHARS_SHOWN_MAX: usize = 60;

/// Reads a document, or says at which line and column it stops being JSON.
pub(crate) fn parse(document: &str) -> Result<Tree, Problem> {
    if document.len() > DOCUMENT_BYTES_MAX {
        let message = format!(
            "the document has {} bytes; at most {DOCUMENT_BYTES_MAX} are read",
            document.len()
        );
        return Err(Problem::error("GEN006", "", message));
    }
    let text = document.strip_prefix('\u{feff}').unwrap_or(document);
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let whole = error.to_string();
        // The position is in front here, so that every message begins with it.
        let what = whole.split(" at line ").next().unwrap_or(&whole);
        let message = format!("not JSON at line {line}, column {column}: {what}");
        Problem::error("GEN006", "", message)
    })
}

impl Tree {
    /// The value as messages show it: short, or just its type.
    pub(crate) fn shown(&self) -> String {
        match self {
            Tree::Null => "null".to_owned(),
            Tree::Boolean(value) => value.to_string(),
            Tree::Number(value) => value.to_string(),
            Tree::Text(text) => shown_text(text),
            Tree::List(_) | Tree::Object(_) => self.type_name().to_owned(),
        }
    }

    /// The word for its type.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Tree::Null => "null",
            Tree::Boolean(_) => "a boolean",
            Tree::Number(_) => "a number",
            Tree::Text(_) => "a text",
            Tree::List(_) => "a list",
            Tree::Object(_) => "an object",
        }
    }

    /// The same as a plain JSON value; of two equal keys the last stays.
    pub(crate) fn to_value(&self) -> Value {
        match self {
            Tree::Null => Value::Null,
            Tree::Boolean(value) => Value::Bool(*value),
            Tree::Number(value) => Value::Number(value.clone()),
            Tree::Text(text) => Value::String(text.clone()),
            Tree::List(items) => Value::Array(items.iter().map(Tree::to_value).collect()),
            Tree::Object(entries) => {
                let entries = entries.iter().map(|(name, tree)| (name.clone(), tree.to_value()));
                Value::Object(entries.collect())
            }
        }
    }
}

/// A text in quotes, cut where it gets long, without the password of an address.
pub(crate) fn shown_text(text: &str) -> String {
    let text = secret::without_password(text);
    if text.chars().count() <= TEXT_CHARS_SHOWN_MAX {
        return format!("{text:?}");
    }
    let start: String = text.chars().take(TEXT_CHARS_SHOWN_MAX).collect();
    format!("{:?}", start + "…")
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Number::from_f64(value).map_or(Tree::Null, Tree::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Text(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Tree, E> {
        Ok(Tree::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Tree::Object(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_repetition_are_kept() {
        let tree = parse(r#"{"b": 1, "a": [null, 2.5], "b": "x"}"#).unwrap();
        let Tree::Object(entries) = &tree else { panic!("an object") };
        let names: Vec<_> = entries.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["b", "a", "b"]);
        assert_eq!(tree.to_value(), serde_json::json!({"a": [null, 2.5], "b": "x"}));
    }

    #[test]
    fn the_place_of_a_syntax_error_is_named() {
        let message = |text: &str| parse(text).unwrap_err().message;
        insta::assert_snapshot!(message("{\n  \"a\": 1,\n  \"b\" 2\n}"), @"not JSON at line 3, column 7: expected `:`");
        insta::assert_snapshot!(message(""), @"not JSON at line 1, column 0: EOF while parsing a value");
        insta::assert_snapshot!(message("{} {}"), @"not JSON at line 1, column 4: trailing characters");
        assert_eq!(parse("\u{feff}{}"), Ok(Tree::Object(vec![])));
        assert!(parse(&" ".repeat(DOCUMENT_BYTES_MAX + 1)).is_err());
        assert!(parse(&"[".repeat(100_000)).is_err(), "depth is bounded");
    }
}
