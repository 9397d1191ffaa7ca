//! What is published about the configuration is what the code does.

use std::path::PathBuf;

use crate::config::{reference, schema};

const BEGIN: &str = "<!-- keys: made from the table in the code; UPDATE=1 cargo test -p domain -->";
const END: &str = "<!-- end of keys -->";

/// Compares a file of the documentation with what it should be, or writes it with `UPDATE=1`.
fn check(file: &str, expected: impl Fn(&str) -> String) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(file);
    let current = std::fs::read_to_string(&path).unwrap_or_default();
    let expected = expected(&current);
    if current == expected {
        return;
    }
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, expected).unwrap();
        return;
    }
    panic!("docs/{file} is not current; run UPDATE=1 cargo test -p domain and look at the change");
}

#[test]
fn the_schema_is_current() {
    check("schema/config.schema.json", |_| serde_json::to_string_pretty(&schema()).unwrap() + "\n");
}

#[test]
fn the_reference_is_current() {
    check("CONFIGURATION.md", |current| {
        let (before, rest) = current.split_once(BEGIN).expect("the marker where keys begin");
        let (_, after) = rest.split_once(END).expect("the marker where keys end");
        format!("{before}{BEGIN}\n\n{}\n{END}{after}", reference())
    });
}

/// The documents that are shown in the documentation load without problems.
#[test]
fn the_examples_are_valid() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/CONFIGURATION.md");
    let text = std::fs::read_to_string(path).unwrap();
    let blocks: Vec<&str> = text
        .split("```json\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default())
        .collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        assert_eq!(super::warned(block), "", "{block}");
    }
}

#[test]
fn the_schema_closes_objects_and_opens_maps() {
    let schema = schema();
    assert_eq!(schema["additionalProperties"], false);
    let services = &schema["properties"]["services"];
    assert_eq!(services["additionalProperties"]["type"], "array");
    let metric = &schema["properties"]["metrics"]["items"];
    assert_eq!(metric["required"], serde_json::json!(["name"]));
    let timeout = &schema["properties"]["victoria_metrics"]["properties"]["timeout_seconds"];
    insta::assert_json_snapshot!(timeout, @r#"
    {
      "default": 10,
      "description": "Patience for one request. (s)",
      "maximum": 120,
      "minimum": 1,
      "type": "integer"
    }
    "#);
}
