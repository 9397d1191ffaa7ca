//! Items of the table: attributes to and from JSON, and the few kinds of values that keys need.
//!
//! Structures are stored as DynamoDB's own maps, lists and numbers, so that people and queries can
//! look into them. Reading ignores attributes that it does not know: a newer release may add some.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};

/// One row.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// Numbers nearer to zero, and larger ones, are not stored.
const NUMBER_MIN: f64 = 1e-130;
const NUMBER_MAX: f64 = 9.99e125;

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// An instant that sorts as text: UTC with milliseconds, always as many characters.
pub(crate) fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The same for epoch milliseconds; the oldest there is for what is no instant.
pub(crate) fn instant_of_ms(epoch_ms: i64) -> String {
    instant(DateTime::from_timestamp_millis(epoch_ms).unwrap_or(DateTime::UNIX_EPOCH))
}

/// The attributes of a structure.
pub(crate) fn item_of<T: Serialize>(value: &T) -> Result<Item, String> {
    match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => {
            Ok(fields.iter().map(|(name, value)| (name.clone(), of_json(value))).collect())
        }
        Ok(_) => Err("it is no structure".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// The structure that attributes make.
pub(crate) fn from_item<T: DeserializeOwned>(item: &Item) -> Result<T, String> {
    let fields = item.iter().map(|(name, value)| (name.clone(), to_json(value)));
    serde_json::from_value(Value::Object(fields.collect())).map_err(|error| error.to_string())
}

/// The text of an attribute.
pub(crate) fn text_at<'a>(item: &'a Item, name: &str) -> Result<&'a str, String> {
    let value = item.get(name).and_then(|value| value.as_s().ok());
    value.map(String::as_str).ok_or_else(|| format!("it has no text {name}"))
}

/// The whole number of an attribute.
pub(crate) fn integer_at(item: &Item, name: &str) -> Result<i64, String> {
    let value = item.get(name).and_then(|value| value.as_n().ok());
    let value = value.and_then(|text| text.parse().ok());
    value.ok_or_else(|| format!("it has no whole number {name}"))
}

/// The instant of an attribute that [`instant`] wrote.
pub(crate) fn instant_at(item: &Item, name: &str) -> Result<DateTime<Utc>, String> {
    let text = text_at(item, name)?;
    text.parse().map_err(|_| format!("its {name} is no instant"))
}

pub(crate) fn of_json(value: &Value) -> AttributeValue {
    match value {
        Value::Null => AttributeValue::Null(true),
        Value::Bool(value) => AttributeValue::Bool(*value),
        Value::Number(value) => AttributeValue::N(storable(value)),
        Value::String(value) => AttributeValue::S(value.clone()),
        Value::Array(values) => AttributeValue::L(values.iter().map(of_json).collect()),
        Value::Object(fields) => AttributeValue::M(
            fields.iter().map(|(name, value)| (name.clone(), of_json(value))).collect(),
        ),
    }
}

fn storable(value: &Number) -> String {
    if value.is_i64() || value.is_u64() {
        return value.to_string();
    }
    match value.as_f64() {
        Some(value) if value.abs() < NUMBER_MIN => "0".to_owned(),
        // With an exponent: written out, a large number would have more digits than are allowed.
        Some(value) => format!("{:e}", value.clamp(-NUMBER_MAX, NUMBER_MAX)),
        None => value.to_string(),
    }
}

fn to_json(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Bool(value) => Value::Bool(*value),
        AttributeValue::N(value) => number_of(value),
        AttributeValue::S(value) => Value::String(value.clone()),
        AttributeValue::L(values) => Value::Array(values.iter().map(to_json).collect()),
        AttributeValue::M(fields) => Value::Object(
            fields
                .iter()
                .map(|(name, value)| (name.clone(), to_json(value)))
                .collect::<Map<String, Value>>(),
        ),
        // Sets and bytes are never written.
        _ => Value::Null,
    }
}

/// Whole numbers stay whole; others are the nearest there is.
fn number_of(text: &str) -> Value {
    if let Ok(value) = text.parse::<i64>() {
        return value.into();
    }
    if let Ok(value) = text.parse::<u64>() {
        return value.into();
    }
    text.parse::<f64>().ok().and_then(Number::from_f64).map_or(Value::Null, Value::Number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: Value) {
        assert_eq!(to_json(&of_json(&value)), value);
    }

    #[test]
    fn values_come_back_as_they_were() {
        check(serde_json::json!({
            "a": [1, -2, 0.1, 1e-7, 1.5e100, i64::MIN, u64::MAX, null, true, ""],
            "b": {"c": {"d": "é\n#"}},
        }));
        for value in [0.1_f64, 1.0 / 3.0, 123_456.789, f64::EPSILON, 2.0_f64.powi(60) + 256.0] {
            let back = to_json(&of_json(&value.into()));
            assert_eq!(back.as_f64(), Some(value));
        }
    }

    #[test]
    fn numbers_that_the_table_cannot_hold_become_the_nearest() {
        let stored = |value: f64| of_json(&value.into());
        assert_eq!(stored(1e-200), AttributeValue::N("0".to_owned()));
        assert_eq!(to_json(&stored(1e300)), serde_json::json!(NUMBER_MAX));
        assert_eq!(to_json(&stored(-1e300)), serde_json::json!(-NUMBER_MAX));
    }

    #[test]
    fn instants_sort_as_text() {
        let texts = [-1, 0, 1, 999, 1_000, 1_772_416_800_123].map(instant_of_ms);
        assert_eq!(texts[5], "2026-03-02T02:00:00.123Z");
        assert!(texts.is_sorted());
    }
}
