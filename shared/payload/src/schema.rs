//! The JSON Schema of the wire types, generated from them and published with the documentation.

use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::message::Body;
use crate::result::ServiceResult;
use crate::run::Cycle;
use crate::slo::SloEvaluation;

/// The schema of a cycle's answer; a service's result is in its definitions.
pub fn cycle_schema() -> Value {
    titled::<Cycle>("yaga cycle")
}

/// The schema of one service's result.
pub fn result_schema() -> Value {
    titled::<ServiceResult>("yaga service result")
}

/// The schema of everything that is sent.
pub fn message_schema() -> Value {
    titled::<Body>("yaga message")
}

/// The schema of an SLO evaluation.
pub fn slo_schema() -> Value {
    titled::<SloEvaluation>("yaga SLO evaluation")
}

fn titled<T: schemars::JsonSchema>(title: &str) -> Value {
    let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    let mut value = schema.to_value();
    if let Some(object) = value.as_object_mut() {
        object.insert("title".to_owned(), Value::from(title));
        object.insert("version".to_owned(), Value::from(crate::SCHEMA_VERSION));
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published files are what the types say. `UPDATE=1 cargo test -p payload` writes them.
    #[test]
    fn the_published_schemas_are_current() {
        for (name, schema) in [
            ("cycle", cycle_schema()),
            ("message", message_schema()),
            ("result", result_schema()),
            ("slo", slo_schema()),
        ] {
            let path =
                format!("{}/../../docs/schema/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
            let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
            if std::env::var_os("UPDATE").is_some() {
                std::fs::create_dir_all(std::path::Path::new(&path).parent().unwrap()).unwrap();
                std::fs::write(&path, &text).unwrap();
            }
            let published = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                published == text,
                "docs/schema/{name}.schema.json is not what the types say; \
                 run `UPDATE=1 cargo test -p payload` and look at the difference"
            );
        }
    }
}
