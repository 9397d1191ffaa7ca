//! The table of keys as a JSON Schema (draft 2020-12), for editors and other checkers.

use serde_json::{Map, Value, json};

use super::keys::{self, Key, Stage};
use super::read::{NO_EFFECT, NOT_USED_YET};
use super::shape::{Form, LIST_ITEMS_MAX, Shape};

/// The schema of a configuration document.
///
/// It says what can be said of one key: types, ranges, names. What concerns several keys, like the
/// cover of the week, only [`load`](super::load) checks.
pub fn schema() -> Value {
    let mut root = object("");
    root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    root.insert("title".to_owned(), json!("Configuration of yaga"));
    Value::Object(root)
}

fn node(pattern: &str) -> Value {
    if let Some(key) = keys::exact(pattern) {
        return leaf(key);
    }
    let items = format!("{pattern}[]");
    if keys::under(&items).next().is_some() {
        return json!({ "type": "array", "maxItems": LIST_ITEMS_MAX, "items": object(&items) });
    }
    Value::Object(object(pattern))
}

fn object(pattern: &str) -> Map<String, Value> {
    let mut properties = Map::new();
    let mut others = json!(false);
    let mut required = Vec::new();
    for name in keys::children(pattern) {
        let child = keys::join(pattern, name);
        if name == "*" {
            others = node(&child);
            continue;
        }
        if keys::exact(&child).is_some_and(|key| key.required) {
            required.push(name);
        }
        properties.insert(name.to_owned(), node(&child));
    }
    let schema = json!({
        "type": "object",
        "properties": properties,
        "patternProperties": { "^(_comment|\\$schema$)": true },
        "additionalProperties": others,
        "required": required,
    });
    let Value::Object(mut schema) = schema else { return Map::new() };
    schema.retain(|_, part| *part != json!([]));
    schema
}

fn leaf(key: &Key) -> Value {
    let mut schema = shape(&key.shape);
    let later = match key.stage {
        Stage::Later => format!("This key {NOT_USED_YET}. "),
        Stage::Moot => format!("This key {NO_EFFECT}. "),
        Stage::Live => String::new(),
    };
    let unit = if key.unit.is_empty() { String::new() } else { format!(" ({})", key.unit) };
    schema.insert("description".to_owned(), json!(format!("{later}{}{unit}", key.about)));
    if let Ok(default) = serde_json::from_str::<Value>(key.default) {
        schema.insert("default".to_owned(), default);
    }
    Value::Object(schema)
}

fn shape(shape: &Shape) -> Map<String, Value> {
    let schema = match shape {
        Shape::Boolean => json!({ "type": "boolean" }),
        Shape::Integer { min, max: i64::MAX } => json!({ "type": "integer", "minimum": min }),
        Shape::Integer { min, max } => {
            json!({ "type": "integer", "minimum": min, "maximum": max })
        }
        Shape::IntegerOr { word, min, max } => json!({ "anyOf": [
            { "type": "integer", "minimum": min, "maximum": max },
            { "const": word },
        ] }),
        Shape::Number { min, max } => json!({ "type": "number", "minimum": min, "maximum": max }),
        Shape::Word(words) => json!({ "enum": words }),
        Shape::Text(form) => text(*form),
        Shape::Hour { max } => json!({ "anyOf": [
            { "type": "integer", "minimum": 0, "maximum": max },
            { "type": "string", "pattern": "^[0-9]{1,2}(:00)?$" },
        ] }),
        Shape::List(item) => {
            json!({ "type": "array", "maxItems": LIST_ITEMS_MAX, "items": self::shape(item) })
        }
        Shape::Object => json!({ "type": "object" }),
        Shape::Anything => json!({}),
    };
    match schema {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
}

/// Patterns are the coarse part of a form that a regular expression can say.
fn text(form: Form) -> Value {
    let pattern = match form {
        Form::Free | Form::Zone => return json!({ "type": "string" }),
        Form::NotEmpty | Form::Regex => "\\S",
        Form::Duration => "^([0-9]+[smhd])+$",
        Form::MetricsEndpoint => "^(https?|file)://.",
        Form::ModelsDirectory => "^(s3://.+|(?!.*://).+)$",
        Form::State => "^(dynamodb://[A-Za-z0-9_.-]{3,255}|(?!.*://).+)$",
        Form::Opening => "^(?:forest|residual)$",
        Form::LogLevel => "^(?:error|warn|warning|info|debug|ERROR|WARN|WARNING|INFO|DEBUG)$",
        Form::Moment => "^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ].+)?$",
        Form::Service => "^(?=.*\\S).{1,100}$",
        Form::Weekday => "^([Mm]on|[Tt]ue|[Ww]ed|[Tt]hu|[Ff]ri|[Ss]at|[Ss]un)[a-z]*$",
        Form::HttpUrl => "^https?://.",
        Form::UrlPath => "^/",
        Form::Variant => "^[a-z0-9_-]{1,40}$",
        Form::TopicArn => {
            "^arn:aws[a-z0-9-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}(\\.fifo)?$"
        }
    };
    json!({ "type": "string", "pattern": pattern })
}
