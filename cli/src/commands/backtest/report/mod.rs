//! The page for people: one file that needs nothing else.
//!
//! - [`overview`]: figures, and all services on one line of time
//! - [`tables`]: incidents, and what was found by kind
//! - [`cards`]: false alarms and missed incidents, each with a picture
//! - [`services`]: every metric of every service, what was expected, and what was said
//! - [`axis`], [`chart`]: time and values on paper
//! - [`html`]: text into markup
//!
//! No script is needed to read the page. A small one sorts tables and reads values under the
//! pointer. Nothing is loaded from anywhere. The same run gives the same bytes.

mod axis;
mod cards;
mod chart;
mod html;
mod overview;
mod services;
mod tables;

use domain::{Calendar, ServiceName};
use pipeline::backtest::accuracy::{Accuracy, EVERY_SERVICE, Label, Outcome, Verdict};
use pipeline::backtest::{Incident, Tape, Track, Usual};

use super::Run;
use chart::Mark;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
/// What a page may do: show itself.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// The page of a run.
pub fn page(run: &Run<'_>) -> String {
    let page = Page { run, calendar: &run.input.settings.config.periods.calendar };
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <title>yaga backtest</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body data-zone=\"{}\">\n<main>\n",
        html::escape(page.calendar.zone_name()),
    );
    text.push_str(&overview::section(&page));
    text.push_str(&tables::kinds(&page));
    text.push_str(&cards::false_alarms(&page));
    text.push_str(&cards::missed(&page));
    text.push_str(&tables::incidents(&page));
    text.push_str(&services::sections(&page));
    text.push_str(&format!("</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n"));
    text
}

/// What every part of the page needs.
struct Page<'a> {
    run: &'a Run<'a>,
    calendar: &'a Calendar,
}

impl<'a> Page<'a> {
    /// Figures of what is announced.
    fn accuracy(&self) -> Option<&'a Accuracy> {
        self.run.accuracy.as_ref().map(|(folded, _)| folded)
    }

    /// What is announced, with its verdict where there are labels.
    fn alerts(&self) -> impl Iterator<Item = (&'a Incident, Option<&'a Verdict>)> {
        let verdicts = self.accuracy().map(|it| it.verdicts.as_slice());
        let alerts = self.run.incidents.alerts.iter().enumerate();
        alerts.map(move |(index, alert)| (alert, verdicts.and_then(|it| it.get(index))))
    }

    fn outcomes(&self) -> &'a [Outcome] {
        self.accuracy().map_or(&[], |it| it.outcomes.as_slice())
    }

    fn tracks(&self) -> impl Iterator<Item = (&'a Track, &'a Tape)> {
        self.run.tracks.iter().zip(&self.run.input.tapes)
    }

    fn tape(&self, service: &str) -> Option<&'a Tape> {
        self.run.input.tapes.iter().find(|tape| tape.service.as_str() == service)
    }

    /// What is usual of a service's metric, by its place in the metric set, at any instant.
    fn usual(&self, service: &ServiceName, metric: usize) -> impl Fn(i64) -> Option<Usual> {
        let track = self.run.tracks.iter().find(|it| it.service == *service);
        let of_cycles = track.filter(|it| it.has_bands());
        move |time_s| match of_cycles {
            Some(track) => track.usual(metric, time_s),
            None => {
                let service = &track?.service;
                self.run.judge.usual(service, time_s).get(metric).copied().flatten()
            }
        }
    }

    /// What its worst cycle said, without the service's name in front.
    fn what(&self, incident: &'a Incident) -> &'a str {
        let text = incident.cause.as_ref().map_or("", |cause| cause.description.as_str());
        let name = format!("[{}] ", incident.service);
        text.strip_prefix(name.as_str()).unwrap_or(text)
    }

    /// Labels and incidents of a service as stretches to mark.
    fn marks(&self, service: &str) -> Vec<Mark> {
        let labels = || self.run.input.truth.iter().flat_map(|truth| &truth.labels);
        // Beside named services, "every service" only excuses.
        let is_everywhere = |label: &&Label| {
            let named = |it: &Label| it.incident == label.incident && it.service != EVERY_SERVICE;
            label.service == EVERY_SERVICE && !labels().any(named)
        };
        let labels = labels().filter(|label| label.service == service || is_everywhere(label));
        let labels = labels.map(|label| Mark {
            from_s: label.start_s,
            until_s: label.end_s,
            class: "lb",
            title: format!("label: {} ({}), from {}", label.kind, label.incident, label.root_cause),
        });
        let announced = self.run.incidents.announced().filter(|it| it.service.as_str() == service);
        let alerts = announced.map(|it| Mark {
            from_s: it.episode.start_s,
            until_s: it.episode.end_s,
            class: html::severity_class(it.episode.severity),
            title: format!(
                "{}: {}",
                it.episode.severity,
                it.cause.as_ref().map_or("", |cause| cause.description.as_str())
            ),
        });
        labels.chain(alerts).collect()
    }
}
