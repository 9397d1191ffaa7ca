//! The instant that a cycle judges: the one that was asked for, or the newest there is.
//!
//! Incident state never goes back in time, so one cycle far in the future would hold back all that
//! follow until then. Such a cycle is refused before anything is read or written.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use domain::limits::CYCLE_S;

use crate::Source;

/// How far ahead of the clock an instant may lie: one cycle, because clocks differ.
pub const AHEAD_MAX: TimeDelta = TimeDelta::seconds(CYCLE_S);

/// The instant of a cycle lies in the future.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{at} lies in the future: it is {latest} now, and a cycle may be {ahead_s} s ahead at most; \
     nothing was judged. Correct the instant that was asked for, or the clock of this machine"
)]
pub struct FutureInstant {
    at: String,
    latest: String,
    ahead_s: i64,
}

impl Source {
    /// The instant that a cycle is about. A recording may lie in the future as a whole: then its
    /// end is what counts as now.
    pub fn instant(
        &self,
        asked: Option<DateTime<Utc>>,
        now: DateTime<Utc>,
    ) -> Result<DateTime<Utc>, FutureInstant> {
        let at = asked.unwrap_or_else(|| self.latest(now));
        check(at, self.newest.map_or(now, |newest| newest.max(now)))
    }
}

fn check(at: DateTime<Utc>, latest: DateTime<Utc>) -> Result<DateTime<Utc>, FutureInstant> {
    if at.signed_duration_since(latest) <= AHEAD_MAX {
        return Ok(at);
    }
    let shown = |instant: DateTime<Utc>| instant.to_rfc3339_opts(SecondsFormat::Secs, true);
    Err(FutureInstant { at: shown(at), latest: shown(latest), ahead_s: AHEAD_MAX.num_seconds() })
}

#[cfg(test)]
mod tests {
    use domain::config;

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn live() -> Source {
        let document = r#"{"victoria_metrics": {"endpoint": "http://vm:8428"}}"#;
        let config = config::load(Some(document), &|_| None).unwrap().config;
        crate::source(&config, &|_| None).unwrap()
    }

    #[test]
    fn one_cycle_ahead_is_a_clock_and_more_is_a_mistake() {
        let now = at("2026-04-01T12:00:00Z");
        let instant = |text: &str| live().instant(Some(at(text)), now);
        for fine in ["1999-01-01T00:00:00Z", "2026-04-01T12:00:00Z", "2026-04-01T12:02:00Z"] {
            assert_eq!(instant(fine), Ok(at(fine)));
        }
        assert_eq!(live().instant(None, now), Ok(now));
        assert_eq!(
            instant("2026-04-01T12:02:01Z").unwrap_err().to_string(),
            "2026-04-01T12:02:01Z lies in the future: it is 2026-04-01T12:00:00Z now, and a cycle \
             may be 120 s ahead at most; nothing was judged. Correct the instant that was asked \
             for, or the clock of this machine"
        );
        assert!(instant("+200000-01-01T00:00:00Z").is_err());
    }

    #[test]
    fn a_recording_reaches_to_its_end() {
        let (now, newest) = (at("2026-04-01T12:00:00Z"), at("2030-01-01T00:00:00Z"));
        let source = Source { newest: Some(newest), ..live() };
        assert_eq!(source.instant(None, now), Ok(newest));
        assert_eq!(source.instant(Some(now), now), Ok(now));
        assert!(source.instant(Some(at("2030-01-01T00:03:00Z")), now).is_err());
        let old = Source { newest: Some(at("2020-01-01T00:00:00Z")), ..live() };
        assert_eq!(old.instant(Some(now), now), Ok(now), "beyond its end, and not in the future");
    }
}
