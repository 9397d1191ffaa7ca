//! One line of a recording: the samples of one series, as VictoriaMetrics exports them.
//!
//! Values and times are decoded straight into vectors: a recording has millions of them.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Unexpected, Visitor};

/// A decoded line.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) labels: Labels,
    /// As many as there are times.
    pub(crate) values: Vec<f64>,
    /// Epoch milliseconds, in the order of the file.
    pub(crate) times_ms: Vec<i64>,
}

/// What a series is called.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Labels {
    pub(crate) metric: String,
    pub(crate) service: Option<String>,
    /// All other labels, sorted: two lines with one identity are parts of one series.
    pub(crate) others: Vec<(String, String)>,
}

/// Decodes a line. The error is a reason for people.
pub(crate) fn decode(text: &[u8]) -> Result<Line, String> {
    #[derive(Deserialize)]
    struct Raw {
        metric: Labels,
        values: Values,
        timestamps: Times,
    }
    if text.first() != Some(&b'{') {
        return Err("it is no JSON object; a recording is what /api/v1/export answers".to_owned());
    }
    let raw: Raw = serde_json::from_slice(text).map_err(|error| explain(&error))?;
    let (values, times) = (raw.values.0, raw.timestamps.0);
    if values.len() != times.len() {
        return Err(format!("{} values for {} timestamps", values.len(), times.len()));
    }
    Ok(Line { labels: raw.metric, values, times_ms: times })
}

/// Without the decoder's own count of lines, which begins anew with every line of the file.
fn explain(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", " at byte ")
}

struct Values(Vec<f64>);
struct Times(Vec<i64>);
struct Value(f64);

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Labels, D::Error> {
        struct LabelMap;
        impl<'de> Visitor<'de> for LabelMap {
            type Value = Labels;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("labels as an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
                let mut labels = Labels::default();
                while let Some((name, value)) = map.next_entry::<String, String>()? {
                    match name.as_str() {
                        "__name__" => labels.metric = value,
                        "service_name" => labels.service = Some(value),
                        _ => labels.others.push((name, value)),
                    }
                }
                labels.others.sort();
                Ok(labels)
            }
        }
        deserializer.deserialize_map(LabelMap)
    }
}

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Values, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Values;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of values")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Values, A::Error> {
                let mut values = Vec::new();
                while let Some(Value(value)) = list.next_element()? {
                    values.push(value);
                }
                Ok(Values(values))
            }
        }
        deserializer.deserialize_seq(List)
    }
}

impl<'de> Deserialize<'de> for Times {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Times, D::Error> {
        Vec::deserialize(deserializer).map(Times)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        struct NumberTextOrNull;
        impl Visitor<'_> for NumberTextOrNull {
            type Value = Value;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, null, \"NaN\", \"Infinity\" or \"-Infinity\"")
            }
            fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
                Ok(Value(value))
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
                Ok(Value(value as f64))
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
                Ok(Value(value as f64))
            }
            fn visit_unit<E: Error>(self) -> Result<Value, E> {
                Ok(Value(f64::NAN))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
                match text {
                    "NaN" => Ok(Value(f64::NAN)),
                    "Infinity" | "+Inf" | "Inf" => Ok(Value(f64::INFINITY)),
                    "-Infinity" | "-Inf" => Ok(Value(f64::NEG_INFINITY)),
                    _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
                }
            }
        }
        deserializer.deserialize_any(NumberTextOrNull)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_decoded_whatever_the_order_of_its_fields() {
        let line = decode(
            br#"{"timestamps":[1000,2000,3000,4000,5000],
                "values":[1,0.1,null,"Infinity","-Infinity"],"extra":[{}],
                "metric":{"x":"2","__name__":"load","service_name":"caf\u00e9","a":"1"}}"#,
        );
        let line = line.unwrap();
        assert_eq!(line.labels.metric, "load");
        assert_eq!(line.labels.service.as_deref(), Some("café"));
        let names: Vec<_> = line.labels.others.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "x"]);
        assert_eq!(line.times_ms, [1_000, 2_000, 3_000, 4_000, 5_000]);
        assert_eq!(line.values[..2], [1.0, 0.1]);
        assert!(line.values[2].is_nan());
        assert_eq!(line.values[3..], [f64::INFINITY, f64::NEG_INFINITY]);
    }

    #[test]
    fn numbers_keep_their_bits() {
        for text in ["0.1", "123456.78901234567", "5e-324", "1.7976931348623157e308", "3.3e-7"] {
            let line = format!(r#"{{"metric":{{}},"values":[{text}],"timestamps":[-1]}}"#);
            let value = decode(line.as_bytes()).unwrap().values[0];
            assert_eq!(value.to_bits(), text.parse::<f64>().unwrap().to_bits(), "{text}");
        }
    }

    #[test]
    fn a_bad_line_is_explained() {
        let reason = |text: &str| decode(text.as_bytes()).unwrap_err();
        insta::assert_snapshot!(
            reason(r#"{"metric":{},"values":[1,2],"timestamps":[1]}"#),
            @"2 values for 1 timestamps"
        );
        insta::assert_snapshot!(
            reason(r#"{"metric":{},"values":["x"],"timestamps":[1]}"#),
            @r#"invalid value: string "x", expected a number, null, "NaN", "Infinity" or "-Infinity" at byte 26"#
        );
        insta::assert_snapshot!(
            reason(r#"{"metric":{},"values":[1],"timestamps":[1.5]}"#),
            @"invalid type: floating point `1.5`, expected i64 at byte 43"
        );
        insta::assert_snapshot!(
            reason(r#"{"metric":{"a":1},"values":[],"timestamps":[]}"#),
            @"invalid type: integer `1`, expected a string at byte 16"
        );
        insta::assert_snapshot!(
            reason(r#"{"metric":{},"values":[]}"#),
            @"missing field `timestamps` at byte 25"
        );
        insta::assert_snapshot!(
            reason(r#"{"metric":{},"val"#),
            @"EOF while parsing a string at byte 17"
        );
        insta::assert_snapshot!(reason("time,value"), @"it is no JSON object; a recording is what /api/v1/export answers");
    }
}
