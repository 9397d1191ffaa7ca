//! Keys of the services and of the periods of the week.

use super::Key;
use crate::config::shape::{Form, Shape, integer, number};

const NAMES: Shape = Shape::List(&Shape::Text(Form::Service));
const TEXTS: Shape = Shape::List(&Shape::Text(Form::Free));
const DAYS: Shape = Shape::List(&Shape::Text(Form::Weekday));
const PERIODS: Shape = Shape::Word(&[
    "business_hours",
    "evening_hours",
    "night_hours",
    "weekend_day",
    "weekend_night",
]);
const WEEKDAYS: &str = "[\"mon\", \"tue\", \"wed\", \"thu\", \"fri\"]";
const WEEKEND: &str = "[\"sat\", \"sun\"]";
const ROWS: Shape = integer(1, 1_000_000);

const fn start(path: &'static str, default: &'static str) -> Key {
    Key::live(path, Shape::Hour { max: 23 }, default).about("First hour of the period, local time.")
}

const fn end(path: &'static str, default: &'static str) -> Key {
    Key::live(path, Shape::Hour { max: 24 }, default)
        .about("Hour at which it ends. Before the start: it goes on after midnight.")
}

const fn days(path: &'static str, default: &'static str) -> Key {
    Key::live(path, DAYS, default).about("Calendar days whose hours belong to it.")
}

const fn confidence(path: &'static str, default: &'static str) -> Key {
    Key::live(path, number(0.0, 1.0), default)
        .about("Trust in this period's model, told with each anomaly.")
}

const fn rows(path: &'static str, default: &'static str) -> Key {
    Key::live(path, ROWS, default).unit("rows")
}

pub(super) const KEYS: &[Key] = &[
    Key::live("services.*", NAMES, "").about(
        "Services of a category: `critical`, `core`, `standard`, `admin`, `micro`, `background` \
         or one of your own. No service at all: they are found in the metrics.",
    ),
    Key::later("services.pattern_detection.*", TEXTS, "")
        .about("Parts of names that decide the category of a service that is not listed."),
    Key::moot("services.category_descriptions.*", Shape::Text(Form::Free), "")
        .about("Categories are described in the documentation."),
    Key::live("services_meta.*.timezone", Shape::Text(Form::Zone), "")
        .about("Zone of one service, for its periods."),
    Key::live("services_meta.*.expected_metrics", TEXTS, "")
        .about("Metrics that the service should have; others do not count as missing."),
    Key::live("time_periods.timezone", Shape::Text(Form::Zone), "\"UTC\"")
        .variable("BUSINESS_TIMEZONE")
        .about("Zone in which hours and days are meant."),
    start("time_periods.business_hours.start", "8"),
    end("time_periods.business_hours.end", "18"),
    days("time_periods.business_hours.days", WEEKDAYS),
    start("time_periods.evening_hours.start", "18"),
    end("time_periods.evening_hours.end", "22"),
    days("time_periods.evening_hours.days", WEEKDAYS),
    start("time_periods.night_hours.start", "22"),
    end("time_periods.night_hours.end", "6"),
    days("time_periods.night_hours.days", WEEKDAYS),
    start("time_periods.weekend_day.start", "8"),
    end("time_periods.weekend_day.end", "22"),
    days("time_periods.weekend_day.days", WEEKEND),
    start("time_periods.weekend_night.start", "22"),
    end("time_periods.weekend_night.end", "8"),
    days("time_periods.weekend_night.days", WEEKEND),
    Key::live("time_periods.gap_assignment", PERIODS, "\"evening_hours\"")
        .about("The period that gets hours which no period claims."),
    confidence("time_periods.confidence_scores.business_hours", "0.9"),
    confidence("time_periods.confidence_scores.evening_hours", "0.8"),
    confidence("time_periods.confidence_scores.night_hours", "0.95"),
    confidence("time_periods.confidence_scores.weekend_day", "0.7"),
    confidence("time_periods.confidence_scores.weekend_night", "0.6"),
    rows("time_periods.min_samples.critical", "200")
        .about("Rows below which a period of such a service gets no model; half on weekends."),
    rows("time_periods.min_samples.standard", "200").about("The same for `standard`."),
    rows("time_periods.min_samples.admin", "150").about("The same for `admin`."),
    rows("time_periods.min_samples.micro", "100").about("The same for `micro`."),
    rows("time_periods.min_samples.default", "200").about("The same for every other category."),
    rows("time_periods.min_samples.*", "").about("The same for one more category."),
    Key::moot("time_periods.validation_thresholds.*", number(0.0, 1.0), "")
        .about("The training gate decides, from shares of signals and alerts."),
];
