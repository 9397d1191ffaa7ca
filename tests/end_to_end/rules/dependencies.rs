//! The dependency direction, asserted from `cargo metadata`.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::stage;

/// Each crate of the workspace and the workspace crates it may depend on, lowest layer first.
const ALLOWED: &[(&str, &[&str])] = &[
    // Pure: mathematics and words of the domain. `forest` and `stats` know no services.
    ("forest", &[]),
    ("stats", &[]),
    ("simulate", &[]),
    ("domain", &[]),
    ("detect", &["domain", "forest", "stats"]),
    ("incident", &["domain"]),
    ("slo", &["domain", "stats"]),
    // Pure: bytes.
    ("artifact", &["detect", "domain", "forest"]),
    ("payload", &["detect", "domain", "incident", "slo"]),
    // Use cases over ports.
    (
        "pipeline",
        &["artifact", "detect", "domain", "forest", "incident", "payload", "slo", "stats"],
    ),
    // The outside world.
    ("adapter-aws", &["artifact", "domain", "incident", "payload", "pipeline"]),
    // The engine behind adapter-aws' incident store. A crate of its own and not a part of
    // adapter-local, which everything links: what runs on Lambda must not carry it.
    ("adapter-embedded", &["adapter-aws", "domain", "incident", "pipeline"]),
    ("adapter-http", &["artifact", "domain", "payload", "pipeline"]),
    ("adapter-local", &["artifact", "domain", "payload", "pipeline"]),
    ("wiring", &["adapter-aws", "adapter-http", "adapter-local", "domain", "pipeline"]),
    // Programs.
    ("inference", &["domain", "payload", "pipeline", "wiring"]),
    ("training", &["domain", "payload", "pipeline", "wiring"]),
    (
        "yaga",
        &[
            "adapter-embedded",
            "adapter-local",
            "artifact",
            "detect",
            "domain",
            "forest",
            "incident",
            "payload",
            "pipeline",
            "simulate",
            "slo",
            "stats",
            "wiring",
        ],
    ),
    // Tests.
    (
        "testkit",
        &["artifact", "detect", "domain", "forest", "incident", "payload", "pipeline", "simulate"],
    ),
    ("end-to-end", &["adapter-aws", "adapter-http", "domain", "incident", "pipeline", "testkit"]),
];

/// Crates that any crate may use in its tests and examples.
const FOR_TESTS: &[&str] = &["adapter-local", "simulate", "testkit"];

/// Crates of others (a final `*` is any ending) that only the named crates may depend on.
const RESERVED: &[(&str, &[&str])] = &[
    ("aws-*", &["adapter-aws"]),
    ("bincode", &["artifact"]),
    ("chrono-tz", &["domain"]),
    ("clap", &["yaga"]),
    ("dynoxide-rs", &["adapter-embedded"]),
    ("lambda_runtime", &["inference", "training"]),
    ("reqwest", &["adapter-http"]),
    // Adapters need its timer and its once-cell; the rest of the libraries know no runtime.
    (
        "tokio",
        &[
            "adapter-aws",
            "adapter-embedded",
            "adapter-http",
            "end-to-end",
            "inference",
            "testkit",
            "training",
            "wiring",
            "yaga",
        ],
    ),
    ("tracing-subscriber", &["inference", "training", "yaga"]),
];

/// Crates without I/O, clock, log or runtime, and all that they may use of others.
const PURE: &[&str] =
    &["artifact", "detect", "domain", "forest", "incident", "payload", "simulate", "slo", "stats"];
const PURE_MAY_USE: &[&str] = &[
    "bincode",
    "chrono",
    "chrono-tz",
    "libm",
    "ndarray",
    "rayon",
    "schemars",
    "serde",
    "serde_json",
    "sha2",
    "thiserror",
];

/// One line of one manifest.
#[derive(Debug)]
struct Edge {
    from: String,
    to: String,
    /// Not needed to build the crate itself.
    for_tests: bool,
}

pub(super) fn check() -> Result<()> {
    let metadata = MetadataCommand::new()
        .current_dir(stage::root())
        .no_deps()
        .other_options(vec!["--offline".to_owned()])
        .exec()?;
    let packages = metadata.workspace_packages();
    let members: BTreeSet<String> = packages.iter().map(|it| it.name.to_string()).collect();
    let edges: Vec<Edge> = packages
        .iter()
        .flat_map(|package| package.dependencies.iter().map(|to| (package.name.to_string(), to)))
        .map(|(from, dependency)| Edge {
            from,
            to: dependency.name.clone(),
            for_tests: dependency.kind == DependencyKind::Development,
        })
        .collect();
    ensure!(edges.len() > members.len(), "cargo metadata named next to no dependencies");
    let problems = problems(&members, &edges);
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

fn problems(members: &BTreeSet<String>, edges: &[Edge]) -> Vec<String> {
    let unknown = members.iter().filter(|name| !ALLOWED.iter().any(|(known, _)| known == name));
    let unknown = unknown.map(|name| {
        format!("{name} is in no row: add it to ALLOWED in {} with what it may depend on", file!())
    });
    unknown.chain(edges.iter().filter_map(|edge| problem(members, edge))).collect()
}

fn problem(members: &BTreeSet<String>, edge: &Edge) -> Option<String> {
    let Edge { from, to, for_tests } = edge;
    if members.contains(to) {
        let in_table = row(ALLOWED, from).is_none_or(|row| row.contains(&to.as_str()));
        let ok = in_table || (*for_tests && FOR_TESTS.contains(&to.as_str()));
        return (!ok).then(|| {
            format!("{from} must not depend on {to}: against the direction in {}", file!())
        });
    }
    if *for_tests {
        return None;
    }
    if let Some((_, owners)) = RESERVED.iter().find(|(name, _)| matches(name, to))
        && !owners.contains(&from.as_str())
    {
        return Some(format!("{from} must not depend on {to}: only {} may", owners.join(", ")));
    }
    let impure = PURE.contains(&from.as_str()) && !PURE_MAY_USE.contains(&to.as_str());
    impure.then(|| format!("{from} is pure: {to} is not in PURE_MAY_USE in {}", file!()))
}

fn row<'a>(table: &'a [(&str, &'a [&'a str])], name: &str) -> Option<&'a [&'a str]> {
    table.iter().find(|(known, _)| *known == name).map(|(_, row)| *row)
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

/// A check that cannot fail is worth nothing: each rule, broken once.
pub(super) fn check_finds() -> Result<()> {
    let members = ALLOWED.iter().map(|(name, _)| (*name).to_owned()).collect();
    let broken = [
        ("domain", "pipeline", false),
        ("forest", "stats", false),
        ("pipeline", "testkit", false),
        ("artifact", "stats", true),
        ("pipeline", "aws-sdk-s3", false),
        ("payload", "bincode", false),
        ("pipeline", "tokio", false),
        ("detect", "tracing", false),
    ];
    for (from, to, for_tests) in broken {
        let edge = Edge { from: from.to_owned(), to: to.to_owned(), for_tests };
        ensure!(problems(&members, &[edge]).len() == 1, "{from} -> {to} is not found");
    }
    for (from, to) in [("pipeline", "testkit"), ("detect", "proptest"), ("pipeline", "tokio")] {
        let edge = Edge { from: from.to_owned(), to: to.to_owned(), for_tests: true };
        ensure!(problems(&members, &[edge]).is_empty(), "{from} -> {to} is fine in tests");
    }
    let stranger = members.iter().cloned().chain(["stranger".to_owned()]).collect();
    ensure!(problems(&stranger, &[]).len() == 1, "an unknown crate is not found");
    Ok(())
}
