//! `yaga incidents walk`: the state machine on a sequence of cycles, with the messages it would
//! send. It touches no incident.

use domain::ServiceName;
use incident::IncidentId;
use incident::rules::Rules;
use incident::walk::{self, Row, RowIncident, Sight};
use serde::Serialize;

use super::words::{message, reason, tone};
use crate::exit::{Done, Failure, Outcome};
use crate::instant::parse_service;
use crate::shell::Shell;
use crate::terminal::{Tone, cell, count, number, paint, table};

/// Which cycles, under which rules.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// D: detected, strong enough to open. d: detected, strong enough to go on. m: missed. x: not
    /// evaluated. A duration, like 45m: nothing ran for so long. Example: 'D D m x 45m D'
    #[arg(required = true, value_name = "CYCLES")]
    cycles: Vec<String>,
    /// Detections that confirm; otherwise the configuration's.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10))]
    confirmation: Option<u32>,
    /// Misses that close; otherwise the configuration's.
    #[arg(long, value_name = "M", value_parser = clap::value_parser!(u32).range(1..=10))]
    grace: Option<u32>,
    /// Minutes after which a detection is another incident; otherwise the configuration's.
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(i64).range(5..=1440))]
    separation: Option<i64>,
    /// Detections that confirm need not follow each other.
    #[arg(long)]
    loose: bool,
    /// Time from cycle to cycle, at least 2m.
    #[arg(long, value_name = "DURATION", default_value = "2m", value_parser = parse_step)]
    step: i64,
    /// Service that the walk is for: ids depend on it.
    #[arg(long, value_name = "NAME", default_value = "service", value_parser = parse_service)]
    service: ServiceName,
}

/// The answer for machines.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    confirmation_cycles: u32,
    grace_cycles: u32,
    /// At least three cycles.
    separation_minutes: i64,
    strict_confirmation: bool,
    step_s: i64,
    messages: usize,
    cycles: &'a [Row],
}

fn parse_step(text: &str) -> Result<i64, String> {
    walk::duration_s(text).map_err(|error| error.to_string())
}

/// Runs the command.
pub(super) async fn run(shell: &Shell, arguments: &Arguments) -> Outcome {
    let usage = |error: walk::WalkError| Failure::Usage(error.into());
    let ticks = walk::parse(&arguments.cycles.join(" ")).map_err(usage)?;
    let config = shell.settings().await?.config;
    let rules = rules(Rules::of(&config), arguments);
    let step_s = arguments.step.max(incident::step::CYCLE_MIN_S);
    let rows = walk::walk(&arguments.service, &ticks, &rules, step_s);
    if shell.json {
        shell.say_json(&answer(&rules, step_s, &rows))?;
    } else {
        tell(shell, &answer(&rules, step_s, &rows));
    }
    Ok(Done::Whole)
}

fn rules(base: Rules, arguments: &Arguments) -> Rules {
    Rules {
        confirmation_cycles: arguments.confirmation.unwrap_or(base.confirmation_cycles),
        grace_cycles: arguments.grace.or(base.grace_cycles),
        separation_minutes: arguments.separation.unwrap_or(base.separation_minutes),
        strict_confirmation: base.strict_confirmation && !arguments.loose,
        ..base
    }
}

fn answer<'a>(rules: &Rules, step_s: i64, rows: &'a [Row]) -> Answer<'a> {
    let told = rows.iter().flat_map(|row| &row.incidents).filter(|it| it.message.is_some());
    Answer {
        confirmation_cycles: rules.confirmation_cycles,
        grace_cycles: rules.grace_cycles(step_s),
        separation_minutes: rules.separation_minutes(step_s),
        strict_confirmation: rules.strict_confirmation,
        step_s,
        messages: told.count(),
        cycles: rows,
    }
}

fn tell(shell: &Shell, answer: &Answer) {
    let misses = match answer.grace_cycles {
        1 => "1 miss closes".to_owned(),
        misses => format!("{misses} misses close"),
    };
    let strict = if answer.strict_confirmation { " in a row" } else { "" };
    shell.say(&format!(
        "{}{strict} to open, {}, another incident after {} min; a cycle is {} s",
        count(answer.confirmation_cycles as usize, "detection"),
        misses,
        answer.separation_minutes,
        answer.step_s,
    ));
    let header = ["min", "cycle", "incident", "state", "seen", "in a row", "missed", "message"];
    let mut table = table(&header);
    for row in answer.cycles {
        let minute = number(row.at_s / 60);
        if row.incidents.is_empty() {
            table.add_row(vec![minute, cell(Tone::Faint, sight(row.sight))]);
            continue;
        }
        for (index, it) in row.incidents.iter().enumerate() {
            let start = if index == 0 {
                vec![minute.clone(), cell(Tone::Plain, sight(row.sight))]
            } else {
                vec![number(""), cell(Tone::Plain, "")]
            };
            table.add_row(start.into_iter().chain(cells(it)));
        }
    }
    shell.say(&table.to_string());
    let incidents = incidents(answer.cycles);
    let total = format!("{}, {}", count(incidents, "incident"), count(answer.messages, "message"));
    shell.say(&paint(Tone::Strong, &total));
}

fn cells(it: &RowIncident) -> Vec<comfy_table::Cell> {
    let flapping = if it.is_flapping { ", flapping" } else { "" };
    let state = match it.end {
        Some(end) => format!("{}: {}", it.state, reason(end)),
        None => format!("{}{flapping}", it.state),
    };
    let message = it.message.map_or("", message);
    vec![
        cell(Tone::Faint, it.incident_id.as_str()),
        cell(tone(it.state), &state),
        number(it.occurrence_count),
        number(it.consecutive_detections),
        number(it.missed_cycles),
        cell(Tone::Note, message),
    ]
}

fn sight(sight: Sight) -> &'static str {
    match sight {
        Sight::Opens => "detected",
        Sight::Keeps => "still there",
        Sight::Missed => "missed",
        Sight::NotEvaluated => "not evaluated",
    }
}

fn incidents(rows: &[Row]) -> usize {
    let mut ids: Vec<&IncidentId> =
        rows.iter().flat_map(|row| &row.incidents).map(|it| &it.incident_id).collect();
    ids.sort();
    ids.dedup();
    ids.len()
}
