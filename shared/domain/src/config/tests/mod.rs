//! Tests of the whole way from text to configuration.

mod meaning;
mod messages;
mod published;
mod slos;
mod table;

use super::problems::CODES;
use super::{Loaded, Problems, load};

/// Loads a document without an environment.
fn load_document(document: &str) -> Result<Loaded, Problems> {
    checked(load(Some(document), &|_| None))
}

/// Loads a document with some variables.
fn load_with(document: &str, variables: &[(&str, &str)]) -> Result<Loaded, Problems> {
    let env = |name: &str| {
        variables.iter().find(|(variable, _)| *variable == name).map(|(_, text)| (*text).to_owned())
    };
    checked(load(Some(document), &env))
}

/// Every code that is ever given is documented.
fn checked(result: Result<Loaded, Problems>) -> Result<Loaded, Problems> {
    let problems = match &result {
        Ok(loaded) => &loaded.warnings,
        Err(problems) => &problems.0,
    };
    for problem in problems {
        assert!(
            CODES.iter().any(|(code, _)| *code == problem.code),
            "{} has no text",
            problem.code
        );
    }
    result
}

/// What people see of a document with errors.
fn refused(document: &str) -> String {
    load_document(document).expect_err("errors are expected").to_string()
}

/// The warnings of a document without errors, one a line.
fn warned(document: &str) -> String {
    let loaded = load_document(document).unwrap_or_else(|problems| panic!("{problems}"));
    let lines: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// The configuration of a document without errors.
fn accepted(document: &str) -> super::Config {
    load_document(document).unwrap_or_else(|problems| panic!("{problems}")).config
}
