use std::io::Write as _;

use domain::MetricDefinition;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use testkit::conformance::{KnownMetrics, metric_source};

use super::*;
use crate::{RecordedSeries, write_recording};

fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn name(text: &str) -> ServiceName {
    ServiceName::new(text).unwrap()
}

/// Everything that the recording has of a metric.
async fn read(recording: &Recording, metric: &str) -> BTreeMap<ServiceName, Series> {
    let metric = MetricDefinition::guess(metric);
    let (after_s, until_s) = (i64::MIN, i64::MAX);
    let request = RangeRequest { metric: &metric, after_s, until_s, step_s: 60, services: None };
    recording.read(&request).await.unwrap().series
}

/// The text of the error, without the name of the file.
async fn error_of(bytes: &[u8]) -> String {
    let file = file(bytes);
    let recording = Recording::new(file.path(), &MetricSet::five());
    let error = recording.health().await.unwrap_err();
    assert_eq!(recording.contents().unwrap_err(), error, "the error stays");
    error.to_string().replace(file.path().to_str().unwrap(), "FILE")
}

#[tokio::test]
async fn it_is_a_metric_source_compressed_or_not() {
    let known = KnownMetrics::starting_at(1_700_000_040).with_nan();
    let text = known.json_lines();
    let two_parts = text.split_inclusive('\n').map(gzip).collect::<Vec<_>>().concat();
    for bytes in [text.clone().into_bytes(), gzip(&text), two_parts] {
        let file = file(&bytes);
        metric_source(&Recording::new(file.path(), &known.metrics()), &known).await;
    }
}

#[tokio::test]
async fn what_was_written_is_read() {
    let known = KnownMetrics::starting_at(0).with_nan();
    let folder = tempfile::tempdir().unwrap();
    for name in ["r.jsonl", "r.jsonl.gz"] {
        let path = folder.path().join(name);
        let series = known.series().map(|(metric, service, series)| RecordedSeries {
            metric: metric.to_owned(),
            service: service.clone(),
            series: series.clone(),
        });
        write_recording(&path, series).unwrap();
        metric_source(&Recording::new(&path, &known.metrics()), &known).await;
    }
}

#[tokio::test]
async fn lines_of_one_series_are_put_together() {
    let text = r#"{"metric":{"__name__":"request_rate","service_name":"a","x":"1"},"values":[3,4],"timestamps":[180000,240999]}
{"metric":{"__name__":"request_rate","x":"1","service_name":"a"},"values":[1,2,5],"timestamps":[60000,120000,180000]}

{"metric":{"__name__":"request_rate","service_name":"b"},"values":[],"timestamps":[]}
"#;
    let file = file(text.as_bytes());
    let recording = Recording::new(file.path(), &MetricSet::five());
    let series = read(&recording, "request_rate").await;
    assert_eq!(series.len(), 1);
    assert_eq!(series[&name("a")].times_s, [60, 120, 180, 240]);
    assert_eq!(series[&name("a")].values, [1.0, 2.0, 5.0, 4.0]);
    assert_eq!(recording.contents().unwrap().samples, 4);
}

#[tokio::test]
async fn metrics_are_found_by_older_names() {
    let line = |metric: &str, value: u8| {
        format!(
            r#"{{"metric":{{"__name__":"{metric}","service_name":"a"}},"values":[{value}],"timestamps":[60000]}}"#
        )
    };
    let text =
        [line("client_latency", 1), line("dependency_latency", 2), line("cpu", 3)].join("\n");
    let file = file(text.as_bytes());
    let recording = Recording::new(file.path(), &MetricSet::five());
    let expected = BTreeMap::from([(name("a"), Series::from_samples(vec![(60, 1.0)]))]);
    assert_eq!(read(&recording, "dependency_latency").await, expected);
    assert_eq!(read(&recording, "client_latency").await, expected);
    assert_eq!(read(&recording, "cpu").await, BTreeMap::new());
    let contents = recording.contents().unwrap();
    assert_eq!(contents.metrics, ["dependency_latency"]);
    assert_eq!(contents.other_metrics, BTreeSet::from(["cpu".to_owned()]));
    assert_eq!((contents.oldest_s, contents.newest_s), (Some(60), Some(60)));
    insta::assert_snapshot!(
        contents.warnings.join("\n"),
        @"dependency_latency: there are several series of a, the first is used; record the result of a query that aggregates by (service_name)"
    );
}

#[tokio::test]
async fn what_is_left_out_is_told() {
    let line = |labels: &str| {
        format!(
            r#"{{"metric":{{"__name__":"error_rate"{labels}}},"values":[1],"timestamps":[60000]}}"#
        )
    };
    let text = [
        line(""),
        line(r#","job":"a""#),
        line(r#","service_name":" ""#),
        line(r#","service_name":"a","instance":"1""#),
        line(r#","service_name":"a","instance":"2""#),
        line(r#","service_name":"a","instance":"3""#),
    ];
    let file = file(text.join("\n").as_bytes());
    let recording = Recording::new(file.path(), &MetricSet::five());
    let contents = recording.contents().unwrap();
    assert_eq!(contents.samples, 1);
    assert_eq!(contents.services, BTreeSet::from([name("a")]));
    insta::assert_snapshot!(contents.warnings.join("\n"), @"
        2 lines without the label service_name were left out
        a line was left out: a service name must not be empty
        error_rate: there are several series of a, the first is used; record the result of a query that aggregates by (service_name)
        ");
}

#[tokio::test]
async fn an_empty_recording_is_one() {
    for bytes in [Vec::new(), b"\n \r\n".to_vec(), gzip("")] {
        let file = file(&bytes);
        let recording = Recording::new(file.path(), &MetricSet::five());
        assert!(recording.health().await.is_ok());
        assert_eq!(recording.contents(), Ok(&Contents::default()));
        assert_eq!(read(&recording, "request_rate").await, BTreeMap::new());
    }
}

#[tokio::test]
async fn an_unreadable_recording_is_told() {
    let good =
        r#"{"metric":{"__name__":"error_rate","service_name":"a"},"values":[1],"timestamps":[1]}"#;
    let bad_line = format!("{good}\n\n{}\n{good}\n", &good[..40]);
    insta::assert_snapshot!(
        error_of(bad_line.as_bytes()).await,
        @"the recording FILE cannot be read: line 3: EOF while parsing a string at byte 40"
    );
    let lines = format!("{good}\n").repeat(3);
    let mut cut = gzip(&lines);
    cut.truncate(cut.len() - 12);
    insta::assert_snapshot!(
        error_of(&cut).await,
        @"the recording FILE cannot be read: line 1: the compressed file ends too early; it was not copied whole"
    );
    let mut flipped = gzip(&lines);
    let crc = flipped.len() - 8;
    flipped[crc] ^= 1;
    insta::assert_snapshot!(
        error_of(&flipped).await,
        @"the recording FILE cannot be read: line 4: corrupt gzip stream does not have a matching checksum"
    );
    insta::assert_snapshot!(
        error_of(b"time,value\n1,2\n").await,
        @"the recording FILE cannot be read: line 1: it is no JSON object; a recording is what /api/v1/export answers"
    );
    let missing = Recording::new("no/such.jsonl", &MetricSet::five());
    insta::assert_snapshot!(
        missing.health().await.unwrap_err(),
        @"the recording no/such.jsonl cannot be read: No such file or directory (os error 2)"
    );
}

#[tokio::test]
async fn it_is_read_once() {
    let known = KnownMetrics::starting_at(0);
    let file = file(known.json_lines().as_bytes());
    let recording = Recording::new(file.path(), &known.metrics());
    assert_eq!(recording.contents().unwrap().services.len(), 4);
    std::fs::write(file.path(), "changed").unwrap();
    assert_eq!(recording.contents().unwrap().services.len(), 4);
}

#[test]
fn equal_times_are_kept_once() {
    let known = KnownMetrics::starting_at(0);
    let file = file(known.json_lines().as_bytes());
    let recording = Recording::new(file.path(), &known.metrics());
    let loaded = recording.loaded().unwrap();
    let stored: Vec<_> = loaded.series.iter().flat_map(BTreeMap::values).collect();
    assert!(stored.iter().all(|one| Arc::ptr_eq(&one.times_s, &stored[0].times_s)));
}

proptest! {
    /// Whatever numbers are recorded, their bits come back.
    #[test]
    fn values_keep_their_bits(values in prop::collection::vec(any::<f64>(), 1..50)) {
        let times = (1..).map(|i| i * 60);
        let series = Series::from_samples(times.zip(values.iter().copied()).collect());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.jsonl.gz");
        let one = RecordedSeries { metric: "error_rate".to_owned(), service: name("a"), series };
        write_recording(&path, [one]).unwrap();
        let recording = Recording::new(&path, &MetricSet::five());
        let index = MetricSet::five().index_of("error_rate").unwrap();
        let read = &recording.loaded().unwrap().series[index][&name("a")].values;
        for (read, written) in read.iter().zip(&values) {
            let same = read.to_bits() == written.to_bits() || (read.is_nan() && written.is_nan());
            prop_assert!(same, "{written} came back as {read}");
        }
    }
}
