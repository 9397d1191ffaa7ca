//! The table of patterns as Markdown, for the documentation.

use std::fmt::Write as _;

use super::state::{Condition, Core, DependencyKind, Quantity};
use super::{PATTERNS, Pattern};
use crate::pattern::text::percent;

/// All patterns in order, with what each asks for, says and recommends.
pub fn reference() -> String {
    let mut text = String::new();
    overview(&mut text);
    for pattern in PATTERNS {
        details(&mut text, pattern);
    }
    text.trim_end().to_owned()
}

/// Writing to a `String` cannot fail, so the results are dropped.
fn overview(text: &mut String) {
    let _ = writeln!(text, "| # | Pattern | Conditions | Severity |\n|---|---|---|---|");
    for (index, pattern) in PATTERNS.iter().enumerate() {
        let (number, name) = (index + 1, pattern.name);
        let (conditions, severity) = (listed(pattern.conditions), severity(pattern));
        let _ = writeln!(text, "| {number} | [`{name}`](#{name}) | {conditions} | {severity} |");
    }
    text.push('\n');
}

fn details(text: &mut String, pattern: &Pattern) {
    let _ = writeln!(text, "### {}\n", pattern.name);
    if !pattern.aliases.is_empty() {
        let aliases: Vec<String> = pattern.aliases.iter().map(|it| format!("`{it}`")).collect();
        let _ = writeln!(text, "Also known as {}.\n", aliases.join(", "));
    }
    let _ = writeln!(text, "> {}\n", pattern.description);
    let _ = writeln!(text, "{}\n", pattern.interpretation);
    for action in pattern.actions {
        let _ = writeln!(text, "- {} {}", action.prefix.as_str(), action.text);
    }
    text.push('\n');
}

fn severity(pattern: &Pattern) -> String {
    let mut text = pattern.severity.to_string();
    if !pattern.critical_if.is_empty() {
        let _ = write!(text, "; critical if {}", listed(pattern.critical_if));
    }
    if pattern.is_locked {
        text.push_str(", locked");
    }
    text
}

fn listed(conditions: &[Condition]) -> String {
    conditions.iter().map(words).collect::<Vec<_>>().join(", ")
}

fn words(condition: &Condition) -> String {
    match condition {
        Condition::Level(core, want) => format!("{} {}", short(*core), want.as_str()),
        Condition::Above(of, bound) => format!("{} above {}", share(*of), percent(*bound)),
        Condition::Below(of, bound) => format!("{} below {}", share(*of), percent(*bound)),
        Condition::Context(kind) => match kind {
            DependencyKind::UpstreamAnomaly => "a called service is at fault".to_owned(),
            DependencyKind::ChainDegraded => "the fault is further down the chain".to_owned(),
            DependencyKind::DependenciesHealthy => "all called services are healthy".to_owned(),
        },
        Condition::Rising(core) => format!("{} rising for two hours", short(*core)),
        Condition::Night => "at night".to_owned(),
    }
}

fn short(core: Core) -> &'static str {
    match core {
        Core::RequestRate => "requests",
        Core::ApplicationLatency => "latency",
        Core::DependencyLatency => "dependencies",
        Core::DatabaseLatency => "database",
        Core::ErrorRate => "errors",
    }
}

fn share(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::DatabaseShare => "database / latency",
        Quantity::DependencyShare => "dependencies / latency",
        Quantity::ShareOfUsualRate => "requests / usual",
        Quantity::ErrorShare => "error rate",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: &str =
        "<!-- patterns: made from the table in the code; UPDATE=1 cargo test -p detect -->";
    const END: &str = "<!-- end of patterns -->";

    /// The published page is what the table says. `UPDATE=1 cargo test -p detect` writes it.
    #[test]
    fn the_page_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/PATTERNS.md");
        let current = std::fs::read_to_string(path).unwrap();
        let (before, rest) = current.split_once(BEGIN).expect("the marker where patterns begin");
        let (_, after) = rest.split_once(END).expect("the marker where patterns end");
        let expected = format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", reference());
        if current != expected && std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, &expected).unwrap();
            return;
        }
        assert!(
            current == expected,
            "docs/PATTERNS.md is not current; run UPDATE=1 cargo test -p detect and look at the \
             change"
        );
    }
}
