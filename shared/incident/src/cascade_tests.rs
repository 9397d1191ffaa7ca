//! Cascades over whole fleets of heads.

use std::fmt::Write;

use domain::{ServiceName, Severity};

use crate::active::RootCause;
use crate::cascade::{Member, advance_fleet, cascades};
use crate::change::{Advance, Event};
use crate::head::ServiceHead;
use crate::rules::Rules;
use crate::step::{Cycle, Detection, Evaluated, Evaluation, Step};

fn name(text: &str) -> ServiceName {
    ServiceName::new(text).unwrap()
}

/// A fleet that is taken through cycles of two minutes.
struct Fleet {
    heads: Vec<ServiceHead>,
    minute: i64,
    rules: Rules,
    last: Vec<Advance>,
}

impl Fleet {
    fn new(services: &[&str]) -> Fleet {
        let heads = services.iter().map(|it| ServiceHead::new(name(it))).collect();
        Fleet { heads, minute: 0, rules: Rules::default(), last: Vec::new() }
    }

    /// A cycle in which some services have an anomaly: `service`, `service<root` or
    /// `service:anomaly`. What was told and what was folded, in words.
    fn cycle(&mut self, anomalies: &str) -> String {
        let parsed: Vec<(&str, &str, &str)> = anomalies.split_whitespace().map(parse).collect();
        let cycle = Cycle::at((1_700_000_040 + self.minute * 60) * 1000, 120);
        let member = |head: &ServiceHead| {
            let found = parsed.iter().find(|(service, ..)| *service == head.service.as_str());
            let detections = found.map(|(_, _, anomaly)| detection(anomaly)).into_iter().collect();
            let evaluated = Evaluated { detections, ..Evaluated::default() };
            let mut step = Step::new(cycle, Evaluation::Evaluated(evaluated));
            let root = found.map(|(_, root, _)| *root).filter(|it| *it != head.service.as_str());
            step.root_cause = root.map(|root| RootCause {
                service: name(root),
                path: vec![head.service.clone(), name(root)],
            });
            Member { head: head.clone(), step }
        };
        let mut members: Vec<Member> = self.heads.iter().map(member).collect();
        self.last = advance_fleet(&mut members, &self.rules);
        self.heads = self.last.iter().map(|it| it.head.clone()).collect();
        self.minute += 2;
        self.last.iter().map(told).collect::<Vec<_>>().concat().trim_end().to_owned()
    }

    /// Cycles without anything in them.
    fn quiet(&mut self, cycles: usize) {
        for _ in 0..cycles {
            self.cycle("");
        }
    }

    fn messages(&self) -> usize {
        self.last.iter().flat_map(Advance::announced).count()
    }
}

fn parse(word: &str) -> (&str, &str, &str) {
    let (head, anomaly) = word.split_once(':').unwrap_or((word, "latency_high"));
    let (service, root) = head.split_once('<').unwrap_or((head, head));
    (service, root, anomaly)
}

fn detection(anomaly: &str) -> Detection {
    Detection {
        anomaly: anomaly.to_owned(),
        root_metric: None,
        severity: Severity::High,
        ml_severity: Severity::High,
        confidence: 0.8,
        score: 2.0,
        value: Some(100.0),
        threshold: None,
        method: None,
        description: None,
        opens: true,
        is_single: false,
        lingering: Severity::None,
    }
}

fn told(advance: &Advance) -> String {
    let mut text = String::new();
    for change in &advance.changes {
        let service = &advance.head.service;
        for event in &change.events {
            match event {
                Event::Folded { under } => write!(text, "{service} under {}; ", under.service),
                Event::Unfolded { from } => write!(text, "{service} leaves {}; ", from.service),
                Event::Affects { service: other } => write!(text, "{service} affects {other}; "),
                _ => Ok(()),
            }
            .unwrap();
        }
        if let Some(told) = change.announcement {
            write!(text, "{service} {}; ", told.kind.as_str()).unwrap();
        }
    }
    text
}

#[test]
fn a_cascade_of_ten_services_is_one_page_with_nine_affected() {
    let services: Vec<String> = (0..10).map(|index| format!("s{index}")).collect();
    let names: Vec<&str> = services.iter().map(String::as_str).collect();
    let mut fleet = Fleet::new(&names);
    let all = format!("s9 {}", names[..9].iter().map(|it| format!("{it}<s9 ")).collect::<String>());
    fleet.cycle(&all);
    assert_eq!(fleet.messages(), 1);
    let found = cascades(&fleet.heads);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].root.as_str(), found[0].affected.len()), ("s9", 9));
    assert!(fleet.heads.iter().all(|head| head.active.len() == 1), "each keeps its own incident");
    // The page is repeated, and nobody else pages.
    fleet.cycle(&all);
    assert_eq!(fleet.messages(), 1);
    // All end at once: one resolution, for the one that was told.
    fleet.quiet(3);
    assert_eq!(fleet.messages(), 1);
    assert!(fleet.heads.iter().all(|head| head.active.is_empty()));
}

#[test]
fn an_effect_that_shows_later_is_listed_too() {
    let mut fleet = Fleet::new(&["api", "db"]);
    insta::assert_snapshot!(fleet.cycle("db"), @"db first_alert;");
    insta::assert_snapshot!(fleet.cycle("db api<db"), @"api under db; db affects api; db repeated_alert;");
    insta::assert_snapshot!(fleet.cycle("db api<db"), @"db repeated_alert;");
}

#[test]
fn an_effect_that_shows_first_is_told_and_stays_told() {
    let mut fleet = Fleet::new(&["api", "db"]);
    insta::assert_snapshot!(fleet.cycle("api<db"), @"api first_alert;");
    insta::assert_snapshot!(fleet.cycle("api<db db"), @"api repeated_alert; db first_alert;");
}

#[test]
fn a_root_that_is_not_told_hosts_nothing_and_the_first_affected_does() {
    let mut fleet = Fleet::new(&["api", "shop", "web"]);
    insta::assert_snapshot!(
        fleet.cycle("web:request_rate_surge_healthy api<web shop<web"),
        @"api affects shop; api first_alert; shop under api;"
    );
}

#[test]
fn what_outlives_its_host_is_told_twenty_minutes_after_the_hosts_last_evidence() {
    let mut fleet = Fleet::new(&["api", "db"]);
    fleet.cycle("db api<db");
    let mut lines = Vec::new();
    for _ in 0..12 {
        let minute = fleet.minute;
        let text = fleet.cycle("api<db");
        if !text.is_empty() {
            lines.push(format!("{minute} min: {text}"));
        }
    }
    insta::assert_snapshot!(lines.join("\n"), @r"
    6 min: db resolution;
    22 min: api leaves db; api first_alert;
    24 min: api repeated_alert;
    ");
}

#[test]
fn a_short_time_after_its_end_the_root_still_takes_others_in() {
    for (quiet, expected) in [(9, "api under db; db affects api;"), (10, "api first_alert;")] {
        let mut fleet = Fleet::new(&["api", "db"]);
        fleet.cycle("db");
        fleet.quiet(quiet);
        assert_eq!(fleet.cycle("api<db"), expected, "{quiet}");
    }
}

#[test]
fn the_host_survives_the_opening_of_an_older_candidate() {
    let mut fleet = Fleet::new(&["api", "db", "shop"]);
    fleet.cycle("shop<db");
    fleet.cycle("shop<db api<db");
    // db's own incident is announced later; api stays where it is.
    insta::assert_snapshot!(fleet.cycle("shop<db api<db db"), @"db first_alert; shop repeated_alert;");
}
