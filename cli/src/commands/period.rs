//! `yaga period`: which period of the week rules an instant, why, and until when.

use anyhow::anyhow;
use chrono::{DateTime, Duration, FixedOffset, NaiveDateTime, SecondsFormat, SubsecRound, Utc};
use domain::period::{Resolved, WeekTable};
use domain::{Calendar, Period, ServiceName};
use serde::Serialize;

use crate::exit::{Done, Failure, Outcome};
use crate::instant::parse_service;
use crate::shell::Shell;
use crate::terminal::{Tone, duration, paint};

/// Which instant, on whose clock.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// An instant with its offset, like 2026-03-29T01:30:00Z; without an offset it is what clocks
    /// in the zone show. Otherwise now.
    #[arg(long, value_name = "INSTANT", default_value = "now")]
    at: String,
    /// IANA time zone, like Europe/Paris; otherwise the service's, or the configuration's.
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,
    /// Use the time zone of this service.
    #[arg(long, value_name = "NAME", value_parser = parse_service)]
    service: Option<ServiceName>,
}

/// The answer for machines, and what the text is made of.
#[derive(Debug, Serialize)]
struct Answer {
    period: Period,
    at: String,
    local: String,
    timezone: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<ServiceName>,
    because: Row,
    /// `None` if one period rules the whole week.
    until: Option<Ending>,
    /// Clock changes between the instant and the end.
    clock_changes: Vec<ClockChange>,
}

/// A row of the table of hours: local hours of days that have the same period.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Row {
    days: Vec<&'static str>,
    from_hour: u32,
    /// Exclusive.
    to_hour: u32,
}

#[derive(Debug, Serialize)]
struct Ending {
    at: String,
    local: String,
    next: Period,
}

#[derive(Debug, Serialize)]
struct ClockChange {
    at: String,
    from: String,
    to: String,
}

const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Runs the command.
pub fn run(shell: &Shell, arguments: &Arguments) -> Outcome {
    let config = shell.block_on(shell.settings())??.config;
    let calendar = match (&arguments.timezone, &arguments.service) {
        (Some(zone), _) => config.periods.calendar.in_zone(zone).map_err(usage)?,
        (None, Some(service)) => config.calendar_of(service),
        (None, None) => config.periods.calendar.clone(),
    };
    let at = resolve(&arguments.at, &calendar)?;
    let answer = answer(&calendar, at, arguments.service.clone());
    if shell.json {
        shell.say_json(&answer)?;
    } else {
        tell(shell, &calendar, at, &answer);
    }
    Ok(Done::Whole)
}

fn usage(error: impl Into<anyhow::Error>) -> Failure {
    Failure::Usage(error.into())
}

/// The instant of a text: with an offset, as local time, or `now`.
fn resolve(text: &str, calendar: &Calendar) -> Result<DateTime<Utc>, Failure> {
    if text == "now" {
        return Ok(Utc::now().trunc_subsecs(0));
    }
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Ok(instant.to_utc());
    }
    let forms = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"];
    let local = forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let local = local.ok_or_else(|| {
        usage(anyhow!(
            "{text:?} is no instant; write 2026-03-04T10:00:00Z, 2026-03-04T11:00:00+01:00, or \
             2026-03-04T11:00 for the time that clocks in the zone show"
        ))
    })?;
    let zone = calendar.zone_name();
    match calendar.resolve_local(local) {
        Resolved::Once(at) => Ok(at),
        Resolved::Never => Err(usage(anyhow!(
            "{text} does not exist in {zone}: {}; write a time before or after, or give an offset",
            jump(calendar, local)
        ))),
        Resolved::Twice { earlier, later } => Err(usage(anyhow!(
            "{text} happens twice in {zone}, because clocks are put back; write {} or {}",
            rfc3339(calendar, earlier),
            rfc3339(calendar, later)
        ))),
    }
}

/// Where clocks jump over a local time.
fn jump(calendar: &Calendar, local: NaiveDateTime) -> String {
    let around = local.and_utc();
    let changes = clock_changes(calendar, around - Duration::days(2), around + Duration::days(2));
    let over = |at: &DateTime<Utc>| {
        let before = *at - Duration::seconds(1);
        shown(calendar, before).naive_local() < local && local < shown(calendar, *at).naive_local()
    };
    let Some(at) = changes.into_iter().find(over) else {
        return "clocks jump over it".to_owned();
    };
    let from = at.with_timezone(&offset(calendar, at - Duration::seconds(1)));
    let to = shown(calendar, at);
    let form = if from.date_naive() == to.date_naive() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    format!("clocks jump from {} to {}", from.format(form), to.format(form))
}

fn answer(calendar: &Calendar, at: DateTime<Utc>, service: Option<ServiceName>) -> Answer {
    let local = calendar.local(at);
    let until = calendar.until(at);
    let changes = until.map(|until| clock_changes(calendar, at, until)).unwrap_or_default();
    Answer {
        period: calendar.period_at(at),
        at: utc(at),
        local: rfc3339(calendar, at),
        timezone: calendar.zone_name(),
        service,
        because: row(calendar.table(), local.weekday, local.hour),
        until: until.map(|until| Ending {
            at: utc(until),
            local: rfc3339(calendar, until),
            next: calendar.period_at(until),
        }),
        clock_changes: changes.into_iter().map(|at| clock_change(calendar, at)).collect(),
    }
}

/// The hours around `hour` of a day with the same period, and all days on which they have it.
fn row(table: &WeekTable, weekday: u32, hour: u32) -> Row {
    let period = table.period(weekday, hour);
    let stretch = |day: u32| {
        let is_same = |hour: &u32| table.period(day, *hour) == period;
        let from = (0..=hour).rev().take_while(is_same).last().unwrap_or(hour);
        let to = (hour..24).take_while(is_same).last().unwrap_or(hour) + 1;
        (from, to)
    };
    let (from_hour, to_hour) = stretch(weekday);
    let has_it = |day: &u32| table.period(*day, hour) == period;
    let is_alike = |day: &u32| has_it(day) && stretch(*day) == (from_hour, to_hour);
    let days = (0..7).filter(is_alike).map(|day| DAYS[day as usize]).collect();
    Row { days, from_hour, to_hour }
}

/// The instants in `(after, until]` at which the offset from UTC changes. Zones change it at whole
/// quarters of an hour.
fn clock_changes(
    calendar: &Calendar,
    after: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Vec<DateTime<Utc>> {
    const QUARTER_S: i64 = 900;
    let first = after.timestamp().div_euclid(QUARTER_S) + 1;
    let last = until.timestamp().div_euclid(QUARTER_S);
    let offset_s = |at: DateTime<Utc>| calendar.local(at).utc_offset_s;
    (first..=last)
        .filter_map(|quarter| DateTime::from_timestamp(quarter * QUARTER_S, 0))
        .filter(|at| offset_s(*at) != offset_s(*at - Duration::seconds(1)))
        .collect()
}

fn clock_change(calendar: &Calendar, at: DateTime<Utc>) -> ClockChange {
    ClockChange {
        at: utc(at),
        from: offset(calendar, at - Duration::seconds(1)).to_string(),
        to: offset(calendar, at).to_string(),
    }
}

fn tell(shell: &Shell, calendar: &Calendar, at: DateTime<Utc>, answer: &Answer) {
    let line = |label: &str, text: &str| {
        shell.say(&format!("  {} {text}", paint(Tone::Faint, &format!("{label:<8}"))));
    };
    shell.say(&paint(Tone::Strong, answer.period.as_str()));
    shell.say("");
    line("instant", &answer.at);
    line("local", &format!("{}, {}", wall(calendar, at), answer.timezone));
    line("because", &format!("{} is {}", describe(&answer.because), answer.period));
    let Some((until, ending)) = calendar.until(at).zip(answer.until.as_ref()) else {
        line("until", "for ever: every hour of the week has this period");
        return;
    };
    let length = duration((until - at).to_std().unwrap_or_default());
    line("until", &format!("{} = {}, in {length}", wall(calendar, until), ending.at));
    line("then", ending.next.as_str());
    for change in &answer.clock_changes {
        let text = format!("change from UTC{} to UTC{} at {}", change.from, change.to, change.at);
        line("clocks", &paint(Tone::Warning, &text));
    }
}

/// `Monday to Friday, 08:00 to 18:00`.
fn describe(row: &Row) -> String {
    let index = |day: &str| DAYS.iter().position(|it| *it == day).unwrap_or(0);
    let is_run = row.days.windows(2).all(|pair| index(pair[0]) + 1 == index(pair[1]));
    let days = match row.days.as_slice() {
        [first, .., last] if row.days.len() > 2 && is_run => format!("{first} to {last}"),
        days => days.join(", "),
    };
    format!("{days}, {:02}:00 to {:02}:00,", row.from_hour, row.to_hour)
}

/// `Wednesday 2026-03-04 10:17 (UTC+01:00)`.
fn wall(calendar: &Calendar, at: DateTime<Utc>) -> String {
    shown(calendar, at).format("%A %Y-%m-%d %H:%M (UTC%:z)").to_string()
}

fn shown(calendar: &Calendar, at: DateTime<Utc>) -> DateTime<FixedOffset> {
    at.with_timezone(&offset(calendar, at))
}

fn offset(calendar: &Calendar, at: DateTime<Utc>) -> FixedOffset {
    let seconds = calendar.local(at).utc_offset_s;
    FixedOffset::east_opt(seconds).expect("zones lie within a day of UTC")
}

fn utc(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

fn rfc3339(calendar: &Calendar, at: DateTime<Utc>) -> String {
    shown(calendar, at).to_rfc3339_opts(SecondsFormat::AutoSi, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_row_has_all_days_that_are_alike() {
        let table = WeekTable::five();
        let text = |weekday, hour| describe(&row(&table, weekday, hour));
        assert_eq!(text(2, 9), "Monday to Friday, 08:00 to 18:00,");
        assert_eq!(text(0, 23), "Monday to Friday, 22:00 to 24:00,");
        assert_eq!(text(5, 0), "Saturday, Sunday, 00:00 to 08:00,");
    }

    #[test]
    fn jumps_are_told_with_both_times() {
        let paris = Calendar::utc().in_zone("Europe/Paris").unwrap();
        let at = |text: &str| text.parse::<NaiveDateTime>().unwrap();
        let text = jump(&paris, at("2026-03-29T02:30:00"));
        assert_eq!(text, "clocks jump from 02:00 to 03:00");
        let apia = Calendar::utc().in_zone("Pacific/Apia").unwrap();
        let text = jump(&apia, at("2011-12-30T12:00:00"));
        assert_eq!(text, "clocks jump from 2011-12-30 00:00 to 2011-12-31 00:00");
    }
}
