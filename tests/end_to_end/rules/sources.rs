//! Words that may stand in some sources only: what a crate may reach for, beyond its dependencies.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::stage;

/// The libraries without clock, environment, files, sockets and output.
const PURE: &[&str] = &[
    "shared/artifact/",
    "shared/detect/",
    "shared/domain/",
    "shared/forest/",
    "shared/incident/",
    "shared/payload/",
    "shared/simulate/",
    "shared/slo/",
    "shared/stats/",
];

/// A word, and where it may stand or where it must not.
struct Rule {
    word: &'static str,
    place: Place,
}

enum Place {
    /// Only in files whose path starts with one of these.
    Only(&'static [&'static str]),
    /// Not in files whose path starts with one of these.
    Never(&'static [&'static str]),
}

const fn only(word: &'static str, places: &'static [&'static str]) -> Rule {
    Rule { word, place: Place::Only(places) }
}

const fn never_in_pure(word: &'static str) -> Rule {
    Rule { word, place: Place::Never(PURE) }
}

const RULES: &[Rule] = &[
    only("std::env", &["cli/", "functions/"]),
    only("chrono_tz", &["shared/domain/src/"]),
    only("bincode", &["shared/artifact/src/codec.rs"]),
    only("aws_sdk_", &["shared/adapter-aws/"]),
    only("dynoxide", &["shared/adapter-embedded/"]),
    only("reqwest", &["shared/adapter-http/"]),
    only("lambda_runtime", &["functions/"]),
    never_in_pure("std::fs"),
    never_in_pure("std::net"),
    never_in_pure("std::process"),
    never_in_pure("std::thread::sleep"),
    never_in_pure("std::time::Instant"),
    never_in_pure("SystemTime"),
    never_in_pure("Utc::now"),
    never_in_pure("Local::now"),
    never_in_pure("println!"),
];

pub(super) fn check() -> Result<()> {
    let mut files = Vec::new();
    for folder in ["cli", "functions", "shared"] {
        rust_files(&stage::root().join(folder), &mut files)?;
    }
    ensure!(files.len() > 10, "only {} source files were found", files.len());
    let mut problems = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).with_context(|| format!("{}", file.display()))?;
        let path = file.strip_prefix(stage::root())?.to_string_lossy().into_owned();
        problems.extend(problems_in(&path, &text));
    }
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

/// Product sources below a folder; test files, which may do more, are left out.
fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("{}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let for_tests = ["tests", "benches", "examples", "testkit", "target"].contains(&&*name)
            || name.ends_with("tests.rs");
        if for_tests {
            continue;
        }
        if path.is_dir() {
            rust_files(&path, found)?;
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
    Ok(())
}

fn problems_in(path: &str, text: &str) -> Vec<String> {
    let lines = product_lines(text);
    let mut problems = Vec::new();
    for (number, line) in lines {
        for rule in RULES.iter().filter(|rule| mentions(line, rule.word)) {
            let within = |places: &[&str]| places.iter().any(|place| path.starts_with(place));
            match rule.place {
                Place::Only(places) if !within(places) => problems.push(format!(
                    "{path}:{number}: `{}` may stand only in {}",
                    rule.word,
                    places.join(", ")
                )),
                Place::Never(places) if within(places) => {
                    problems.push(format!("{path}:{number}: `{}` in a pure crate", rule.word));
                }
                _ => {}
            }
        }
    }
    problems
}

/// Numbered lines that are neither comment nor the test module at the bottom.
fn product_lines(text: &str) -> Vec<(usize, &str)> {
    let mut lines = text.lines().enumerate().peekable();
    let mut product = Vec::new();
    while let Some((index, line)) = lines.next() {
        let next = lines.peek().map_or("", |(_, next)| next.trim());
        if line.trim() == "#[cfg(test)]" && next.starts_with("mod ") && next.ends_with('{') {
            break;
        }
        if !line.trim_start().starts_with("//") {
            product.push((index + 1, line));
        }
    }
    product
}

/// Whether a line names a path, in full or as a member of `use std::{..}`.
fn mentions(line: &str, word: &str) -> bool {
    let Some((parent, member)) = word.rsplit_once("::") else {
        return line.contains(word);
    };
    let grouped = line.split_once(&format!("{parent}::{{")).is_some_and(|(_, members)| {
        members.split([',', '{', '}', ';']).any(|it| {
            let it = it.trim();
            it == member || it.starts_with(&format!("{member}::"))
        })
    });
    line.contains(word) || grouped
}

/// A check that cannot fail is worth nothing: each kind of rule, broken once.
pub(super) fn check_finds() -> Result<()> {
    let broken = [
        ("shared/wiring/src/lib.rs", "let home = std::env::var(\"HOME\");"),
        ("shared/wiring/src/lib.rs", "use std::{env, fs};"),
        ("shared/wiring/src/lib.rs", "use std::{collections::BTreeMap, env::var};"),
        ("shared/detect/src/fit.rs", "use chrono_tz::Tz;"),
        ("shared/artifact/src/card.rs", "bincode::serde::encode_to_vec(x, c)"),
        ("shared/detect/src/score.rs", "let now = chrono::Utc::now();"),
    ];
    for (path, text) in broken {
        ensure!(problems_in(path, text).len() == 1, "`{text}` in {path} is not found");
    }
    let fine = [
        ("cli/src/main.rs", "use std::env;"),
        ("shared/domain/src/period.rs", "use chrono_tz::Tz;"),
        ("shared/wiring/src/lib.rs", "// never std::env"),
        ("shared/wiring/src/lib.rs", "use std::{environment, fs};"),
        ("shared/detect/src/score.rs", "#[cfg(test)]\nmod tests {\n    use std::fs;\n}"),
    ];
    for (path, text) in fine {
        ensure!(problems_in(path, text).is_empty(), "`{text}` in {path} is fine");
    }
    Ok(())
}
