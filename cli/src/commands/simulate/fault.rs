//! Faults as people type them: `latency_spike:search:2026-04-01T10:00:00Z:30:1.5`.

use simulate::{Fault, FaultKind};

use crate::instant;

/// A fault that somebody asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct FaultWish {
    kind: FaultKind,
    service: String,
    start: Start,
    minutes: u32,
    intensity: f64,
}

/// When it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    AtS(i64),
    /// After the start of the test part.
    AfterMinutes(u32),
}

impl FaultWish {
    /// The fault, in an estate whose test part begins at `test_start_s`.
    pub fn fault(&self, test_start_s: i64) -> Fault {
        let start_s = match self.start {
            Start::AtS(second) => second,
            Start::AfterMinutes(minutes) => test_start_s + i64::from(minutes) * 60,
        };
        Fault {
            kind: self.kind,
            service: self.service.clone(),
            start_s,
            end_s: start_s + i64::from(self.minutes) * 60,
            intensity: self.intensity,
        }
    }
}

/// Reads `KIND:SERVICE:START:MINUTES[:INTENSITY]`.
pub fn parse(text: &str) -> Result<FaultWish, String> {
    let form = || "write KIND:SERVICE:START:MINUTES[:INTENSITY]".to_owned();
    let (kind, rest) = text.split_once(':').ok_or_else(form)?;
    let (service, rest) = rest.split_once(':').ok_or_else(form)?;
    let kind = FaultKind::from_name(kind).ok_or_else(|| {
        let kinds: Vec<&str> = FaultKind::ALL.iter().map(|kind| kind.as_str()).collect();
        format!("{kind:?} is no kind of fault; kinds: {}", kinds.join(", "))
    })?;
    let (start, rest) = split_start(rest)?;
    let (minutes, intensity) = rest.split_once(':').unwrap_or((rest, "1"));
    let minutes = minutes.parse().map_err(|_| format!("{minutes:?} is no number of minutes"))?;
    let intensity = intensity
        .parse()
        .map_err(|_| format!("{intensity:?} is no intensity; 1 is plain to see"))?;
    Ok(FaultWish { kind, service: service.to_owned(), start, minutes, intensity })
}

/// Instants hold colons themselves, so the start is the longest beginning that is one.
fn split_start(text: &str) -> Result<(Start, &str), String> {
    let colons = text.match_indices(':').rev();
    let starts = colons.map(|(place, _)| (&text[..place], &text[place + 1..]));
    let read = |text: &str| match text.strip_prefix('+') {
        Some(minutes) => minutes.parse().ok().map(Start::AfterMinutes),
        None => instant::parse(text).ok().map(|at| Start::AtS(at.timestamp())),
    };
    starts.filter_map(|(start, rest)| Some((read(start)?, rest))).next().ok_or_else(|| {
        format!(
            "{text:?} does not begin with an instant like 2026-04-01T10:00:00Z, or minutes like \
             +90, and a colon"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN_S: i64 = 1_775_037_600;

    #[track_caller]
    fn check(text: &str, start_s: i64, minutes: i64, intensity: f64) {
        let fault = parse(text).unwrap().fault(TEN_S);
        assert_eq!((fault.kind, fault.service.as_str()), (FaultKind::LatencySpike, "search"));
        assert_eq!((fault.start_s, fault.end_s), (start_s, start_s + minutes * 60));
        assert_eq!(fault.intensity, intensity);
    }

    #[test]
    fn an_instant_may_hold_colons_of_its_own() {
        check("latency_spike:search:2026-04-01T10:00:00Z:30", TEN_S, 30, 1.0);
        check("latency_spike:search:2026-04-01T12:00:00+02:00:30:1.5", TEN_S, 30, 1.5);
        check("latency_spike:search:+90:20:0.5", TEN_S + 5_400, 20, 0.5);
    }

    #[test]
    fn what_is_wrong_is_told() {
        let error = |text| parse(text).unwrap_err();
        insta::assert_snapshot!(error("latency_spike:search"), @"write KIND:SERVICE:START:MINUTES[:INTENSITY]");
        insta::assert_snapshot!(error("slow:search:+9:3"), @r#""slow" is no kind of fault; kinds: latency_spike, error_burst, traffic_cliff, traffic_surge_degrading, traffic_surge_healthy, database_slowdown, slow_dependency, fast_failure, partial_outage, retry_storm, gradual_degradation, night_shift"#);
        insta::assert_snapshot!(error("latency_spike:search:10 o'clock:30"), @r#""10 o'clock:30" does not begin with an instant like 2026-04-01T10:00:00Z, or minutes like +90, and a colon"#);
        insta::assert_snapshot!(error("latency_spike:search:+9:long"), @r#""long" is no number of minutes"#);
        insta::assert_snapshot!(error("latency_spike:search:+9:3:strong"), @r#""strong" is no intensity; 1 is plain to see"#);
    }
}
