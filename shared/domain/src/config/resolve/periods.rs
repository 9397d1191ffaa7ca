//! `time_periods`: which hour of the week belongs to which period, and what each is worth.

use std::collections::BTreeMap;

use super::services::warn_of_unused_category;
use crate::config::forms;
use crate::config::keys;
use crate::config::path::Path;
use crate::config::problems::Problem;
use crate::config::valid::{MinimumRows, Periods, Services};
use crate::config::values::Values;
use crate::period::{Calendar, Period, WEEK_HOURS, WeekTable};
use crate::service::Category;

pub(super) fn periods(
    values: &Values,
    services: &Services,
    problems: &mut Vec<Problem>,
) -> Periods {
    let table = week_table(values, problems).unwrap_or_else(WeekTable::five);
    let calendar = Calendar::new(&values.text("time_periods.timezone"), table);
    let confidence = Period::ALL
        .map(|period| (period, values.number(&format!("time_periods.confidence_scores.{period}"))));
    Periods {
        calendar: calendar.unwrap_or_else(|_| Calendar::utc()),
        confidence: confidence.into(),
        min_samples: min_samples(values, services, problems),
        min_samples_default: rows(values.whole("time_periods.min_samples.default")),
    }
}

/// The period whose hours a key sets, if it is such a key.
pub(crate) fn period_of_key(path: &str) -> Option<Period> {
    let name = path.strip_prefix("time_periods.")?.split('.').next()?;
    Period::parse(name)
}

/// Weekends have fewer days, so half the rows will do.
fn rows(weekday: usize) -> MinimumRows {
    MinimumRows { weekday, weekend: (weekday / 2).max(1) }
}

fn min_samples(
    values: &Values,
    services: &Services,
    problems: &mut Vec<Problem>,
) -> BTreeMap<Category, MinimumRows> {
    let mut all = BTreeMap::new();
    for name in ["critical", "standard", "admin", "micro"] {
        let weekday = values.whole(&format!("time_periods.min_samples.{name}"));
        all.insert(Category::new(name), rows(weekday));
    }
    for leaf in values.each("time_periods.min_samples.*") {
        let category = Category::new(leaf.path.last_name());
        warn_of_unused_category(&category, services, &leaf.path, problems);
        let weekday = leaf.value.as_u64().and_then(|rows| usize::try_from(rows).ok());
        all.insert(category, rows(weekday.unwrap_or_default()));
    }
    all
}

/// The hours that one period claims. Days are calendar days: a period that goes on after midnight
/// claims the first hours of its own days, not of the days after.
struct Claim {
    period: Period,
    start: usize,
    end: usize,
    days: Vec<usize>,
}

impl Claim {
    fn covers(&self, day: usize, hour: usize) -> bool {
        let in_hours = if self.start < self.end {
            (self.start..self.end).contains(&hour)
        } else {
            hour >= self.start || hour < self.end
        };
        in_hours && self.days.contains(&day)
    }
}

/// The table of the configured periods, or of all five if none is configured. `None` if it cannot
/// be told, which is then reported.
fn week_table(values: &Values, problems: &mut Vec<Problem>) -> Option<WeekTable> {
    let configured: Vec<Period> = Period::ALL
        .into_iter()
        .filter(|period| values.mentions(&format!("time_periods.{period}")))
        .collect();
    let is_default = configured.is_empty();
    let periods = if is_default { Period::ALL.to_vec() } else { configured };
    // Each period is looked at, so that every one that cannot be used is reported.
    let claims: Vec<Option<Claim>> =
        periods.iter().map(|period| claim(values, *period, is_default, problems)).collect();
    let claims: Vec<Claim> = claims.into_iter().collect::<Option<_>>()?;
    let hours = claimed_hours(&claims, problems)?;
    fill_gaps(values, &hours, &periods, is_default, problems).map(WeekTable::new)
}

fn claim(
    values: &Values,
    period: Period,
    is_default: bool,
    problems: &mut Vec<Problem>,
) -> Option<Claim> {
    let path = |part: &str| format!("time_periods.{period}.{part}");
    if !is_default && !is_complete(values, &["start", "end", "days"].map(path), problems) {
        return None;
    }
    let (start, end) = (values.whole(&path("start")), values.whole(&path("end")));
    let days = values.items(&path("days"));
    let days: Vec<usize> = days.iter().filter_map(|day| forms::weekday(day.as_str()?)).collect();
    if start == end {
        let message = format!("start and end are both {start}; write 0 and 24 for a whole day");
        problems.push(Problem::error(
            "TP001",
            Path::of("time_periods").name(period.as_str()),
            message,
        ));
        return None;
    }
    Some(Claim { period, start, end, days })
}

/// Whether all parts of a period are there; a part that is there and was refused is reported
/// already.
fn is_complete(values: &Values, paths: &[String], problems: &mut Vec<Problem>) -> bool {
    let mut is_complete = true;
    for path in paths.iter().filter(|path| values.given(path).is_none()) {
        is_complete = false;
        if values.is_refused(path) {
            continue;
        }
        let expected = keys::exact(path).map(|key| key.expected(&key.shape)).unwrap_or_default();
        let message = format!("the period is configured, but this is missing; write {expected}");
        problems.push(Problem::error("GEN004", path, message));
    }
    is_complete
}

/// Who claims each hour; reports the first hour that two periods claim.
fn claimed_hours(
    claims: &[Claim],
    problems: &mut Vec<Problem>,
) -> Option<[Option<Period>; WEEK_HOURS]> {
    let mut hours = [None; WEEK_HOURS];
    for (index, hour) in hours.iter_mut().enumerate() {
        let (day, of_day) = (index / 24, index % 24);
        let mut owners = claims.iter().filter(|claim| claim.covers(day, of_day));
        *hour = owners.next().map(|claim| claim.period);
        if let (Some(first), Some(second)) = (*hour, owners.next()) {
            let message = format!(
                "{first} and {} both claim {}; give each hour to one period",
                second.period,
                hour_name(index)
            );
            problems.push(Problem::error("TP001", Path::of("time_periods"), message));
            return None;
        }
    }
    Some(hours)
}

/// Gives the hours that nobody claims to the period that `gap_assignment` names.
fn fill_gaps(
    values: &Values,
    hours: &[Option<Period>; WEEK_HOURS],
    periods: &[Period],
    is_default: bool,
    problems: &mut Vec<Problem>,
) -> Option<[Period; WEEK_HOURS]> {
    const KEY: &str = "time_periods.gap_assignment";
    let word = values.text(KEY);
    let gap_period = Period::parse(&word).unwrap_or(Period::EveningHours);
    if let Some(first) = hours.iter().position(Option::is_none) {
        let count = hours.iter().filter(|hour| hour.is_none()).count();
        let start = format!("no period claims {count} hours, the first {}", hour_name(first));
        if !periods.contains(&gap_period) {
            let message = format!(
                "{start}, and {word} is not configured; cover them or write one of the \
                 configured periods"
            );
            problems.push(Problem::error("TP001", KEY, message));
            return None;
        }
        if !is_default && values.given(KEY).is_none() && !values.is_refused(KEY) {
            let message = format!("{start}; they go to {word}, write this key to confirm it");
            problems.push(Problem::warning("TP002", KEY, message));
        }
    }
    Some(hours.map(|hour| hour.unwrap_or(gap_period)))
}

/// `Monday 06:00`.
fn hour_name(index: usize) -> String {
    const DAYS: [&str; 7] =
        ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    format!("{} {:02}:00", DAYS[index / 24 % 7], index % 24)
}
