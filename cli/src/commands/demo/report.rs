//! The demo in words: what is shown, what was found, what was missed, what to do next.

use std::time::Duration;

use chrono::{DateTime, Utc};
use comfy_table::Table;
use domain::Severity;
use pipeline::train::{PeriodStatus, ServiceReport, TrainingReport};

use super::stage::{STATE, Stage, ZONE};
use super::verdict::{FalseAlarm, FaultVerdict, Verdict};
use super::{Arguments, Timings, memory_peak_bytes};
use crate::commands::simulate::{files, next_commands};
use crate::shell::Shell;
use crate::terminal::{self, Tone};

/// False alarms that are listed; their number is always told.
const ALARMS_SHOWN_MAX: usize = 10;

/// What is going to happen.
pub fn tell_start(shell: &Shell, arguments: &Arguments) {
    let title = terminal::paint(Tone::Strong, "yaga demo");
    shell.say(&format!(
        "{title}  {} of a made-up shop: {} of history without faults, then {} h with faults\n\
         \x20          that yaga is not told about. No server, no account; seed {}.\n",
        terminal::count(arguments.services, "service"),
        terminal::count(arguments.days as usize, "day"),
        arguments.hours,
        arguments.seed
    ));
}

/// The estate is there.
pub fn tell_stage(shell: &Shell, stage: &Stage, took: Duration) {
    let samples = stage.samples as f64 / 1e6;
    step(shell, "simulated", &format!("{samples:.1} million samples of five metrics"), took);
}

/// The models are there; what is missing is said.
pub fn tell_learned(shell: &Shell, report: &TrainingReport, took: Duration) {
    let wanted = report.promoted + report.provisional + report.kept + report.without_model;
    let learned = report.promoted + report.provisional;
    let what = format!("{learned} of {wanted} models, one per service and period of the week");
    step(shell, "learned", &what, took);
    let note = |text: &str| shell.say(&terminal::paint(Tone::Faint, &format!("{:15}{text}", "")));
    if report.provisional > 0 {
        let number = report.provisional;
        note(&format!("{number} of them provisional: noisy or blind on days they had not seen"));
    }
    if report.without_model > 0 {
        let missing = report.without_model;
        note(&format!(
            "{missing} are missing; another period's model stands in, where there is one"
        ));
    }
    let bare: Vec<&str> =
        report.services.iter().filter(|it| is_bare(it)).map(|it| it.service.as_str()).collect();
    if !bare.is_empty() {
        note(&format!("without any model, and so not watched: {}", bare.join(", ")));
    }
}

fn is_bare(service: &ServiceReport) -> bool {
    use PeriodStatus::{Kept, Promoted, Provisional};
    !service.periods.iter().any(|it| matches!(it.status, Promoted | Provisional | Kept))
}

fn step(shell: &Shell, verb: &str, what: &str, took: Duration) {
    let sign = terminal::paint(Tone::Good, "✓");
    let took = terminal::paint(Tone::Faint, &format!("{:>8}", terminal::duration(took)));
    shell.say(&format!("  {sign} {verb:<10} {what:<74} {took}"));
}

/// What follows is the log.
pub fn tell_replay(shell: &Shell, stage: &Stage) {
    let day = terminal::day(&stage.calendar, stage.test_from);
    shell.say(&format!(
        "\n{} one look every two minutes, times of {ZONE}\n",
        terminal::paint(Tone::Strong, &format!("What yaga says from {day} on:"))
    ));
}

/// How it went.
pub fn tell_end(shell: &Shell, stage: &Stage, verdict: &Verdict, timings: &Timings) {
    if verdict.incidents == 0 {
        shell.say("  nothing");
    }
    let title = "What really happened, and whether yaga noticed:";
    shell.say(&format!("\n{}\n", terminal::paint(Tone::Strong, title)));
    shell.say(&faults_table(stage, verdict).trim_fmt());
    shell.say("");
    tell_score(shell, stage, verdict);
    tell_cost(shell, timings);
}

fn faults_table(stage: &Stage, verdict: &Verdict) -> Table {
    let header = ["fault", "in", "began", "lasted", "to see", "noticed", "by"];
    let mut table = terminal::table(&header);
    for fault in &verdict.faults {
        let at = DateTime::from_timestamp(fault.start_s, 0).unwrap_or_default();
        let length = Duration::from_secs((fault.end_s - fault.start_s).max(0) as u64);
        let (tone, text) = noticed(fault);
        let found = fault.found.as_ref();
        table.add_row([
            fault.kind.replace('_', " ").into(),
            terminal::cell(Tone::Strong, &fault.service),
            terminal::number(terminal::clock(&stage.calendar, at)),
            terminal::number(terminal::minutes(length)),
            fault.difficulty.map_or("", simulate::Difficulty::as_str).into(),
            terminal::cell(tone, &text),
            found.map_or("", |it| it.by_service.as_str()).into(),
        ]);
    }
    table
}

fn noticed(fault: &FaultVerdict) -> (Tone, String) {
    let after = fault.found.as_ref().map(|found| {
        let delay = Duration::from_secs(found.delay_s.max(0) as u64);
        format!("after {}", terminal::minutes(delay))
    });
    match (after, fault.needs_finding) {
        (Some(after), true) => (Tone::Good, format!("✓ {after}")),
        (None, true) if fault.was_open => (Tone::Bad, "✗ was open".to_owned()),
        (None, true) => (Tone::Bad, "✗ no".to_owned()),
        (Some(after), false) => (Tone::Note, format!("· {after}")),
        (None, false) => (Tone::Faint, "· harmless".to_owned()),
    }
}

fn tell_score(shell: &Shell, stage: &Stage, verdict: &Verdict) {
    let (found, needed) = verdict.found_of();
    let tone = if found == needed { Tone::Good } else { Tone::Warning };
    let share = terminal::paint(tone, &format!("{found} of {}", terminal::count(needed, "fault")));
    let harmless = verdict.faults.len() - needed;
    let harmless = match harmless {
        0 => String::new(),
        some => format!("; {some} more (·) only brought traffic that was absorbed"),
    };
    shell.say(&format!("  noticed       {share}{harmless}"));
    let alarms = verdict.false_alarms.len();
    let tone = if alarms == 0 { Tone::Good } else { Tone::Warning };
    let per_day = alarms as f64 / verdict.service_days.max(f64::MIN_POSITIVE);
    let number = terminal::paint(tone, &alarms.to_string());
    shell.say(&format!("  false alarms  {number}, that is {per_day:.2} per service and day"));
    for alarm in verdict.false_alarms.iter().take(ALARMS_SHOWN_MAX) {
        shell.say(&format!("                {}", alarm_line(stage, alarm)));
    }
    if alarms > ALARMS_SHOWN_MAX {
        shell.say(&format!("                and {} more", alarms - ALARMS_SHOWN_MAX));
    }
}

fn alarm_line(stage: &Stage, alarm: &FalseAlarm) -> String {
    let life = &alarm.incident;
    let at = DateTime::from_timestamp(life.opened_s, 0).unwrap_or_default();
    let clock = terminal::clock(&stage.calendar, at);
    let why = alarm.meanwhile.as_ref().map(|why| format!("; {why}")).unwrap_or_default();
    let line = format!("{clock} {}: {}{why}", life.service, life.what);
    terminal::paint(Tone::Faint, &terminal::shorten(&line, terminal::COLUMNS - 16))
}

fn tell_cost(shell: &Shell, timings: &Timings) {
    let whole = timings.simulate + timings.learn + timings.replay;
    let cycle = timings.replay / timings.cycles.max(1);
    let memory = memory_peak_bytes().map(|bytes| format!(", {} of memory", terminal::bytes(bytes)));
    shell.say(&format!(
        "  cost          {} in all, of which {} cycles of {} each{}",
        terminal::duration(whole),
        timings.cycles,
        terminal::duration(cycle),
        memory.unwrap_or_default()
    ));
}

/// When the first fault was noticed.
fn instant_of_interest(stage: &Stage, verdict: &Verdict) -> DateTime<Utc> {
    let needed = verdict.faults.iter().filter(|fault| fault.needs_finding);
    let noticed = needed.filter_map(|fault| Some(fault.start_s + fault.found.as_ref()?.delay_s));
    let first = noticed.min().and_then(|second| DateTime::from_timestamp(second, 0));
    first.unwrap_or(stage.test_from)
}

/// What to do next.
pub fn tell_next(shell: &Shell, stage: &Stage, verdict: &Verdict) {
    let command = |text: &str| {
        shell.say(&format!("  {}", terminal::paint(Tone::of(Severity::Low), text)));
    };
    shell.say(&format!("\n{}", terminal::paint(Tone::Strong, "Next")));
    if let Some(folder) = stage.kept() {
        let [_, infer] = next_commands(folder, instant_of_interest(stage, verdict));
        command(&infer);
        let config = folder.join(files::CONFIG).display().to_string();
        command(&format!("yaga models list --config {}", terminal::shell_word(&config)));
        let state = folder.join(STATE).display().to_string();
        command(&format!("yaga incidents list --all --state {}", terminal::shell_word(&state)));
    } else {
        command("yaga demo --keep yaga-demo");
    }
    command("VM_ENDPOINT=https://your-victoria-metrics:8428 yaga train");
}
