//! Instants and services as people type them.

use chrono::{DateTime, SubsecRound, Utc};
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

#[cfg(test)]
mod tests {
    use super::*;

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
