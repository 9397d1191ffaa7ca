//! The five periods of the week, and the calendar that maps an instant to one of them.
//!
//! Services behave differently at noon and at night, so each period has models of its own. A
//! period is decided by the local weekday and hour in an IANA zone. Instants are always UTC, so
//! the nights when clocks change need no special case: every instant has exactly one local hour.

use std::sync::Arc;

use chrono::{
    DateTime, Datelike, Duration, LocalResult, NaiveDateTime, Offset, TimeZone, Timelike, Utc,
};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A behavioural bucket of the week.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    BusinessHours,
    EveningHours,
    NightHours,
    WeekendDay,
    WeekendNight,
}

impl Period {
    /// All periods, in the order in which they are listed everywhere.
    pub const ALL: [Period; 5] = [
        Period::BusinessHours,
        Period::EveningHours,
        Period::NightHours,
        Period::WeekendDay,
        Period::WeekendNight,
    ];

    /// The word on the wire and in object keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Period::BusinessHours => "business_hours",
            Period::EveningHours => "evening_hours",
            Period::NightHours => "night_hours",
            Period::WeekendDay => "weekend_day",
            Period::WeekendNight => "weekend_night",
        }
    }

    /// The period of a word, if it is one.
    pub fn parse(text: &str) -> Option<Period> {
        Period::ALL.into_iter().find(|period| period.as_str() == text)
    }

    /// Whose model stands in when this period has none, best first.
    pub fn fallbacks(self) -> [Period; 4] {
        use Period::*;
        match self {
            BusinessHours => [EveningHours, WeekendDay, NightHours, WeekendNight],
            EveningHours => [BusinessHours, WeekendDay, NightHours, WeekendNight],
            NightHours => [WeekendNight, EveningHours, BusinessHours, WeekendDay],
            WeekendDay => [BusinessHours, EveningHours, WeekendNight, NightHours],
            WeekendNight => [NightHours, WeekendDay, EveningHours, BusinessHours],
        }
    }

    /// Its position in [`Period::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }
}

impl std::fmt::Display for Period {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// Hours of a week.
pub const WEEK_HOURS: usize = 168;

/// Which period each local hour of the week belongs to; hour 0 is Monday 00:00.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeekTable([Period; WEEK_HOURS]);

impl WeekTable {
    /// A table from one period per hour.
    pub fn new(hours: [Period; WEEK_HOURS]) -> WeekTable {
        WeekTable(hours)
    }

    /// The seed's five periods; weekdays from 06:00 to 08:00 are `evening_hours`, the other
    /// transition between night and day.
    pub fn five() -> WeekTable {
        let mut hours = [Period::NightHours; WEEK_HOURS];
        for (index, period) in hours.iter_mut().enumerate() {
            *period = match (index / 24, index % 24) {
                (0..=4, 8..=17) => Period::BusinessHours,
                (0..=4, 6..=7 | 18..=21) => Period::EveningHours,
                (0..=4, _) => Period::NightHours,
                (_, 8..=21) => Period::WeekendDay,
                (_, _) => Period::WeekendNight,
            };
        }
        WeekTable(hours)
    }

    /// The period of a local weekday (Monday is 0) and hour.
    pub fn period(&self, weekday: u32, hour: u32) -> Period {
        self.0[(weekday * 24 + hour) as usize % WEEK_HOURS]
    }

    /// The periods that own at least one hour, in order.
    pub fn periods(&self) -> Vec<Period> {
        Period::ALL.into_iter().filter(|period| self.0.contains(period)).collect()
    }

    /// How many hours of the week a period owns.
    pub fn hours_of(&self, period: Period) -> usize {
        self.0.iter().filter(|p| **p == period).count()
    }
}

/// Maps an instant to the period that rules it, in one time zone.
#[derive(Debug, Clone)]
pub struct Calendar {
    zone: Tz,
    table: Arc<WeekTable>,
}

/// An instant as a clock on the wall of the service's people shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalTime {
    /// Monday is 0.
    pub weekday: u32,
    pub hour: u32,
    pub minute: u32,
    /// Local minus UTC.
    pub utc_offset_s: i32,
}

/// The instants at which the clock on the wall shows a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolved {
    /// Clocks jump over it.
    Never,
    Once(DateTime<Utc>),
    /// Clocks are put back and show it again.
    Twice {
        earlier: DateTime<Utc>,
        later: DateTime<Utc>,
    },
}

/// A zone name that no IANA database knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an IANA time zone; use a name like Europe/Paris or UTC")]
pub struct UnknownZone(pub String);

/// The longest stretch that [`Calendar::until`] looks ahead: a table of one period never changes.
const LOOK_AHEAD: Duration = Duration::days(8);

impl Calendar {
    /// A calendar of `table` in the IANA zone `zone`.
    pub fn new(zone: &str, table: WeekTable) -> Result<Calendar, UnknownZone> {
        let zone = zone.parse::<Tz>().map_err(|_| UnknownZone(zone.to_owned()))?;
        Ok(Calendar { zone, table: Arc::new(table) })
    }

    /// The five periods in UTC.
    pub fn utc() -> Calendar {
        Calendar { zone: Tz::UTC, table: Arc::new(WeekTable::five()) }
    }

    /// The same table in another zone.
    pub fn in_zone(&self, zone: &str) -> Result<Calendar, UnknownZone> {
        let zone = zone.parse::<Tz>().map_err(|_| UnknownZone(zone.to_owned()))?;
        Ok(Calendar { zone, table: Arc::clone(&self.table) })
    }

    /// The IANA name of the zone.
    pub fn zone_name(&self) -> &'static str {
        self.zone.name()
    }

    /// The table of hours.
    pub fn table(&self) -> &WeekTable {
        &self.table
    }

    /// The period that rules `at`.
    pub fn period_at(&self, at: DateTime<Utc>) -> Period {
        let local = self.local(at);
        self.table.period(local.weekday, local.hour)
    }

    /// `at` on the local clock.
    pub fn local(&self, at: DateTime<Utc>) -> LocalTime {
        let local = at.with_timezone(&self.zone);
        LocalTime {
            weekday: local.weekday().num_days_from_monday(),
            hour: local.hour(),
            minute: local.minute(),
            utc_offset_s: local.offset().fix().local_minus_utc(),
        }
    }

    /// The instants at which the local clock shows `time`.
    pub fn resolve_local(&self, time: NaiveDateTime) -> Resolved {
        match self.zone.from_local_datetime(&time) {
            LocalResult::None => Resolved::Never,
            LocalResult::Single(at) => Resolved::Once(at.to_utc()),
            LocalResult::Ambiguous(earlier, later) => {
                Resolved::Twice { earlier: earlier.to_utc(), later: later.to_utc() }
            }
        }
    }

    /// When the period that rules `at` ends, or `None` if it never does.
    ///
    /// Zones shift by whole quarter hours, so looking at each quarter finds the instant exactly.
    pub fn until(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        const QUARTER_S: i64 = 900;
        let period = self.period_at(at);
        let first = (at.timestamp().div_euclid(QUARTER_S) + 1) * QUARTER_S;
        (0..LOOK_AHEAD.num_seconds() / QUARTER_S)
            .filter_map(|step| DateTime::from_timestamp(first + step * QUARTER_S, 0))
            .find(|instant| self.period_at(*instant) != period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn the_week_is_cut_as_the_table_says() {
        use Period::*;
        let calendar = Calendar::utc();
        // 2026-03-02 is a Monday.
        for (instant, period) in [
            ("2026-03-04T05:59:00Z", NightHours),
            ("2026-03-04T06:00:00Z", EveningHours),
            ("2026-03-04T07:59:00Z", EveningHours),
            ("2026-03-04T08:00:00Z", BusinessHours),
            ("2026-03-04T17:59:00Z", BusinessHours),
            ("2026-03-04T18:00:00Z", EveningHours),
            ("2026-03-04T22:00:00Z", NightHours),
            ("2026-03-06T23:30:00Z", NightHours),
            ("2026-03-07T00:00:00Z", WeekendNight),
            ("2026-03-07T08:00:00Z", WeekendDay),
            ("2026-03-07T22:00:00Z", WeekendNight),
            ("2026-03-08T23:59:00Z", WeekendNight),
            ("2026-03-09T00:00:00Z", NightHours),
        ] {
            assert_eq!(calendar.period_at(at(instant)), period, "{instant}");
        }
    }

    /// Every hour of every week of two years, in zones with and without clock changes: the period
    /// is the one that the local weekday and hour name, worked out without the table.
    #[test]
    fn all_hours_of_all_weeks_have_the_period_of_their_local_hour() {
        for zone in ["UTC", "Europe/Paris", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"] {
            let calendar = Calendar::new(zone, WeekTable::five()).unwrap();
            let tz: Tz = zone.parse().unwrap();
            let start = Utc.with_ymd_and_hms(2025, 12, 29, 0, 0, 0).unwrap();
            for hour in 0..(2 * 53 * WEEK_HOURS as i64) {
                let instant = start + Duration::hours(hour);
                let local = instant.with_timezone(&tz);
                let weekend = local.weekday().number_from_monday() > 5;
                let expected = match (weekend, local.hour()) {
                    (true, 8..22) => Period::WeekendDay,
                    (true, _) => Period::WeekendNight,
                    (false, 8..18) => Period::BusinessHours,
                    (false, 6..8 | 18..22) => Period::EveningHours,
                    (false, _) => Period::NightHours,
                };
                assert_eq!(calendar.period_at(instant), expected, "{zone} {instant}");
            }
        }
    }

    #[test]
    fn nights_of_clock_changes_have_one_period_per_instant() {
        let calendar = Calendar::new("Europe/Paris", WeekTable::five()).unwrap();
        // 2026-03-29 02:00 does not exist in Paris; 01:30Z is 03:30 local.
        assert_eq!(calendar.local(at("2026-03-29T01:30:00Z")).hour, 3);
        assert_eq!(calendar.until(at("2026-03-28T23:30:00Z")), Some(at("2026-03-29T06:00:00Z")));
        // 2026-10-25 02:30 happens twice; the night is one hour longer.
        assert_eq!(calendar.local(at("2026-10-25T00:30:00Z")).hour, 2);
        assert_eq!(calendar.local(at("2026-10-25T01:30:00Z")).hour, 2);
        assert_eq!(calendar.until(at("2026-10-24T22:30:00Z")), Some(at("2026-10-25T07:00:00Z")));
    }

    #[test]
    fn a_period_ends_where_the_next_begins() {
        let calendar = Calendar::utc();
        assert_eq!(calendar.until(at("2026-03-04T09:17:00Z")), Some(at("2026-03-04T18:00:00Z")));
        assert_eq!(calendar.until(at("2026-03-06T22:00:00Z")), Some(at("2026-03-07T00:00:00Z")));
        let always = WeekTable::new([Period::NightHours; WEEK_HOURS]);
        let calendar = Calendar::new("UTC", always).unwrap();
        assert_eq!(calendar.until(at("2026-03-06T22:00:00Z")), None);
    }

    #[test]
    fn a_local_time_is_one_instant_or_none_or_two() {
        let calendar = Calendar::new("Europe/Paris", WeekTable::five()).unwrap();
        let resolve = |text: &str| calendar.resolve_local(text.parse().unwrap());
        assert_eq!(resolve("2026-03-04T10:00:00"), Resolved::Once(at("2026-03-04T09:00:00Z")));
        assert_eq!(resolve("2026-03-29T02:30:00"), Resolved::Never);
        assert_eq!(resolve("2026-03-29T03:00:00"), Resolved::Once(at("2026-03-29T01:00:00Z")));
        let earlier = at("2026-10-25T00:30:00Z");
        let later = at("2026-10-25T01:30:00Z");
        assert_eq!(resolve("2026-10-25T02:30:00"), Resolved::Twice { earlier, later });
    }

    /// Every quarter of an hour of a year: the instant is among those of its own local time.
    #[test]
    fn resolving_undoes_what_the_wall_shows() {
        for zone in ["Europe/Paris", "Australia/Lord_Howe", "Pacific/Apia"] {
            let calendar = Calendar::new(zone, WeekTable::five()).unwrap();
            let start = at("2026-01-01T00:00:00Z");
            for quarter in 0..365 * 96 {
                let instant = start + Duration::minutes(15 * quarter);
                let offset_s = i64::from(calendar.local(instant).utc_offset_s);
                let shown = (instant + Duration::seconds(offset_s)).naive_utc();
                let found = match calendar.resolve_local(shown) {
                    Resolved::Never => false,
                    Resolved::Once(only) => only == instant,
                    Resolved::Twice { earlier, later } => {
                        earlier < later && (instant == earlier || instant == later)
                    }
                };
                assert!(found, "{zone} {instant}");
            }
        }
    }

    #[test]
    fn hours_add_up_and_unknown_zones_are_named() {
        let table = WeekTable::five();
        let hours: Vec<_> = Period::ALL.iter().map(|p| table.hours_of(*p)).collect();
        assert_eq!(hours, [50, 30, 40, 28, 20]);
        let error = Calendar::new("Mars/Olympus", table).unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"Mars/Olympus\" is not an IANA time zone; use a name like Europe/Paris or UTC"
        );
    }

    #[test]
    fn each_period_falls_back_to_every_other() {
        for period in Period::ALL {
            let mut all = period.fallbacks().to_vec();
            all.push(period);
            all.sort();
            assert_eq!(all, Period::ALL);
        }
    }
}
