//! What values mean, and rules that concern several keys.

use super::{accepted, load_document, load_with, refused, warned};
use crate::config::valid::{LogLevel, MetricsLocation, ModelsLocation, StateLocation};
use crate::config::{Source, load};
use crate::metric::{BadDirection, MetricKind, MetricSet};
use crate::period::{Period, WeekTable};
use crate::service::{Category, ServiceName};

fn name(text: &str) -> ServiceName {
    ServiceName::new(text).unwrap()
}

#[test]
fn defaults_need_no_document() {
    let config = load(None, &|_| None).unwrap().config;
    assert_eq!(config.victoria_metrics.endpoint, None);
    assert_eq!(config.metrics, MetricSet::five());
    assert_eq!(config.model.location, ModelsLocation::Folder("./yaga_models".to_owned()));
    assert_eq!(config.periods.calendar.table(), &WeekTable::five());
    assert_eq!(config.periods.calendar.zone_name(), "UTC");
    insta::assert_debug_snapshot!(config.victoria_metrics, @r#"
    VictoriaMetrics {
        endpoint: None,
        timeout_s: 10,
        attempts: 3,
        retry_backoff_ms: 300,
        retry_statuses: [
            429,
            500,
            502,
            503,
            504,
        ],
        failure_budget: 5,
        lag_s: 30,
        rate_window: "2m",
        chunk_days: 7,
        health_latency_ms: 5000,
    }
    "#);
    insta::assert_debug_snapshot!(config.training, @r#"
    Training {
        lookback_days: 30,
        cycle_s: 120,
        min_data_points: 2000,
        validation_fraction: 0.2,
        contamination_method: Knee,
        contamination_min_samples: 100,
        contamination_fallback: 0.05,
        calibration_enabled: true,
        percentiles: SeverityPercentiles {
            critical: 0.1,
            high: 1.0,
            medium: 5.0,
            low: 10.0,
        },
        excluded_periods: [],
        variants: ModelVariants {
            train_baseline: true,
            train_holiday: true,
            days_min: 7,
        },
    }
    "#);
    insta::assert_debug_snapshot!(config.detection, @r#"
    Detection {
        opening: Residual,
        bounds: Bounds {
            request_rate_max: 1000000.0,
            latency_ms_max: 300000.0,
        },
        gates: Gates {
            requests_min: 20.0,
            error_rate_min: 0.001,
            error_rate_ratio_min: 1.5,
            latency_ms_min: 5.0,
            latency_ratio_min: 0.1,
            rate_min: 1.0,
            rate_ratio_min: 0.15,
        },
        fallback_scores: FallbackScores {
            critical: -0.6,
            high: -0.3,
            medium: -0.1,
        },
    }
    "#);
    let rows = |service: &str, period| config.min_rows_of(&name(service), period);
    assert_eq!(rows("mobile-api", Period::NightHours), 200);
    assert_eq!(rows("m2-fr-adm", Period::WeekendDay), 75);
    assert_eq!(rows("job-runner", Period::WeekendNight), 100);
}

#[test]
fn the_environment_wins_over_the_document_and_the_document_over_defaults() {
    let document = r#"{"victoria_metrics": {"timeout_seconds": 20, "max_retries": 4}}"#;
    let variables = [
        ("VM_TIMEOUT", " 30 "),
        ("YAGA__INFERENCE__MAX_WORKERS", "2"),
        ("MAX_WORKERS", "9"),
        ("LOG_LEVEL", "WARNING"),
        ("MODELS_DIR", ""),
        ("YAGA__TRAINING__THRESHOLD_CALIBRATION__ENABLED", "No"),
    ];
    let loaded = load_with(document, &variables).unwrap();
    let config = &loaded.config;
    assert_eq!(config.victoria_metrics.timeout_s, 30);
    assert_eq!(config.victoria_metrics.attempts, 4);
    assert_eq!(config.inference.max_workers, 2, "the long variable wins over the short one");
    assert_eq!(config.log_level, LogLevel::Warn);
    assert!(!config.training.calibration_enabled);
    let source = |path: &str| {
        let setting = loaded.effective.iter().find(|setting| setting.path == path).unwrap();
        (setting.value.as_str(), setting.source.clone())
    };
    let env = |variable: &str| Source::Environment(variable.to_owned());
    assert_eq!(source("victoria_metrics.timeout_seconds"), ("30", env("VM_TIMEOUT")));
    assert_eq!(source("victoria_metrics.max_retries"), ("4", Source::Document));
    assert_eq!(source("model.models_directory"), ("\"./yaga_models\"", Source::Default));
}

#[test]
fn a_wrong_value_in_the_document_is_reported_even_if_it_is_overridden() {
    let document = r#"{"victoria_metrics": {"timeout_seconds": 0}}"#;
    assert!(load_with(document, &[("VM_TIMEOUT", "30")]).is_err());
}

#[test]
fn services_keep_the_order_of_the_document() {
    let config = accepted(
        r#"{"services": {"standard": ["zeta", "alpha"], "critical": ["Payments (EU)/v2"], "team-x": ["beta"]},
            "model": {"contamination_by_category": {"team-x": 0.02}, "contamination_by_service": {"zeta": 0.2}}}"#,
    );
    let listed: Vec<_> =
        config.services.listed.iter().map(|(n, c)| (n.as_str(), c.as_str())).collect();
    let expected = [
        ("zeta", "standard"),
        ("alpha", "standard"),
        ("Payments (EU)/v2", "critical"),
        ("beta", "team-x"),
    ];
    assert_eq!(listed, expected);
    assert_eq!(config.contamination_of(&name("zeta")), (0.2, true));
    assert_eq!(config.contamination_of(&name("beta")), (0.02, false));
    assert_eq!(config.category_of(&name("gamma-api")), Category::new("critical"));
}

#[test]
fn services_and_categories_are_checked() {
    insta::assert_snapshot!(refused(
        r#"{
            "services": { "critical": ["booking", "booking"], "Core": ["vms"], "admin": ["vms"] },
            "model": { "contamination_by_service": { "": 0.1 } },
            "services_meta": { "booking": { "expected_metrics": ["request_rat", "cpu"] } }
        }"#
    ), @r#"
    the configuration has 6 errors
      1. error SVC002 at services.critical[1]: "booking" is listed at services.critical[0] already; keep one of them
      2. error CAT001 at services.Core: "Core" is not usable as a category; write lower-case letters, digits, _ and -, a letter first
      3. error SVC002 at services.admin[0]: "vms" is listed at services.Core[0] already; keep one of them
      4. error MET002 at services_meta.booking.expected_metrics[0]: the metric "request_rat" is not read; did you mean request_rate?
      5. error MET002 at services_meta.booking.expected_metrics[1]: the metric "cpu" is not read; declare it under metrics
      6. error SVC001 at model.contamination_by_service[""]: a service name must not be empty
    "#);
    insta::assert_snapshot!(warned(
        r#"{
            "services": { "critical": ["booking"] },
            "model": {
                "contamination_by_service": { "bookin": 0.1 },
                "contamination_by_category": { "critcal": 0.1 }
            },
            "services_meta": { "search": { "timezone": "UTC", "expected_metrics": [] } },
            "time_periods": { "min_samples": { "team": 50 } }
        }"#
    ), @r#"
    warning SVC004 at services_meta.search.timezone: "search" is not listed under services
    warning CAT002 at model.contamination_by_category.critcal: no service is in the category "critcal"; list some under services, or remove the key
    warning SVC004 at model.contamination_by_service.bookin: "bookin" is not listed under services; did you mean "booking"?
    warning CAT002 at time_periods.min_samples.team: no service is in the category "team"; list some under services, or remove the key
    "#);
    assert_eq!(warned(r#"{"services_meta": {"search": {"timezone": "UTC"}}}"#), "");
}

#[test]
fn a_service_may_have_its_own_zone() {
    let config = accepted(
        r#"{"time_periods": {"timezone": "Europe/Paris"},
            "services_meta": {"search": {"timezone": "Asia/Tokyo"}}}"#,
    );
    assert_eq!(config.calendar_of(&name("search")).zone_name(), "Asia/Tokyo");
    assert_eq!(config.calendar_of(&name("booking")).zone_name(), "Europe/Paris");
}

#[test]
fn locations_are_told_by_their_form() {
    let variables = [
        ("VM_ENDPOINT", "https://vm:8428/"),
        ("MODELS_DIR", "s3://bucket/models/"),
        ("FINGERPRINT_DB", "dynamodb://incidents"),
    ];
    let config = load_with("{}", &variables).unwrap().config;
    let http = MetricsLocation::Http("https://vm:8428".to_owned());
    assert_eq!(config.victoria_metrics.endpoint, Some(http));
    let s3 = ModelsLocation::S3 { bucket: "bucket".to_owned(), prefix: "models".to_owned() };
    assert_eq!(config.model.location, s3);
    assert_eq!(config.state, Some(StateLocation::Table("incidents".to_owned())));
}

#[test]
fn declared_metrics_replace_the_five() {
    let config = accepted(
        r#"{"metrics": [
            {"name": "request_rate", "query": "my_rate"},
            {"name": "p95_latency"},
            {"name": "cache_misses", "kind": "ratio"},
            {"name": "free_memory", "kind": "gauge", "unit": "MB", "bad_direction": "down", "zero_is_normal": true},
            {"name": "request_latency", "kind": "rate"}
        ]}"#,
    );
    let metrics: Vec<_> = config.metrics.iter().collect();
    let five = MetricSet::five();
    assert_eq!(metrics[0].query, "my_rate");
    assert_eq!((metrics[0].kind, &metrics[0].unit), (MetricKind::Rate, &five.get(0).unwrap().unit));
    assert_eq!(
        (metrics[1].kind, metrics[1].bad_direction),
        (MetricKind::Latency, BadDirection::Up)
    );
    assert_eq!((metrics[2].unit.as_str(), metrics[2].zero_is_normal), ("share", true));
    assert_eq!((metrics[3].unit.as_str(), metrics[3].bad_direction), ("MB", BadDirection::Down));
    assert!(metrics[3].zero_is_normal);
    assert_eq!((metrics[4].unit.as_str(), metrics[4].bad_direction), ("req/s", BadDirection::Both));
    assert_eq!(metrics[4].query, "avg(request_latency) by (service_name)");
}

#[test]
fn lists_of_metrics_are_checked() {
    insta::assert_snapshot!(refused(r#"{"metrics": []}"#), @r#"
    the configuration has 1 error
      1. error MET001 at metrics: the list of metrics is empty; leave it out to use the default five
    "#);
    insta::assert_snapshot!(refused(r#"{"metrics": [{"name": "a"}, {"name": "a"}]}"#), @r#"
    the configuration has 1 error
      1. error MET001 at metrics: the metric a is listed twice
    "#);
    let many: Vec<String> = (0..65).map(|i| format!("{{\"name\": \"m{i}\"}}")).collect();
    insta::assert_snapshot!(refused(&format!("{{\"metrics\": [{}]}}", many.join(","))), @r#"
    the configuration has 1 error
      1. error MET001 at metrics: 65 metrics are listed; at most 64 are allowed
    "#);
}

#[test]
fn the_seed_preset_has_windows_of_five_minutes() {
    let config = accepted(r#"{"metrics_preset": "seed", "error_status_regex": "5..|"}"#);
    assert_eq!(config.victoria_metrics.rate_window, "5m");
    let query = |index| config.metrics.get(index).unwrap().query.as_str();
    assert_eq!(query(0), "sum(http_requests:count:rate_5m) by (service_name)");
    assert!(query(4).contains("=~\"5..|\""));
    let loaded = load_document(r#"{"metrics_preset": "seed"}"#).unwrap();
    let window = loaded.effective.iter().find(|s| s.path.ends_with("rate_window")).unwrap();
    assert_eq!(window.value, "\"5m\"");
    let own = accepted(
        r#"{"metrics_preset": "seed", "victoria_metrics": {"rate_window": "3m"},
            "metrics": [{"name": "request_rate"}]}"#,
    );
    assert_eq!(own.victoria_metrics.rate_window, "3m");
    assert!(own.metrics.get(0).unwrap().query.contains("rate_5m"));
}

#[test]
fn excluded_periods_are_inclusive_and_local() {
    let config = accepted(
        r#"{"time_periods": {"timezone": "Europe/Paris"}, "training": {"excluded_periods": [
            {"start": "2026-12-24", "end": "2026-12-26", "reason": "winter"},
            {"start": "2026-07-01T10:00", "end": "2026-07-01T12:00:00Z"}
        ]}}"#,
    );
    let instant = |text: &str| text.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp();
    let periods = &config.training.excluded_periods;
    assert_eq!(periods[0].start_s, instant("2026-12-23T23:00:00Z"));
    assert_eq!(periods[0].end_s, instant("2026-12-26T22:59:59Z"));
    assert_eq!(periods[0].reason, "winter");
    assert_eq!(periods[1].start_s, instant("2026-07-01T08:00:00Z"));
    assert_eq!(periods[1].end_s, instant("2026-07-01T12:00:00Z"));
}

#[test]
fn an_excluded_period_has_a_variant_unless_it_says_none() {
    let config = accepted(
        r#"{"training": {"excluded_periods": [
            {"start": "2026-12-24", "end": "2026-12-26"},
            {"start": "2026-12-26", "end": "2026-12-28", "model_variant": "sale"},
            {"start": "2026-11-01", "end": "2026-11-02", "model_variant": "none"},
            {"start": "2026-11-02", "end": "2026-11-03", "service": "checkout"}
        ]}}"#,
    );
    let at = |service: &str, text: &str| {
        let instant = text.parse::<chrono::DateTime<chrono::Utc>>().unwrap();
        let service = crate::ServiceName::new(service).unwrap();
        config.variant_at(&service, instant.timestamp()).map(|it| it.to_string())
    };
    let holiday = Some("holiday".to_owned());
    assert_eq!(at("booking", "2026-12-23T23:59:59Z"), None);
    assert_eq!(at("booking", "2026-12-24T00:00:00Z"), holiday);
    assert_eq!(at("booking", "2026-12-26T12:00:00Z"), holiday, "the first one listed");
    assert_eq!(at("booking", "2026-12-28T23:59:59Z"), Some("sale".to_owned()));
    assert_eq!(at("booking", "2026-12-29T00:00:00Z"), None);
    assert_eq!(at("booking", "2026-11-02T12:00:00Z"), None);
    assert_eq!(at("checkout", "2026-11-02T12:00:00Z"), holiday, "\"none\" does not hide another");
}

#[test]
fn times_that_never_were_are_refused() {
    insta::assert_snapshot!(refused(
        r#"{"time_periods": {"timezone": "Europe/Paris"}, "training": {"excluded_periods": [
            {"start": "2026-03-29T02:30", "end": "2026-03-30"}]}}"#
    ), @r#"
    the configuration has 1 error
      1. error TRN002 at training.excluded_periods[0].start: 2026-03-29 02:30:00 does not exist in Europe/Paris: clocks jump over it; write a time before or after the jump, or give an offset like +01:00
    "#);
}

const ALL_DAYS: &str = r#"["mon","tue","wed","thu","fri","sat","sun"]"#;

#[test]
fn three_periods_can_cover_the_week() {
    let config = accepted(&format!(
        r#"{{"time_periods": {{
            "business_hours": {{"start": 8, "end": "18:00", "days": {ALL_DAYS}}},
            "evening_hours": {{"start": "18:00", "end": 22, "days": {ALL_DAYS}}},
            "night_hours": {{"start": 22, "end": 8, "days": {ALL_DAYS}}}
        }}}}"#
    ));
    let table = config.periods.calendar.table();
    let hours = Period::ALL.map(|period| table.hours_of(period));
    assert_eq!(hours, [70, 28, 70, 0, 0]);
    assert_eq!(table.period(6, 3), Period::NightHours);
}

#[test]
fn one_period_can_own_the_whole_week() {
    let document = format!(
        r#"{{"time_periods": {{"night_hours": {{"start": 0, "end": 24, "days": {ALL_DAYS}}}}}}}"#
    );
    let config = accepted(&document);
    assert_eq!(config.periods.calendar.table().hours_of(Period::NightHours), 168);
    let loaded = load_document(&document).unwrap();
    let business = loaded.effective.iter().any(|s| s.path.contains("business_hours.start"));
    assert!(!business, "defaults of other periods do not hold");
}

#[test]
fn periods_that_do_not_fit_together_are_refused() {
    insta::assert_snapshot!(refused(&format!(
        r#"{{"time_periods": {{
            "business_hours": {{"start": 8, "end": 19, "days": ["mon","tue"]}},
            "night_hours": {{"start": 18, "end": 8, "days": {ALL_DAYS}}}
        }}}}"#
    )), @r#"
    the configuration has 1 error
      1. error TP001 at time_periods: business_hours and night_hours both claim Monday 18:00; give each hour to one period
    "#);
    insta::assert_snapshot!(refused(
        r#"{"time_periods": {
            "business_hours": {"start": 8, "end": 8, "days": ["mon"]},
            "night_hours": {"start": "8:30", "days": ["mon", "noday"]}
        }}"#
    ), @r#"
    the configuration has 4 errors
      1. error GEN002 at time_periods.night_hours.start: "8:30" does not fit; write a full hour from 0 to 23, like 8 or "08:00"
      2. error GEN002 at time_periods.night_hours.days[1]: "noday" does not fit; write a day: "mon", "tue", "wed", "thu", "fri", "sat" or "sun"
      3. error TP001 at time_periods.business_hours: start and end are both 8; write 0 and 24 for a whole day
      4. error GEN004 at time_periods.night_hours.end: the period is configured, but this is missing; write a full hour from 0 to 24, like 8 or "08:00"
    "#);
    insta::assert_snapshot!(refused(&format!(
        r#"{{"time_periods": {{"night_hours": {{"start": 22, "end": 6, "days": {ALL_DAYS}}}}}}}"#
    )), @r#"
    the configuration has 1 error
      1. error TP001 at time_periods.gap_assignment: no period claims 112 hours, the first Monday 06:00, and evening_hours is not configured; cover them or write one of the configured periods
    "#);
}

#[test]
fn hours_that_nobody_claims_go_where_the_document_says() {
    let with = |gap: &str| {
        format!(
            r#"{{"time_periods": {{{gap}
                "evening_hours": {{"start": 12, "end": 24, "days": {ALL_DAYS}}},
                "night_hours": {{"start": 0, "end": 6, "days": {ALL_DAYS}}}
            }}}}"#
        )
    };
    let config = accepted(&with(r#""gap_assignment": "night_hours","#));
    assert_eq!(config.periods.calendar.table().hours_of(Period::NightHours), 84);
    assert_eq!(warned(&with(r#""gap_assignment": "night_hours","#)), "");
    insta::assert_snapshot!(warned(&with("")), @"warning TP002 at time_periods.gap_assignment: no period claims 42 hours, the first Monday 06:00; they go to evening_hours, write this key to confirm it");
}

#[test]
fn very_large_documents_are_read() {
    let names: Vec<String> = (0..5_000).map(|i| format!("\"service-{i}\"")).collect();
    let meta: Vec<String> =
        (0..40_000).map(|i| format!("\"other-{i}\": {{\"timezone\": \"UTC\"}}")).collect();
    let document = format!(
        r#"{{"services": {{"core": [{}]}}, "services_meta": {{{}}}}}"#,
        names.join(","),
        meta.join(",")
    );
    let loaded = load_document(&document).unwrap();
    assert_eq!(loaded.config.services.listed.len(), 5_000);
    assert_eq!(loaded.warnings.len(), 40_000);
}

#[test]
fn confirmation_follows_the_way_of_opening_unless_it_is_set() {
    let cycles = |document: &str| accepted(document).fingerprinting.confirmation_cycles;
    assert_eq!(cycles("{}"), 1);
    assert_eq!(cycles(r#"{"detection": {"opening": "forest"}}"#), 2);
    assert_eq!(cycles(r#"{"fingerprinting": {"confirmation_cycles": "auto"}}"#), 1);
    let both =
        r#"{"detection": {"opening": "forest"}, "fingerprinting": {"confirmation_cycles": 1}}"#;
    assert_eq!(cycles(both), 1);
}

#[test]
fn a_budget_of_false_alarms_is_a_services_own_or_its_categorys_or_the_default() {
    let config = accepted(
        r#"{
            "services": { "critical": ["booking", "search"], "micro": ["mail"] },
            "alerting": {
                "false_alarm_budget": 1,
                "false_alarm_budget_by_category": { "critical": 0.25 },
                "false_alarm_budget_by_service": { "search": 4 }
            }
        }"#,
    );
    let of = |name: &str| config.false_alarm_budget_of(&ServiceName::new(name).unwrap());
    assert_eq!((of("booking"), of("search"), of("mail")), (Some(0.25), Some(4.0), Some(1.0)));
    assert_eq!(accepted("{}").false_alarm_budget_of(&ServiceName::new("mail").unwrap()), None);
}

#[test]
fn incidents_dependencies_and_silences_are_checked() {
    let document = r#"{
        "fingerprinting": { "cleanup_max_age_hours": 1, "incident_separation_minutes": 90 },
        "dependencies": { "graph": { "booking": ["vms", "booking"], "vms": [] } },
        "alerting": { "silences": [
            { "from": "2026-03-02", "until": "2026-03-01" },
            { "from": "2026-03-29T02:30", "until": "2026-03-30" },
            { "service": "booking" }
        ] },
        "time_periods": { "timezone": "Europe/Paris" }
    }"#;
    insta::assert_snapshot!(refused(document), @r#"
    the configuration has 6 errors
      1. error GEN004 at alerting.silences[2].from: the key is missing; write a date, "2026-12-24", or an instant, "2026-12-24T18:00:00+01:00" (without an offset: in the configured zone)
      2. error GEN004 at alerting.silences[2].until: the key is missing; write a date, "2026-12-24", or an instant, "2026-12-24T18:00:00+01:00" (without an offset: in the configured zone)
      3. error FP004 at fingerprinting.cleanup_max_age_hours: incidents are kept for 1 h, which is less than the 90 min within which they may be opened again; keep them longer
      4. error DEP002 at dependencies.graph.booking[1]: booking calls itself; remove it from the list
      5. error ALR002 at alerting.silences[0].until: the silence ends before it starts; write an end at or after its start
      6. error ALR002 at alerting.silences[1].from: 2026-03-29 02:30:00 does not exist in Europe/Paris: clocks jump over it; write a time before or after the jump, or give an offset like +01:00
    "#);
}

#[test]
fn a_silence_for_a_service_that_nobody_lists_is_pointed_out() {
    let document = r#"{
        "services": { "core": ["order"] },
        "alerting": { "silences": [
            { "from": "2026-03-01", "until": "2026-03-02", "service": "ordr" }
        ] }
    }"#;
    insta::assert_snapshot!(warned(document), @r#"warning SVC004 at alerting.silences[0].service: "ordr" is not listed under services; did you mean "order"?"#);
}

#[test]
fn silences_are_meant_in_the_configured_zone_and_days_are_whole() {
    let config = accepted(
        r#"{
            "time_periods": { "timezone": "Europe/Paris" },
            "alerting": { "silences": [
                { "from": "2026-03-02", "until": "2026-03-02", "reason": "move", "by": "ann" },
                { "from": "2026-03-03T10:00:00Z", "until": "2026-03-03T11:00:00Z",
                  "service": "booking", "pattern": "error_rate_high" }
            ] }
        }"#,
    );
    insta::assert_debug_snapshot!(config.alerting.silences, @r#"
    [
        Silence {
            service: None,
            pattern: None,
            from_s: 1772406000,
            until_s: 1772492399,
            reason: Some(
                "move",
            ),
            by: Some(
                "ann",
            ),
        },
        Silence {
            service: Some(
                ServiceName(
                    "booking",
                ),
            ),
            pattern: Some(
                "error_rate_high",
            ),
            from_s: 1772532000,
            until_s: 1772535600,
            reason: None,
            by: None,
        },
    ]
    "#);
}
