//! One name for one pattern: former names and root-cause suffixes do not make another incident.

/// Names that patterns had before, and their present ones.
const ALIASES: &[(&str, &str)] = &[
    ("database_bottleneck", "database_latency_bottleneck"),
    ("database_degradation", "database_latency_degraded"),
    ("downstream_cascade", "dependency_latency_cascade"),
    ("elevated_errors", "error_rate_elevated"),
    ("fast_failure", "error_rate_fast_failure"),
    ("fast_rejection", "error_rate_fast_rejection"),
    ("internal_bottleneck", "application_latency_bottleneck"),
    ("isolated_service_issue", "internal_latency_issue"),
    ("partial_fast_fail", "error_rate_partial_rejection"),
    ("partial_outage", "error_rate_critical"),
    ("partial_rejection", "error_rate_partial_rejection"),
    ("recent_degradation", "latency_spike_recent"),
    ("traffic_cliff", "request_rate_cliff"),
    ("traffic_surge_degrading", "request_rate_surge_degrading"),
    ("traffic_surge_failing", "request_rate_surge_failing"),
    ("traffic_surge_healthy", "request_rate_surge_healthy"),
];

/// The canonical name of an anomaly: without what follows the first `:`, and by its present name.
pub fn canonical(name: &str) -> String {
    let plain = name.split(':').next().unwrap_or(name).trim();
    let alias = ALIASES.iter().find(|(former, _)| *former == plain);
    alias.map_or(plain, |(_, present)| present).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn present_names_are_no_aliases() {
        for (former, present) in ALIASES {
            assert_eq!(canonical(former), *present);
            assert_eq!(canonical(present), *present, "canonical twice is canonical once");
        }
    }

    #[test]
    fn suffixes_are_stripped_before_aliases_are_looked_up() {
        assert_eq!(canonical("downstream_cascade:db:x"), "dependency_latency_cascade");
        assert_eq!(canonical("latency_high"), "latency_high");
        assert_eq!(canonical(":x"), "");
    }
}
