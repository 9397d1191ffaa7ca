//! Instants and services as people type them.

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use domain::ServiceName;

/// Reads an instant with its offset from UTC, or `now`.
pub fn parse(text: &str) -> Result<DateTime<Utc>, String> {
    if text == "now" {
        return Ok(Utc::now().trunc_subsecs(0));
    }
    DateTime::parse_from_rfc3339(text).map(|instant| instant.to_utc()).map_err(|_| {
        "write an instant with its offset, like 2026-04-01T10:00:00Z or \
         2026-04-01T12:00:00+02:00, or `now`"
            .to_owned()
    })
}

/// Reads the name of a service.
pub fn parse_service(text: &str) -> Result<ServiceName, String> {
    ServiceName::new(text).map_err(|error| error.to_string())
}

/// Reads a length of time in whole seconds: `90s`, `45m`, `2h`, `3d`.
pub fn parse_length(text: &str) -> Result<TimeDelta, String> {
    let digits = text.trim_end_matches(|it: char| !it.is_ascii_digit());
    let unit_s = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => 0,
    };
    let seconds = digits.parse::<i64>().ok().and_then(|amount| amount.checked_mul(unit_s));
    match seconds.filter(|seconds| *seconds > 0).and_then(TimeDelta::try_seconds) {
        Some(length) => Ok(length),
        None => Err("write a length of time like 90s, 45m, 2h or 3d".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_its_unit() {
        let seconds = |text| parse_length(text).map(|it| it.num_seconds());
        assert_eq!(
            ["90s", "45m", "2h", "3d"].map(|it| seconds(it).unwrap()),
            [90, 2_700, 7_200, 259_200]
        );
        for bad in ["", "2", "h", "0h", "-1h", "1.5h", "2 h", "9223372036854775807d"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_instant_needs_its_offset() {
        let text = |text| parse(text).map(|it| it.to_rfc3339());
        let same = Ok("2026-04-01T10:00:00+00:00".to_owned());
        assert_eq!(text("2026-04-01T10:00:00Z"), same);
        assert_eq!(text("2026-04-01T12:00:00+02:00"), same);
        for bad in ["", "yesterday", "2026-04-01", "2026-04-01T10:00:00", "1775037600"] {
            assert!(parse(bad).unwrap_err().starts_with("write an instant"), "{bad}");
        }
        assert!(parse("now").is_ok());
    }
}
