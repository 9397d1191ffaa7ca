//! One incident from start to end, as it is kept, and the messages that went out.

use std::collections::BTreeMap;
use std::time::Duration;

use incident::Event;
use pipeline::ports::incidents::IncidentHistory;

use super::life::Life;
use super::replay::Replayed;
use super::stage::{MESSAGES, Stage};
use crate::commands::incidents::words::{at, event};
use crate::shell::Shell;
use crate::terminal::{self, Tone, clock, count, paint};

/// Lines of the incident's past; of more, the first and the last are shown.
const LINES_MAX: usize = 10;

/// Tells the example, and how many messages went out in all.
pub fn tell(shell: &Shell, stage: &Stage, replayed: &Replayed) {
    let Some(history) = &replayed.example else { return };
    let record = &history.record;
    let id = record.incident.incident_id.as_str();
    let title = format!("The life of one incident, {id}:");
    let what = format!("{} of {}", record.incident.anomaly_name, record.service);
    shell.say(&format!("\n{} {what}\n", paint(Tone::Strong, &title)));
    let mut lines = lines(stage, history);
    let life = replayed.lives.iter().find(|it| it.incident_id == id);
    if let (Some((_, first)), Some(life)) = (lines.first_mut(), life) {
        let begin = event(&Event::Created);
        *first = first.replacen(&begin, &format!("{begin}: {}", life.what), 1);
    }
    let left_out = lines.len().saturating_sub(LINES_MAX);
    for (index, (clock, text)) in lines.iter().enumerate() {
        if index == LINES_MAX / 2 && left_out > 0 {
            shell.say(&paint(Tone::Faint, &format!("         … {left_out} more …")));
        }
        if index < LINES_MAX / 2 || index >= LINES_MAX / 2 + left_out {
            let text = terminal::shorten(text, terminal::COLUMNS - 9);
            shell.say(&format!("  {}  {text}", paint(Tone::Faint, clock)));
        }
    }
    tell_sums(shell, stage, replayed, id);
}

/// Clock and words of what happened, with what happened in one cycle in one line.
fn lines(stage: &Stage, history: &IncidentHistory) -> Vec<(String, String)> {
    let mut by_cycle: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for it in &history.events {
        let words = it.events.iter().filter(|it| !matches!(it, Event::Confirmed)).map(event);
        by_cycle.entry(it.at_ms).or_default().extend(words);
    }
    let told = by_cycle.into_iter().filter(|(_, words)| !words.is_empty());
    told.map(|(at_ms, words)| (clock(&stage.calendar, at(at_ms)), words.join("; "))).collect()
}

fn tell_sums(shell: &Shell, stage: &Stage, replayed: &Replayed, id: &str) {
    let lives: Vec<&Life> = replayed.lives.iter().filter(|it| it.incident_id == id).collect();
    let line = |name: &str, text: &str| shell.say(&format!("  {name:<12}  {text}"));
    shell.say("");
    if let (Some(first), Some(worst)) = (lives.first(), lives.iter().map(|it| it.worst).max()) {
        let over_s = lives.iter().filter_map(|it| it.over_s).max().unwrap_or(first.last_s);
        let length = Duration::from_secs((over_s - first.opened_s).max(0) as u64);
        let length = terminal::minutes(length);
        let worst = paint(Tone::of(worst), worst.as_str());
        line("in short", &format!("over after {length}, at worst {worst}{}", affected(&lives)));
        let alerts: usize = lives.iter().map(|it| it.alerts).sum();
        let ends = lives.iter().filter(|it| it.over_s.is_some()).count();
        line("told", &format!("{}, {}", count(alerts, "alert"), count(ends, "resolution")));
    }
    let place = match stage.kept() {
        Some(folder) => format!("; they are in {}", folder.join(MESSAGES).display()),
        None => String::new(),
    };
    let (alerts, ends) =
        (count(replayed.alerts, "alert"), count(replayed.resolutions, "resolution"));
    let incidents = count(replayed.lives.len(), "incident");
    line("of all", &format!("{incidents} told, {alerts} and {ends} went out{place}"));
}

fn affected(lives: &[&Life]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for name in lives.iter().flat_map(|it| &it.affected) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    if names.is_empty() { String::new() } else { format!(", also affected: {}", names.join(", ")) }
}
