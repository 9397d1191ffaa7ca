//! What the functions are called with, by the scheduler or by hand.

use chrono::{DateTime, Utc};
use domain::ServiceName;
use serde::{Deserialize, Deserializer, de};

/// One invocation. Every field may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// The instant to judge, or the end of the history to learn from; the scheduler calls it
    /// `time`. Otherwise now.
    #[serde(default, alias = "time", deserialize_with = "instant")]
    pub at: Option<DateTime<Utc>>,
    /// Services to judge or to train; otherwise all.
    #[serde(default)]
    pub services: Option<Vec<ServiceName>>,
}

/// An instant with its offset; the error quotes what was written instead.
fn instant<'de, D: Deserializer<'de>>(from: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
    match DateTime::parse_from_rfc3339(&text) {
        Ok(at) => Ok(Some(at.with_timezone(&Utc))),
        Err(_) => {
            let wanted = "write an instant with its offset, like 2026-03-02T02:00:00Z";
            Err(de::Error::custom(format!("{text:?} is no instant; {wanted}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Event, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn the_scheduler_and_people_are_understood() {
        assert_eq!(parse("{}"), Ok(Event::default()));
        let scheduled = parse("{\"time\":\"2026-03-02T02:00:00Z\"}").unwrap();
        assert_eq!(scheduled, parse("{\"at\":\"2026-03-02T03:00:00+01:00\"}").unwrap());
        assert_eq!(parse("{\"services\":[\"a\"]}").unwrap().services.unwrap().len(), 1);
    }

    #[test]
    fn mistakes_are_named() {
        assert!(parse("{\"service\":\"a\"}").unwrap_err().contains("unknown field `service`"));
        assert!(parse("{\"services\":[\"\"]}").unwrap_err().contains("must not be empty"));
        assert!(
            parse("{\"at\":\"yesterday\"}").unwrap_err().contains("\"yesterday\" is no instant")
        );
    }
}
