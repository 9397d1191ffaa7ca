//! What the choice of features leads to: one build for programs and tests, one stack for TLS.
//!
//! `cargo test` looks at dev-dependencies when it chooses features, `cargo build` and `cargo run`
//! do not. Where the choices differ, a crate and all above it are compiled twice: minutes, for the
//! SDK.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::process;
use crate::stage::Stage;

/// A second one beside rustls on aws-lc, which the SDK and the HTTP client share, would be dead
/// weight in every cold start.
const OTHER_TLS_STACKS: &[&str] = &["native-tls v", "openssl-sys v", "ring v", "rustls v0.21"];

const TREE_LIMIT: Duration = Duration::from_secs(120);

pub(super) fn check_one_build(stage: &Stage) -> Result<()> {
    let programs = features(stage, "normal,build")?;
    let tests = features(stage, "normal,build,dev")?;
    ensure!(programs.len() > 100, "cargo tree named {} crates only", programs.len());
    let differing: Vec<String> = programs
        .iter()
        .filter_map(|(name, features)| Some((name, features, tests.get(name)?)))
        .filter(|(_, features, with_tests)| features != with_tests)
        .map(|(name, features, with_tests)| format!("{name}: {features:?}, tests {with_tests:?}"))
        .collect();
    ensure!(
        differing.is_empty(),
        "compiled twice, for programs and for tests; add the dev-dependency that asks for more to \
         tests/Cargo.toml:\n{}",
        differing.join("\n")
    );
    Ok(())
}

pub(super) fn check_one_tls_stack(stage: &Stage) -> Result<()> {
    let crates = features(stage, "normal,build")?;
    ensure!(crates.keys().any(|name| name.starts_with("aws-lc-rs v")), "aws-lc-rs is not used");
    for stack in OTHER_TLS_STACKS {
        let found = crates.keys().find(|name| name.starts_with(stack));
        ensure!(found.is_none(), "{found:?} is a second TLS stack: `cargo tree --invert` it");
    }
    Ok(())
}

/// Crates by name and version, each with its features as cargo lists them.
fn features(stage: &Stage, edges: &str) -> Result<BTreeMap<String, Vec<String>>> {
    let mut command = stage.cargo();
    command.args(["tree", "--workspace", "--offline", "--edges", edges]);
    command.args(["--prefix", "none", "--format", "{p} | {f} |"]);
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in process::succeed("cargo tree", command, TREE_LIMIT)?.lines() {
        let mut cells = line.split(" | ");
        let name = cells.next().context("an empty line")?.to_owned();
        let features = cells.next().unwrap_or_default().trim_end_matches(" |").to_owned();
        let sets = found.entry(name).or_default();
        // A crate is listed twice when build scripts and programs need different features of it.
        if !sets.contains(&features) {
            sets.push(features);
            sets.sort();
        }
    }
    Ok(found)
}
