//! Laws that hold for every key of the table.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{load_document, load_with};
use crate::config::keys::{self, Key, Stage};
use crate::config::shape::{Form, Shape};
use crate::config::{Level, Source, load};

/// A document in which `path` (with wildcards) has a value.
fn document(path: &str, value: Value) -> Value {
    path.rsplit('.').fold(value, |inside, segment| match segment.strip_suffix("[]") {
        Some(name) => json!({ name: [inside] }),
        None if segment == "*" => json!({ "custom": inside }),
        None => json!({ segment: inside }),
    })
}

/// An allowed value of a shape that is not the key's default.
fn sample(shape: &Shape, default: &Value) -> Value {
    let candidates = match shape {
        Shape::Boolean => vec![json!(true), json!(false)],
        Shape::Integer { min, .. } | Shape::IntegerOr { min, .. } => {
            vec![json!(min), json!(min + 1)]
        }
        Shape::Hour { .. } => vec![json!(3), json!(4)],
        Shape::Number { min, max } => vec![json!(min), json!(min + (max - min) / 2.0)],
        Shape::Word(words) => words.iter().map(|word| json!(word)).collect(),
        Shape::Text(form) => vec![json!(text_sample(*form))],
        Shape::List(item) => vec![json!([sample(item, &Value::Null)])],
        Shape::Object | Shape::Anything => vec![json!({ "inside": [1] })],
    };
    let is_same_number = |value: &Value| value.is_number() && value.as_f64() == default.as_f64();
    let other = candidates.iter().find(|value| *value != default && !is_same_number(value));
    other.unwrap_or(&candidates[0]).clone()
}

fn text_sample(form: Form) -> &'static str {
    match form {
        Form::Free | Form::NotEmpty => "sample",
        Form::Duration => "7m",
        Form::Zone => "Europe/Paris",
        Form::MetricsEndpoint => "file://recording.jsonl.gz",
        Form::ModelsDirectory => "s3://models/prefix",
        Form::State => "dynamodb://incidents",
        Form::Opening => "forest",
        Form::LogLevel => "DEBUG",
        Form::Moment => "2026-01-02",
        Form::Service => "booking",
        Form::Weekday => "tue",
        Form::Regex => "5..|",
        Form::HttpUrl => "https://host:8080",
        Form::UrlPath => "/path",
        Form::Variant => "season",
        Form::TopicArn => "arn:aws:sns:eu-west-1:123456789012:alerts",
    }
}

/// Keys that make sense only together with others: a document, and one that differs in the key.
fn special(key: &Key) -> Option<(Value, Value)> {
    if let Some(part) = key.path.strip_prefix("metrics[].") {
        let base = json!({ "name": "queue_depth" });
        let changed = match part {
            "name" => json!({ "name": "other" }),
            "kind" => json!({ "name": "queue_depth", "kind": "rate" }),
            "bad_direction" => json!({ "name": "queue_depth", "bad_direction": "up" }),
            "zero_is_normal" => json!({ "name": "queue_depth", "zero_is_normal": true }),
            part => json!({ "name": "queue_depth", part: "other" }),
        };
        return Some((json!({ "metrics": [base] }), json!({ "metrics": [changed] })));
    }
    if let Some(part) = key.path.strip_prefix("training.excluded_periods[].") {
        let base = json!({ "start": "2026-01-02", "end": "2026-01-03" });
        let mut changed = base.clone();
        changed[part] = match part {
            "start" => json!("2026-01-01"),
            "service" => json!("booking"),
            "model_variant" => json!("sale"),
            _ => json!("2026-01-04"),
        };
        let wrap = |item| document("training.excluded_periods", json!([item]));
        return Some((wrap(base), wrap(changed)));
    }
    if let Some(part) = key.path.strip_prefix("alerting.silences[].") {
        let base = json!({ "from": "2026-01-02", "until": "2026-01-03" });
        let mut changed = base.clone();
        changed[part] = match part {
            "from" => json!("2026-01-01"),
            "until" => json!("2026-01-04"),
            _ => json!("other"),
        };
        let wrap = |item| document("alerting.silences", json!([item]));
        return Some((wrap(base), wrap(changed)));
    }
    if let Some((_, limit)) = key.path.rsplit_once(".drift_detection.z_score_") {
        let value = json!({"warning": 2, "critical": 7})[limit].clone();
        return Some((json!({}), document(key.path, value)));
    }
    if let Some((_, level)) = key.path.rsplit_once(".percentiles.") {
        let value = json!({"critical": 0.5, "high": 2, "medium": 6, "low": 20})[level].clone();
        return Some((json!({}), document(key.path, value)));
    }
    if let Some((_, level)) = key.path.rsplit_once(".severity_scores.") {
        let value = json!({"critical": -0.7, "high": -0.4, "medium": -0.2})[level].clone();
        return Some((json!({}), document(key.path, value)));
    }
    if let Some(part) = key.path.strip_prefix("envoy_enrichment.") {
        let base = json!({ "enabled": true, "mimir_endpoint": "https://mimir.example" });
        let mut changed = base.clone();
        match part {
            "enabled" => changed["enabled"] = json!(false),
            "mimir_endpoint" => changed["mimir_endpoint"] = json!("https://other.example"),
            "cluster_mapping.*" => changed["cluster_mapping"] = json!({ "custom": "edge" }),
            part => changed[part] = json!(7),
        }
        let wrap = |section: Value| json!({ "envoy_enrichment": section });
        return Some((wrap(base), wrap(changed)));
    }
    if let Some(part) = key.path.strip_prefix("alerting.correlation.") {
        let base = json!({ "enabled": true });
        let mut changed = base.clone();
        changed[part] = match part {
            "enabled" => json!(false),
            "primary_selection" => json!("highest_severity"),
            _ => json!(7),
        };
        let wrap = |section: Value| json!({ "alerting": { "correlation": section } });
        return Some((wrap(base), wrap(changed)));
    }
    // One cycle is what residual evidence has by itself.
    let auto = ["fingerprinting.confirmation_cycles", "fingerprinting.resolution_grace_cycles"];
    if auto.contains(&key.path) {
        return Some((json!({}), document(key.path, json!(2))));
    }
    if key.path == "services_meta.*.expected_metrics" {
        return Some((json!({}), document(key.path, json!(["request_rate"]))));
    }
    super::slos::special(key.path).or_else(|| week(key))
}

/// The five periods written out, and the same with one part of one period made smaller.
fn week(key: &Key) -> Option<(Value, Value)> {
    let (period, part) = key.path.strip_prefix("time_periods.")?.split_once('.')?;
    if !["start", "end", "days"].contains(&part) {
        return None;
    }
    let gap = if period == "business_hours" { "night_hours" } else { "business_hours" };
    let mut periods = json!({ "gap_assignment": gap });
    for key in keys::under("time_periods") {
        let rest = key.path.trim_start_matches("time_periods.");
        if let Some((period, part @ ("start" | "end" | "days"))) = rest.split_once('.') {
            periods[period][part] = serde_json::from_str(key.default).unwrap();
        }
    }
    let mut smaller = periods.clone();
    smaller[period][part] = match &periods[period][part] {
        Value::Array(days) => json!(days[1..]),
        hour if part == "start" => json!(hour.as_i64().unwrap() + 1),
        hour => json!(hour.as_i64().unwrap() - 1),
    };
    Some((json!({ "time_periods": periods }), json!({ "time_periods": smaller })))
}

fn default_of(key: &Key) -> Value {
    serde_json::from_str(key.default).unwrap_or_default()
}

/// A document that sets a key to something else than its default, with one that does not.
fn change(key: &Key) -> (Value, Value) {
    let set = || document(key.path, sample(&key.shape, &default_of(key)));
    special(key).unwrap_or_else(|| (json!({}), set()))
}

#[track_caller]
fn debug(document: &Value) -> String {
    match load_document(&document.to_string()) {
        Ok(loaded) => format!("{:?}", loaded.config),
        Err(problems) => panic!("{document}: {problems}"),
    }
}

#[test]
fn every_live_key_has_an_effect() {
    for key in keys::all().filter(|key| key.stage == Stage::Live) {
        // It allows one value so far: its effect is to refuse every other one.
        if key.path == "config_version" {
            assert!(load_document(&document(key.path, json!(2)).to_string()).is_err());
            continue;
        }
        let (base, changed) = change(key);
        assert!(debug(&base) != debug(&changed), "{} has no effect", key.path);
    }
}

#[test]
fn every_other_key_warns_and_changes_nothing() {
    let defaults = debug(&json!({}));
    for key in keys::all().filter(|key| key.stage != Stage::Live) {
        let set = document(key.path, sample(&key.shape, &default_of(key)));
        assert_eq!(debug(&set), defaults, "{}", key.path);
        let warnings = load_document(&set.to_string()).unwrap().warnings;
        let codes: Vec<_> = warnings.iter().map(|warning| warning.code).collect();
        assert_eq!(codes, ["GEN003"], "{}", key.path);
        let pattern = key.path.replace("[]", "[0]").replace('*', "custom");
        assert!(pattern.starts_with(&warnings[0].path), "{}: {}", key.path, warnings[0].path);
    }
}

#[test]
fn every_key_refuses_a_value_of_another_type() {
    for key in keys::all() {
        let wrong = match key.shape {
            Shape::Anything => continue,
            Shape::Object => json!(1),
            Shape::List(_) => json!({ "a": 1 }),
            _ => json!([[1]]),
        };
        check_refused(key, wrong, "GEN002");
    }
}

#[test]
fn every_range_is_enforced_at_both_ends() {
    for key in keys::all() {
        let outside = match key.shape {
            Shape::Integer { min, max } | Shape::IntegerOr { min, max, .. } => {
                vec![json!(min - 1), json!(max.saturating_add(1)), json!(1e300)]
            }
            Shape::Number { min, max } => vec![json!(min - 0.0001), json!(max * 1.01 + 0.1)],
            Shape::Hour { max } => vec![json!(-1), json!(max + 1), json!("25:00")],
            Shape::Word(_) => vec![json!("nonsense")],
            _ => continue,
        };
        let largest = json!(i64::MAX);
        for value in outside.into_iter().filter(|value| *value != largest) {
            check_refused(key, value, key.range_code);
        }
    }
}

#[track_caller]
fn check_refused(key: &Key, value: Value, code: &str) {
    let path = key.path.replace("[]", "[0]").replace('*', "custom");
    let text = document(key.path, value.clone()).to_string();
    let problems = load_document(&text).expect_err(&text).0;
    let found =
        problems.iter().any(|p| p.path == path && p.code == code && p.level == Level::Error);
    assert!(found, "{text}: {problems:?}");
}

#[test]
fn the_environment_sets_a_key_as_a_document_does() {
    for key in keys::all() {
        let Some(variable) = key.long_variable() else { continue };
        let is_alone = special(key).is_none() && key.stage == Stage::Live;
        if !is_alone || key.path == "config_version" {
            continue;
        }
        let value = sample(&key.shape, &default_of(key));
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        for name in [variable.as_str(), key.variable].iter().filter(|name| !name.is_empty()) {
            let loaded = load_with("{}", &[(*name, text.as_str())]).unwrap();
            let by_document = debug(&document(key.path, value.clone()));
            assert_eq!(format!("{:?}", loaded.config), by_document, "{name}");
            let setting = loaded.effective.iter().find(|setting| setting.path == key.path).unwrap();
            assert_eq!(setting.source, Source::Environment((*name).to_owned()));
        }
    }
}

#[test]
fn every_live_default_is_listed_with_its_source() {
    let loaded = load_document("{}").unwrap();
    assert_eq!(loaded.warnings, []);
    let live = keys::all().filter(|key| key.stage == Stage::Live && !key.default.is_empty());
    let expected: Vec<(&str, Value)> = live.map(|key| (key.path, default_of(key))).collect();
    let listed: Vec<(&str, Value)> = loaded
        .effective
        .iter()
        .inspect(|setting| assert_eq!(setting.source, Source::Default))
        .map(|setting| (setting.path.as_str(), serde_json::from_str(&setting.value).unwrap()))
        .collect();
    assert_eq!(listed, expected);
}

fn any_json() -> impl Strategy<Value = Value> {
    let names: Vec<String> = keys::all()
        .flat_map(|key| key.path.split('.'))
        .map(|segment| segment.trim_end_matches("[]").to_owned())
        .collect();
    let name = prop_oneof![4 => prop::sample::select(names), 1 => ".{0,12}"];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-10_i64..400).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2})?".prop_map(Value::from),
        "(https?|file|s3)://[a-z@:/]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, move |inside| {
        prop_oneof![
            prop::collection::vec(inside.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((name.clone(), inside), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Documents that reach into the table: some keys, each with any value.
fn near_misses() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    let paths: Vec<&'static str> = keys::all().map(|key| key.path).collect();
    prop::collection::vec((prop::sample::select(paths), any_json()), 0..8)
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                merge(into.entry(name).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

proptest! {
    #[test]
    fn no_json_makes_it_panic(json in any_json()) {
        let _ = load_document(&json.to_string());
    }

    #[test]
    fn no_value_of_a_known_key_makes_it_panic(entries in near_misses()) {
        let mut whole = json!({});
        for (path, value) in entries {
            merge(&mut whole, document(path, value));
        }
        let _ = load_document(&whole.to_string());
    }

    #[test]
    fn no_text_and_no_variable_makes_it_panic(text in ".{0,40}", variable in ".{0,12}") {
        let _ = load(Some(&text), &|_| Some(variable.clone()));
    }
}
