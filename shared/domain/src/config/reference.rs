//! The table of keys as Markdown, for the documentation.

use std::fmt::Write as _;

use super::keys::{self, Key, Stage};
use super::problems::CODES;

/// All keys, all short variables and all codes of problems, as Markdown.
pub fn reference() -> String {
    let mut text = String::new();
    let live = || keys::all().filter(|key| key.stage == Stage::Live);
    let is_top = |key: &&Key| !key.path.contains(['.', '[']);
    live_keys(&mut text, "Top level", live().filter(is_top).collect());
    for section in keys::children("") {
        let is_in_section = |key: &&Key| key.path != section && key.is_under(section);
        live_keys(&mut text, &format!("`{section}`"), live().filter(is_in_section).collect());
    }
    idle_keys(&mut text, "not used yet", Stage::Later);
    idle_keys(&mut text, "without an effect", Stage::Moot);
    variables(&mut text);
    codes(&mut text);
    text
}

/// Writing to a `String` cannot fail, so the results are dropped.
fn live_keys(text: &mut String, title: &str, keys: Vec<&Key>) {
    if keys.is_empty() {
        return;
    }
    let _ = writeln!(text, "### {title}\n");
    let _ = writeln!(text, "| Key | Value | Default | Meaning |\n|---|---|---|---|");
    for key in keys {
        let (path, value) = (key.path, cell(&key.expected(&key.shape)));
        let (default, about) = (code(key.default), cell(key.about));
        let _ = writeln!(text, "| `{path}` | {value} | {default} | {about} |");
    }
    text.push('\n');
}

fn idle_keys(text: &mut String, title: &str, stage: Stage) {
    let _ = writeln!(text, "### Accepted and checked, but {title}\n");
    let meaning = if stage == Stage::Moot { "What holds instead" } else { "Meaning" };
    let _ = writeln!(text, "| Key | Value | {meaning} |\n|---|---|---|");
    for key in keys::all().filter(|key| key.stage == stage) {
        let value = cell(&key.expected(&key.shape));
        let _ = writeln!(text, "| `{}` | {value} | {} |", key.path, cell(key.about));
    }
    text.push('\n');
}

fn variables(text: &mut String) {
    text.push_str("### Short variables\n\n| Variable | Key |\n|---|---|\n");
    for key in keys::all().filter(|key| !key.variable.is_empty()) {
        let later = match key.stage {
            Stage::Live => "",
            Stage::Later => " (not used yet)",
            Stage::Moot => " (no effect)",
        };
        let _ = writeln!(text, "| `{}` | `{}`{later} |", key.variable, key.path);
    }
    text.push('\n');
}

fn codes(text: &mut String) {
    text.push_str("### Codes of problems\n\n| Code | Meaning |\n|---|---|\n");
    for (code, meaning) in CODES {
        let _ = writeln!(text, "| {code} | {meaning} |");
    }
}

fn code(default: &str) -> String {
    if default.is_empty() { "-".to_owned() } else { format!("`{}`", cell(default)) }
}

/// A bar would end the cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
