//! What a metric source answered: a matrix, decoded straight into samples.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use domain::limits::COLLECTION_ERROR_CHARS_MAX;
use domain::{Series, ServiceName};
use pipeline::ports::{MetricRead, RangeRequest};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected, Visitor};

/// One answer to one request.
#[derive(Debug)]
pub(crate) enum Answer {
    Matrix { series: Vec<LabelledSeries>, partial: bool },
    Refused(String),
}

/// One series with the only label that counts.
#[derive(Debug, Deserialize)]
pub(crate) struct LabelledSeries {
    metric: Labels,
    values: Vec<Sample>,
}

#[derive(Debug, Deserialize)]
struct Labels {
    service_name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Sample(TimeS, Value);

#[derive(Debug)]
struct TimeS(i64);

#[derive(Debug)]
struct Value(f64);

/// Decodes the body of a successful response. The error is a reason for people.
pub(crate) fn decode(body: &[u8]) -> Result<Answer, String> {
    #[derive(Deserialize)]
    struct Document<'a> {
        #[serde(borrow)]
        status: Cow<'a, str>,
        error: Option<String>,
        #[serde(default, rename = "isPartial")]
        is_partial: bool,
        data: Option<Data<'a>>,
    }
    #[derive(Deserialize)]
    struct Data<'a> {
        #[serde(borrow, rename = "resultType")]
        result_type: Cow<'a, str>,
        result: Vec<LabelledSeries>,
    }
    let document: Document<'_> =
        serde_json::from_slice(body).map_err(|error| explain(body, &error))?;
    match (&*document.status, document.data) {
        ("success", Some(data)) if data.result_type == "matrix" => {
            Ok(Answer::Matrix { series: data.result, partial: document.is_partial })
        }
        ("success", Some(data)) => Err(format!("it holds a {} and no matrix", data.result_type)),
        ("error", _) => Ok(Answer::Refused(trim(&document.error.unwrap_or_default()))),
        (status, _) => Err(format!("its status is {status:?} and it holds no data")),
    }
}

/// The server's own words in the body of a failed response, or the body's beginning.
pub(crate) fn error_text(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Document {
        error: String,
    }
    match serde_json::from_slice::<Document>(body) {
        Ok(document) => trim(&document.error),
        Err(_) => trim(&String::from_utf8_lossy(body)),
    }
}

fn explain(body: &[u8], error: &serde_json::Error) -> String {
    if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{') {
        return trim(&error.to_string());
    }
    let start: String = String::from_utf8_lossy(body).trim().chars().take(40).collect();
    format!(
        "it is not JSON and begins with {start:?}; \
         check that victoria_metrics.endpoint is the address of a VictoriaMetrics"
    )
}

fn trim(text: &str) -> String {
    let mut chars = text.trim().chars();
    let start: String = chars.by_ref().take(COLLECTION_ERROR_CHARS_MAX).collect();
    if chars.next().is_some() { format!("{start}…") } else { start }
}

/// Puts the answers of one read together, chunk after chunk.
#[derive(Debug, Default)]
pub(crate) struct Merge {
    series: BTreeMap<ServiceName, Series>,
    warnings: BTreeSet<String>,
}

impl Merge {
    /// Adds the answer for one chunk, in order of time.
    ///
    /// Of several series of one service the first is kept: adding them up or averaging them could
    /// be wrong, and the query should not yield them.
    pub(crate) fn add(&mut self, answered: Vec<LabelledSeries>, request: &RangeRequest<'_>) {
        let mut seen = BTreeSet::new();
        for LabelledSeries { metric, values } in answered {
            let Some(service) = self.service_of(metric, request) else { continue };
            if !seen.insert(service.clone()) {
                self.warnings.insert(format!(
                    "{}: several series of {service} were answered, the first is used; \
                     aggregate the query by (service_name)",
                    request.metric.name
                ));
                continue;
            }
            let mut samples: Vec<_> = values.into_iter().map(|s| (s.0.0, s.1.0)).collect();
            samples.retain(|(time, _)| request.after_s < *time && *time <= request.until_s);
            let known = self.series.entry(service).or_default();
            for (time_s, value) in Series::from_samples(samples).iter() {
                known.push(time_s, value);
            }
        }
    }

    /// Notes that a part of the data was not there to be read.
    pub(crate) fn note_partial(&mut self, request: &RangeRequest<'_>) {
        self.warnings.insert(format!(
            "{}: the answer is partial, because a part of the storage did not answer",
            request.metric.name
        ));
    }

    /// The answer to the whole read.
    pub(crate) fn finish(mut self) -> MetricRead {
        self.series.retain(|_, series| !series.is_empty());
        MetricRead { series: self.series, warnings: self.warnings.into_iter().collect() }
    }

    fn service_of(&mut self, labels: Labels, request: &RangeRequest<'_>) -> Option<ServiceName> {
        let metric = &request.metric.name;
        let Some(label) = labels.service_name else {
            self.warnings.insert(format!(
                "{metric}: a series without the label service_name was left out; \
                 aggregate the query by (service_name)"
            ));
            return None;
        };
        match ServiceName::new(label) {
            Ok(service) => {
                let wanted = request.services.is_none_or(|list| list.contains(&service));
                wanted.then_some(service)
            }
            Err(error) => {
                self.warnings.insert(format!("{metric}: a series was left out: {error}"));
                None
            }
        }
    }
}

impl<'de> Deserialize<'de> for TimeS {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TimeS, D::Error> {
        struct Seconds;
        impl Visitor<'_> for Seconds {
            type Value = TimeS;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time in seconds")
            }
            fn visit_i64<E: Error>(self, time: i64) -> Result<TimeS, E> {
                Ok(TimeS(time))
            }
            fn visit_u64<E: Error>(self, time: u64) -> Result<TimeS, E> {
                i64::try_from(time).map(TimeS).map_err(E::custom)
            }
            fn visit_f64<E: Error>(self, time: f64) -> Result<TimeS, E> {
                Ok(TimeS(time.floor() as i64))
            }
        }
        deserializer.deserialize_any(Seconds)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Value;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number as text")
            }
            /// `NaN`, `+Inf` and `-Inf` are numbers to the standard library too.
            fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
                let number =
                    text.parse().map_err(|_| E::invalid_value(Unexpected::Str(text), &self));
                number.map(Value)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::MetricDefinition;

    fn matrix(result: &str) -> String {
        format!(
            r#"{{"status":"success","data":{{"resultType":"matrix","result":[{result}]}},"stats":{{}}}}"#
        )
    }

    fn merge(bodies: &[String], services: Option<&[ServiceName]>) -> MetricRead {
        let metric = MetricDefinition::guess("request_rate");
        let request =
            RangeRequest { metric: &metric, after_s: 0, until_s: 1_000, step_s: 60, services };
        let mut merge = Merge::default();
        for body in bodies {
            match decode(body.as_bytes()) {
                Ok(Answer::Matrix { series, partial }) => {
                    merge.add(series, &request);
                    if partial {
                        merge.note_partial(&request);
                    }
                }
                other => panic!("no matrix: {other:?}"),
            }
        }
        merge.finish()
    }

    fn name(text: &str) -> ServiceName {
        ServiceName::new(text).unwrap()
    }

    #[test]
    fn values_that_are_no_finite_numbers_are_kept() {
        let body = matrix(
            r#"{"metric":{"service_name":"a","x":"y"},
                "values":[[60,"1.5"],[120.9,"NaN"],[180,"+Inf"],[240,"-Inf"],[300,"1e-7"]]}"#,
        );
        let read = merge(&[body], None);
        let series = &read.series[&name("a")];
        assert_eq!(series.times_s, [60, 120, 180, 240, 300]);
        assert!(series.values[1].is_nan());
        assert_eq!(series.values[2..], [f64::INFINITY, f64::NEG_INFINITY, 1e-7]);
        assert_eq!(read.warnings, [""; 0]);
    }

    #[test]
    fn what_cannot_be_used_is_left_out_with_a_warning() {
        let long = "n".repeat(101);
        let body = matrix(&format!(
            r#"{{"metric":{{"service_name":"a"}},"values":[[60,"1"]]}},
               {{"metric":{{"service_name":"a"}},"values":[[60,"2"],[120,"3"]]}},
               {{"metric":{{}},"values":[[60,"4"]]}},
               {{"metric":{{"service_name":""}},"values":[[60,"5"]]}},
               {{"metric":{{"service_name":"{long}"}},"values":[[60,"6"]]}}"#,
        ));
        let read = merge(&[body.clone(), body], None);
        assert_eq!(read.series.len(), 1);
        assert_eq!(read.series[&name("a")], Series::from_samples(vec![(60, 1.0)]));
        insta::assert_snapshot!(read.warnings.join("\n"), @"
        request_rate: a series was left out: a service name must not be empty
        request_rate: a series was left out: the service name nnnnnnnnnnnnnnnnnnnn… has 101 characters; at most 100 are allowed
        request_rate: a series without the label service_name was left out; aggregate the query by (service_name)
        request_rate: several series of a were answered, the first is used; aggregate the query by (service_name)
        ");
    }

    #[test]
    fn chunks_follow_each_other_and_other_services_and_times_are_ignored() {
        let one = |service: &str, time: i64| {
            let values = format!("[[{time},\"{time}\"]]");
            format!(r#"{{"metric":{{"service_name":"{service}"}},"values":{values}}}"#)
        };
        let bodies =
            [matrix(&[one("a", 60), one("b", 60)].join(",")), matrix(&one("a", 120)), matrix("")];
        let read = merge(&bodies, Some(&[name("a")]));
        assert_eq!(read.series.len(), 1);
        assert_eq!(read.series[&name("a")].times_s, [60, 120]);
        let outside = merge(&[matrix(&[one("a", 0), one("b", 1_001)].join(","))], None);
        assert_eq!(outside, MetricRead::default());
    }

    #[test]
    fn a_partial_answer_is_a_warning() {
        let body = matrix("").replace("\"stats\":{}", "\"isPartial\":true");
        insta::assert_snapshot!(
            merge(&[body], None).warnings.join("\n"),
            @"request_rate: the answer is partial, because a part of the storage did not answer"
        );
    }

    #[test]
    fn unreadable_answers_are_explained() {
        let reason = |body: &str| decode(body.as_bytes()).unwrap_err();
        insta::assert_snapshot!(
            reason("<!DOCTYPE html><html><body>Sign in"),
            @r#"it is not JSON and begins with "<!DOCTYPE html><html><body>Sign in"; check that victoria_metrics.endpoint is the address of a VictoriaMetrics"#
        );
        insta::assert_snapshot!(
            reason(""),
            @r#"it is not JSON and begins with ""; check that victoria_metrics.endpoint is the address of a VictoriaMetrics"#
        );
        insta::assert_snapshot!(
            reason(r#"{"status":"success","data":{"resultType":"matr"#),
            @"EOF while parsing a string at line 1 column 46"
        );
        insta::assert_snapshot!(
            reason(&matrix(r#"{"metric":{},"values":[[60,"much"]]}"#)), @r#"invalid value: string "much", expected a number as text at line 1 column 93"#);
        insta::assert_snapshot!(
            reason(r#"{"status":"success","data":{"resultType":"vector","result":[]}}"#), @"it holds a vector and no matrix");
        insta::assert_snapshot!(
            reason(r#"{"status":"success"}"#),
            @r#"its status is "success" and it holds no data"#
        );
    }

    #[test]
    fn a_refusal_is_told_in_the_servers_words() {
        let body = br#"{"status":"error","errorType":"422","error":"cannot parse"}"#;
        assert!(matches!(decode(body), Ok(Answer::Refused(text)) if text == "cannot parse"));
        assert_eq!(error_text(body), "cannot parse");
        assert_eq!(error_text(b" no such page\n"), "no such page");
        assert_eq!(error_text("ü".repeat(300).as_bytes()).chars().count(), 201);
    }
}
