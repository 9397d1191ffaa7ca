//! Dates and instants as people write them, and the UTC seconds that they mean in a zone.

use chrono::{DateTime, Duration, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

/// A point in time, or a whole day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// A whole day in the configured zone.
    Day(NaiveDate),
    /// What clocks in the configured zone showed.
    Local(NaiveDateTime),
    Instant(DateTime<Utc>),
}

/// A time that never was: clocks jumped over it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{moment} does not exist in {zone}: clocks jump over it; write a time before or after the \
     jump, or give an offset like +01:00"
)]
pub(crate) struct NeverWas {
    moment: String,
    zone: &'static str,
}

/// Which side of a window a moment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Start,
    /// Inclusive: a day means its last second.
    End,
}

/// Reads `2026-12-24`, `2026-12-24T18:00`, `2026-12-24T18:00:00` or the latter with an offset.
pub(crate) fn parse(text: &str) -> Option<Moment> {
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if text.len() == 10 {
        return NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().map(Moment::Day);
    }
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(Moment::Instant(instant.to_utc()));
    }
    let forms = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"];
    forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok().map(Moment::Local))
}

impl Moment {
    /// Epoch seconds of the moment as one side of a window. Where clocks showed a time twice, the
    /// window gets the wider of the two.
    pub(crate) fn epoch_s(self, side: Side, zone: Tz) -> Result<i64, NeverWas> {
        let never = |moment: String| NeverWas { moment, zone: zone.name() };
        match (self, side) {
            (Moment::Instant(instant), _) => Ok(instant.timestamp()),
            (Moment::Local(local), side) => {
                local_s(local, side, zone).ok_or_else(|| never(local.to_string()))
            }
            (Moment::Day(day), Side::Start) => {
                day_start_s(day, zone).ok_or_else(|| never(day.to_string()))
            }
            (Moment::Day(day), Side::End) => {
                day_end_s(day, zone).ok_or_else(|| never(day.to_string()))
            }
        }
    }
}

fn local_s(local: NaiveDateTime, side: Side, zone: Tz) -> Option<i64> {
    match (zone.from_local_datetime(&local), side) {
        (LocalResult::None, _) => None,
        (LocalResult::Single(at), _) => Some(at.timestamp()),
        (LocalResult::Ambiguous(earlier, _), Side::Start) => Some(earlier.timestamp()),
        (LocalResult::Ambiguous(_, later), Side::End) => Some(later.timestamp()),
    }
}

/// The first second of a day, which is not 00:00 where clocks jump at midnight. `None` for a day
/// that a zone left out.
fn day_start_s(day: NaiveDate, zone: Tz) -> Option<i64> {
    let midnight = day.and_time(NaiveTime::MIN);
    let quarters = (0..96).map(|quarter| midnight + Duration::minutes(15 * quarter));
    quarters.into_iter().find_map(|local| local_s(local, Side::Start, zone))
}

/// The last second of a day: the one before the next day that exists.
fn day_end_s(day: NaiveDate, zone: Tz) -> Option<i64> {
    day_start_s(day, zone)?;
    let next_days = day.iter_days().skip(1).take(2);
    next_days.into_iter().find_map(|next| day_start_s(next, zone)).map(|start| start - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, side: Side, zone: Tz, expected: &str) {
        let expected = expected.parse::<DateTime<Utc>>().unwrap().timestamp();
        assert_eq!(parse(text).unwrap().epoch_s(side, zone), Ok(expected), "{text}");
    }

    #[test]
    fn moments_are_read_in_the_zone() {
        use chrono_tz::Europe::Paris;
        check("2026-12-24", Side::Start, Paris, "2026-12-23T23:00:00Z");
        check("2026-12-24", Side::End, Paris, "2026-12-24T22:59:59Z");
        check("2026-07-01T10:00", Side::Start, Paris, "2026-07-01T08:00:00Z");
        check("2026-07-01 10:00:30", Side::End, Paris, "2026-07-01T08:00:30Z");
        check("2026-07-01T10:00:00-05:00", Side::Start, Paris, "2026-07-01T15:00:00Z");
    }

    #[test]
    fn clock_changes_are_respected() {
        use chrono_tz::{Africa::Cairo, Europe::Paris, Pacific::Apia};
        // 02:30 happens twice on 2026-10-25 in Paris.
        check("2026-10-25T02:30", Side::Start, Paris, "2026-10-25T00:30:00Z");
        check("2026-10-25T02:30", Side::End, Paris, "2026-10-25T01:30:00Z");
        check("2026-10-25", Side::End, Paris, "2026-10-25T22:59:59Z");
        let gap = parse("2026-03-29T02:30").unwrap().epoch_s(Side::Start, Paris).unwrap_err();
        insta::assert_snapshot!(gap, @"2026-03-29 02:30:00 does not exist in Europe/Paris: clocks jump over it; write a time before or after the jump, or give an offset like +01:00");
        // Cairo's clocks jump from 00:00 to 01:00.
        check("2026-04-24", Side::Start, Cairo, "2026-04-23T22:00:00Z");
        // Samoa had no 30 December 2011.
        let skipped = parse("2011-12-30").unwrap();
        assert!(skipped.epoch_s(Side::Start, Apia).is_err());
        assert!(skipped.epoch_s(Side::End, Apia).is_err());
        check("2011-12-29", Side::End, Apia, "2011-12-30T09:59:59Z");
    }

    #[test]
    fn other_texts_are_not_moments() {
        for text in ["", "24.12.2026", "2026-13-01", "2026-02-30", "tomorrow", "-2026-1-1", "ééééé"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
