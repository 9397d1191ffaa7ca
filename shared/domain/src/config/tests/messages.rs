//! What people read when something is wrong.

use super::{load_document, load_with, refused, warned};

#[test]
fn all_problems_are_reported_at_once() {
    let document = r#"{
        "_comment": "every line below is wrong",
        "victoria_metrics": {
            "endpoint": "metrics.example.com:8428",
            "timeout_second": 10,
            "timeout_seconds": 0,
            "max_retries": "3",
            "rate_window": "two minutes",
            "retry_status_forcelist": [500, "502", 42]
        },
        "model": { "contamination_by_category": { "critical": 5 }, "random_state": 1.5 },
        "training": {
            "validation_fraction": 0.9,
            "threshold_calibration": { "percentiles": { "critical": 2 } },
            "excluded_periods": [
                { "start": "2026-12-24", "end": "2026-12-20" },
                { "start": "24.12.2026", "reason": "winter sale" },
                "2026-12-24"
            ]
        },
        "inference": { "max_workers": 100, "check_drift": "no" },
        "detection": { "opening": "magic" },
        "services": { "critical": ["booking", ""], "standard": ["booking"], "My Team": [] },
        "services_meta": { "booking": { "timezone": "Europe/Pariss" } },
        "time_periods": { "timezone": "Mars", "gap_assignment": "lunch" },
        "metrics": [{ "name": "cpu", "kind": "gauges" }, { "unit": "ms" }],
        "logging": { "level": "chatty" },
        "colour": 1
    }"#;
    insta::assert_snapshot!(refused(document), @r#"
    the configuration has 28 errors
      1. error VM001 at victoria_metrics.endpoint: "metrics.example.com:8428" does not fit; write an address, "https://host:8428", or a recording, "file://recording.jsonl.gz"
      2. error GEN001 at victoria_metrics.timeout_second: "timeout_second" is not a known key; did you mean timeout_seconds?
      3. error VM002 at victoria_metrics.timeout_seconds: 0 is out of range; write a whole number from 1 to 120 (s)
      4. error GEN002 at victoria_metrics.max_retries: "3" is a text; write a whole number from 1 to 10
      5. error GEN002 at victoria_metrics.rate_window: "two minutes" does not fit; write a duration from 1s to 1d, like "2m" (units s, m, h, d)
      6. error GEN002 at victoria_metrics.retry_status_forcelist[1]: "502" is a text; write a whole number from 100 to 599
      7. error GEN007 at victoria_metrics.retry_status_forcelist[2]: 42 is out of range; write a whole number from 100 to 599
      8. error SVC003 at model.contamination_by_category.critical: 5 is out of range; write a number from 0.001 to 0.5
      9. error GEN002 at model.random_state: 1.5 is a number; write a whole number from 0
     10. error TRN001 at training.validation_fraction: 0.9 is out of range; write a number from 0.05 to 0.5
     11. error GEN002 at training.excluded_periods[1].start: "24.12.2026" does not fit; write a date, "2026-12-24", or an instant, "2026-12-24T18:00:00+01:00" (without an offset: in the configured zone)
     12. error GEN004 at training.excluded_periods[1].end: the key is missing; write a date, "2026-12-24", or an instant, "2026-12-24T18:00:00+01:00" (without an offset: in the configured zone)
     13. error GEN002 at training.excluded_periods[2]: "2026-12-24" does not fit; write an object
     14. error GEN007 at inference.max_workers: 100 is out of range; write a whole number from 1 to 64
     15. error GEN002 at inference.check_drift: "no" is a text; write true or false
     16. error DET001 at detection.opening: "magic" does not fit; write "forest" or "residual"
     17. error SVC001 at services.critical[1]: a service name must not be empty
     18. error TP003 at services_meta.booking.timezone: "Europe/Pariss" does not fit; write an IANA time zone, like "Europe/Paris" or "UTC"; did you mean "Europe/Paris"?
     19. error TP003 at time_periods.timezone: "Mars" does not fit; write an IANA time zone, like "Europe/Paris" or "UTC"
     20. error GEN007 at time_periods.gap_assignment: "lunch" is not known; write "business_hours", "evening_hours", "night_hours", "weekend_day" or "weekend_night"
     21. error GEN007 at metrics[0].kind: "gauges" is not known; write "rate", "latency", "ratio" or "gauge"
     22. error GEN004 at metrics[1].name: the key is missing; write a text that is not empty
     23. error GEN002 at logging.level: "chatty" does not fit; write "error", "warn", "info" or "debug"
     24. error GEN001 at colour: "colour" is not a known key; nothing known here is like it
     25. error SVC002 at services.standard[0]: "booking" is listed at services.critical[0] already; keep one of them
     26. error CAT001 at services["My Team"]: "My Team" is not usable as a category; write lower-case letters, digits, _ and -, a letter first
     27. error TRN001 at training.threshold_calibration.percentiles: critical is 2 and high is 1; write critical < high < medium < low, each larger than the one before
     28. error TRN002 at training.excluded_periods[0].end: "2026-12-20" is before the start, "2026-12-24"; write an end at or after it
    "#);
}

#[test]
fn unknown_keys_name_the_nearest_known_one() {
    insta::assert_snapshot!(refused(
        r#"{
            "victoriametrics": {},
            "timeout_seconds": 3,
            "training": { "lookback": 3, "contamination_estimation": { "methode": "gap" } },
            "detection": { "zzzz": 1 },
            "services_meta": { "a.b": { "time_zone": "UTC" } },
            "metrics": [{ "name": "cpu", "units": "%" }]
        }"#
    ), @r#"
    the configuration has 7 errors
      1. error GEN001 at victoriametrics: "victoriametrics" is not a known key; did you mean victoria_metrics?
      2. error GEN001 at timeout_seconds: "timeout_seconds" is not a known key; did you mean victoria_metrics.timeout_seconds?
      3. error GEN001 at training.lookback: "lookback" is not a known key; did you mean lookback_days?
      4. error GEN001 at training.contamination_estimation.methode: "methode" is not a known key; did you mean method?
      5. error GEN001 at detection.zzzz: "zzzz" is not a known key; known here: opening, gates
      6. error GEN001 at services_meta["a.b"].time_zone: "time_zone" is not a known key; did you mean timezone?
      7. error GEN001 at metrics[0].units: "units" is not a known key; did you mean unit?
    "#);
}

#[test]
fn comments_and_schema_links_are_free() {
    let document = r#"{
        "$schema": "config.schema.json", "_comment": 1, "_comment_2": [],
        "training": { "_comment": {}, "$schema": "x", "lookback_days": 7 },
        "metrics": [{ "_comment": "a", "name": "cpu" }]
    }"#;
    assert_eq!(warned(document), "");
    assert!(load_document(r#"{"_commentary": 1}"#).is_ok());
    assert!(load_document(r#"{"comment": 1}"#).is_err());
}

#[test]
fn documents_that_are_not_json_objects_are_refused() {
    insta::assert_snapshot!(refused("{\n  \"training\": {\n    \"lookback_days\": 7,\n  }\n}"), @r#"
    the configuration has 1 error
      1. error GEN006: not JSON at line 4, column 3: trailing comma
    "#);
    insta::assert_snapshot!(refused("[1]"), @r#"
    the configuration has 1 error
      1. error GEN002: the document is a list; write an object
    "#);
    insta::assert_snapshot!(refused(r#"{"training": {"lookback_days": 7, "lookback_days": 8}, "training": {}}"#), @r#"
    the configuration has 2 errors
      1. error GEN005 at training.lookback_days: the key is there twice; keep one of them
      2. error GEN005 at training: the key is there twice; keep one of them
    "#);
    insta::assert_snapshot!(refused(r#"{"training": 3, "metrics": {}, "slos": []}"#), @r#"
    the configuration has 3 errors
      1. error GEN002 at training: 3 does not fit; write an object
      2. error GEN002 at metrics: an object does not fit; write a list of objects
      3. error GEN002 at slos: a list does not fit; write an object
    "#);
}

#[test]
fn keys_of_later_work_warn_once_per_section_or_key() {
    insta::assert_snapshot!(warned(
        r#"{
            "inference": { "inter_service_delay_seconds": 0.2, "max_workers": 4 },
            "services": { "category_descriptions": { "core": "the core" } },
            "storage": {}
        }"#
    ), @r"
    warning GEN003 at inference.inter_service_delay_seconds: the key is accepted and checked, but has no effect: One query reads a metric of all services; there is nothing to pause between
    warning GEN003 at services.category_descriptions: the key is accepted and checked, but has no effect
    warning GEN003 at storage: the key is accepted and checked, but not used yet
    ");
    insta::assert_snapshot!(
        refused(r#"{"envoy_enrichment": {"lookback_minutes": 0}, "alerting": {"sevrity": 1}}"#),
        @r#"
    the configuration has 2 errors
      1. error GEN007 at envoy_enrichment.lookback_minutes: 0 is out of range; write a whole number from 1 to 60 (min)
      2. error GEN001 at alerting.sevrity: "sevrity" is not a known key; known here: severity_threshold, non_alerting_patterns, min_confidence, log_below_threshold, below_threshold_log_level, correlation, false_alarm_budget, false_alarm_budget_by_category, false_alarm_budget_by_service, repeat_every_cycles, silences
    "#
    );
}

#[test]
fn a_proxy_without_a_server_is_refused() {
    insta::assert_snapshot!(refused(r#"{"envoy_enrichment": {"enabled": true}}"#), @r"
    the configuration has 1 error
      1. error ENV001 at envoy_enrichment.enabled: the proxy's metrics have no server; set envoy_enrichment.mimir_endpoint, or switch it off
    ");
}

#[test]
fn problems_of_the_environment_name_the_variable() {
    let variables = [
        ("VM_TIMEOUT", "soon"),
        ("VM_ENDPOINT", "vm:8428"),
        ("MAX_WORKERS", "65"),
        ("BUSINESS_TIMEZONE", "europe/paris"),
        ("YAGA__TRAINING__THRESHOLD_CALIBRATION__ENABLED", "maybe"),
        ("YAGA__MODEL__DEFAULT_CONTAMINATION", "inf"),
        ("ALERTS_DIR", "./alerts"),
        ("FINGERPRINT_DB", "./state.db"),
        ("OBSERVABILITY_URL", "http://localhost:8000"),
        ("OBSERVABILITY_ENABLED", "yes"),
    ];
    insta::assert_snapshot!(load_with("{}", &variables).unwrap_err(), @r#"
    the configuration has 6 errors and 1 warning
      1. error VM001 at victoria_metrics.endpoint: environment variable VM_ENDPOINT: "vm:8428" does not fit; write an address, "https://host:8428", or a recording, "file://recording.jsonl.gz"
      2. error GEN002 at victoria_metrics.timeout_seconds: environment variable VM_TIMEOUT: "soon" is a text; write a whole number from 1 to 120 (s)
      3. error GEN002 at model.default_contamination: environment variable YAGA__MODEL__DEFAULT_CONTAMINATION: "inf" is a text; write a number from 0.001 to 0.5
      4. error GEN002 at training.threshold_calibration.enabled: environment variable YAGA__TRAINING__THRESHOLD_CALIBRATION__ENABLED: "maybe" is a text; write true or false
      5. error GEN007 at inference.max_workers: environment variable MAX_WORKERS: 65 is out of range; write a whole number from 1 to 64
      6. error TP003 at time_periods.timezone: environment variable BUSINESS_TIMEZONE: "europe/paris" does not fit; write an IANA time zone, like "Europe/Paris" or "UTC"; did you mean "Europe/Paris"?
      7. warning GEN003 at inference.alerts_directory: environment variable ALERTS_DIR is accepted and checked, but has no effect
    "#);
}

#[test]
fn secrets_are_refused_in_documents_and_never_shown() {
    insta::assert_snapshot!(refused(
        r#"{
            "victoria_metrics": { "endpoint": "https://reader:hunter2@vm:8428" },
            "services": { "core": ["AKIAIOSFODNN7EXAMPLE"] }
        }"#
    ), @r#"
    the configuration has 2 errors
      1. error SEC001 at victoria_metrics.endpoint: the value looks like an address with a password; a document is no place for secrets, set the environment variable VM_ENDPOINT
      2. error SEC001 at services.core[0]: the value looks like an access key or token; a document is no place for secrets
    "#);
    let address = "https://reader:hunter2@vm:8428";
    let loaded = load_with("{}", &[("VM_ENDPOINT", address)]).unwrap();
    assert!(format!("{:?}", loaded.config).contains(address));
    assert!(!format!("{:?}", loaded.effective).contains("hunter2"));
    let wrong = load_with("{}", &[("VM_ENDPOINT", "ftp://reader:hunter2@vm")]).unwrap_err();
    assert!(!wrong.to_string().contains("hunter2"));
}

#[test]
fn endless_problems_are_cut() {
    let entries: Vec<String> = (0..5_000).map(|i| format!("\"zz{i}\": 1")).collect();
    let problems = load_document(&format!("{{{}}}", entries.join(","))).unwrap_err();
    assert_eq!(problems.0.len(), 1_000);
    assert!(problems.to_string().ends_with("and 900 more"));
}

#[track_caller]
fn check_warning(document: &str, expected: &[&str]) {
    let warnings = crate::config::load(Some(document), &|_| None).unwrap().warnings;
    let said: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(said, expected);
}

#[test]
fn a_graph_that_may_be_a_mistake_warns() {
    let graph = |graph: &str| {
        format!(
            r#"{{"services": {{"core": ["a", "b", "cart"]}}, "dependencies": {{"graph": {graph}}}}}"#
        )
    };
    check_warning(&graph(r#"{"a": ["b"], "b": ["cart"]}"#), &[]);
    check_warning(
        &graph(r#"{"a": ["b", "crt"], "b": ["crt"]}"#),
        &[
            "warning DEP001 at dependencies.graph.a[1]: \"crt\" is not listed under services; did you mean \"cart\"?",
        ],
    );
    check_warning(
        &graph(r#"{"a": ["b"], "b": ["cart"], "cart": ["b"]}"#),
        &[
            "warning DEP003 at dependencies.graph: b and cart call each other in a circle; where trouble starts among them cannot be told",
        ],
    );
    check_warning(r#"{"dependencies": {"graph": {"x": ["y"]}}}"#, &[]);
}

#[test]
fn incidents_that_are_hardly_apart_warn() {
    let document = |grace: u32| {
        format!(
            r#"{{"fingerprinting": {{"resolution_grace_cycles": {grace}, "incident_separation_minutes": 28}}}}"#
        )
    };
    check_warning(&document(7), &[]);
    check_warning(
        &document(8),
        &[
            "warning FP003 at fingerprinting.incident_separation_minutes: after 28 min another incident begins, and an incident ends after 16 min of calm; let at least twice as much lie between incidents",
        ],
    );
}

#[test]
fn a_malformed_graph_is_refused_with_each_of_its_mistakes() {
    let long = "x".repeat(10_000);
    for (graph, says) in [
        (r#"[]"#.to_owned(), "dependencies.graph"),
        (r#"{"booking": "vms"}"#.to_owned(), "dependencies.graph.booking"),
        (r#"{"booking": [{"calls": "vms"}]}"#.to_owned(), "dependencies.graph.booking[0]"),
        (r#"{"booking": [" "]}"#.to_owned(), "dependencies.graph.booking[0]"),
        (r#"{"booking": ["a\nb"]}"#.to_owned(), "control character"),
        (r#"{"a\u0007b": ["vms"]}"#.to_owned(), "control character"),
        (r#"{"": ["vms"]}"#.to_owned(), "must not be empty"),
        (r#"{"booking": ["booking"]}"#.to_owned(), "booking calls itself"),
        (format!(r#"{{"booking": ["{long}"]}}"#), "at most 100 are allowed"),
        (format!(r#"{{"{long}": ["vms"]}}"#), "at most 100 are allowed"),
    ] {
        let text = refused(&format!(r#"{{"dependencies": {{"graph": {graph}}}}}"#));
        assert!(text.contains(says), "{says} is not in {text}");
        assert!(text.starts_with("the configuration has 1 error"), "{text}");
        assert!(text.len() < 12_000 && !text.contains('\u{7}'), "{text}");
    }
}
