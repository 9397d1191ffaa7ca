use std::future::Future;

use domain::{MetricDefinition, Series, ServiceName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use wiremock::matchers::{body_string_contains, header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

const DAY_S: i64 = 86_400;
const ONE_SERIES: &str = r#"{"status":"success","data":{"resultType":"matrix","result":[
    {"metric":{"service_name":"booking"},"values":[[60,"1.5"],[120,"NaN"]]}]}}"#;
const EMPTY: &str = r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#;

fn settings() -> valid::VictoriaMetrics {
    valid::VictoriaMetrics {
        endpoint: None,
        timeout_s: 10,
        attempts: 3,
        retry_backoff_ms: 1,
        retry_statuses: vec![500, 502, 503, 504],
        failure_budget: 5,
        lag_s: 30,
        rate_window: "2m".to_owned(),
        chunk_days: 7,
        health_latency_ms: 5_000,
    }
}

fn source(server: &MockServer) -> VictoriaMetrics {
    VictoriaMetrics::new(&server.uri(), &settings(), None)
}

fn rate() -> MetricDefinition {
    let mut metric = MetricDefinition::guess("request_rate");
    metric.query = "sum(rate(hits[$window])) by (service_name)".to_owned();
    metric
}

fn two_minutes(metric: &MetricDefinition) -> RangeRequest<'_> {
    RangeRequest { metric, after_s: 0, until_s: 120, step_s: 60, services: None }
}

async fn read(source: &VictoriaMetrics) -> Result<MetricRead, SourceError> {
    let metric = rate();
    source.read(&two_minutes(&metric)).await
}

/// The message without the server's port, which changes.
fn message(source: &VictoriaMetrics, error: SourceError) -> String {
    error.to_string().replace(&source.describe(), "http://vm")
}

async fn answering(status: u16, body: &str) -> MockServer {
    let server = MockServer::start().await;
    let response = ResponseTemplate::new(status).set_body_string(body);
    Mock::given(path("/api/v1/query_range")).respond_with(response).mount(&server).await;
    server
}

async fn requests(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

/// The error of a read that always gets this answer, and how often the server was asked.
async fn error_when(status: u16, body: &str) -> (String, usize) {
    let server = answering(status, body).await;
    let source = source(&server);
    let error = read(&source).await.unwrap_err();
    (message(&source, error), requests(&server).await)
}

#[tokio::test]
async fn a_range_is_asked_as_configured() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/api/v1/query_range"))
        .and(query_param("query", "sum(rate(hits[2m])) by (service_name)"))
        .and(query_param("start", "60"))
        .and(query_param("end", "120"))
        .and(query_param("step", "60"))
        .and(query_param("extra_filters[]", r#"{service_name=~"booking|a\\.b"}"#))
        .and(header("authorization", "Bearer s3cret"))
        .respond_with(ResponseTemplate::new(200).set_body_string(ONE_SERIES))
        .expect(1)
        .mount(&server)
        .await;
    let source = VictoriaMetrics::new(&server.uri(), &settings(), Some("s3cret".to_owned()));
    let services = ["booking", "a.b"].map(|name| ServiceName::new(name).unwrap());
    let metric = rate();
    let request = RangeRequest { services: Some(&services), ..two_minutes(&metric) };
    let read = source.read(&request).await.unwrap();
    let series = &read.series[&services[0]];
    assert_eq!(series.times_s, [60, 120]);
    assert!(series.values[1].is_nan());
    assert!(!format!("{source:?}").contains("s3cret"));
}

#[tokio::test]
async fn without_a_filter_none_is_sent_and_without_services_nothing_is_asked() {
    let server = answering(200, EMPTY).await;
    let source = source(&server);
    assert_eq!(read(&source).await, Ok(MetricRead::default()));
    let asked = server.received_requests().await.unwrap();
    assert!(!asked[0].url.query().unwrap().contains("extra_filters"));
    let metric = rate();
    for request in [
        RangeRequest { services: Some(&[]), ..two_minutes(&metric) },
        RangeRequest { after_s: 120, ..two_minutes(&metric) },
    ] {
        assert_eq!(source.read(&request).await, Ok(MetricRead::default()));
    }
    assert_eq!(requests(&server).await, 1);
}

#[tokio::test]
async fn a_long_question_is_sent_as_a_form() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(header("content-type", "application/x-www-form-urlencoded"))
        .and(body_string_contains("query=sum%28rate"))
        .and(body_string_contains("service-99%7C"))
        .respond_with(ResponseTemplate::new(200).set_body_string(EMPTY))
        .expect(1)
        .mount(&server)
        .await;
    let services: Vec<_> =
        (0..500).map(|i| ServiceName::new(format!("service-{i}")).unwrap()).collect();
    let metric = rate();
    let request = RangeRequest { services: Some(&services), ..two_minutes(&metric) };
    assert_eq!(source(&server).read(&request).await, Ok(MetricRead::default()));
}

#[tokio::test]
async fn a_long_range_is_read_in_chunks() {
    let server = answering(200, ONE_SERIES).await;
    let metric = rate();
    let request = RangeRequest { until_s: 30 * DAY_S, ..two_minutes(&metric) };
    let read = source(&server).read(&request).await.unwrap();
    assert_eq!(requests(&server).await, 5);
    assert_eq!(read.series[&ServiceName::new("booking").unwrap()].times_s, [60, 120]);
}

#[test]
fn long_ranges_get_more_time() {
    let source = VictoriaMetrics::new("http://vm", &settings(), None);
    let timeout = |end_s| source.timeout_for(Chunk { start_s: 0, end_s }).as_secs();
    assert_eq!((timeout(DAY_S), timeout(DAY_S + 60)), (10, 120));
    let patient = valid::VictoriaMetrics { timeout_s: 200, ..settings() };
    let source = VictoriaMetrics::new("http://vm", &patient, None);
    assert_eq!(source.timeout_for(Chunk { start_s: 0, end_s: 2 * DAY_S }).as_secs(), 200);
}

#[tokio::test]
async fn a_failure_that_passes_is_not_noticed() {
    for status in [500, 503, 429] {
        let server = MockServer::start().await;
        let once = Mock::given(method("GET")).respond_with(ResponseTemplate::new(status));
        once.up_to_n_times(2).mount(&server).await;
        let then = ResponseTemplate::new(200).set_body_string(ONE_SERIES);
        Mock::given(method("GET")).respond_with(then).mount(&server).await;
        assert_eq!(read(&source(&server)).await.unwrap().series.len(), 1, "after {status}");
        assert_eq!(requests(&server).await, 3);
    }
}

#[tokio::test]
async fn a_failure_that_stays_is_told() {
    let (text, asked) = error_when(500, "out of memory").await;
    insta::assert_snapshot!(text, @"http://vm is failing: HTTP 500: out of memory");
    assert_eq!(asked, 3);
    let (text, asked) = error_when(429, "").await;
    insta::assert_snapshot!(text, @"http://vm is failing: HTTP 429");
    assert_eq!(asked, 3);
    let (text, asked) = error_when(501, "").await;
    insta::assert_snapshot!(text, @"http://vm is failing: HTTP 501");
    assert_eq!(asked, 1);
    let (text, asked) = error_when(302, "").await;
    insta::assert_snapshot!(
        text,
        @"http://vm is failing: HTTP 302, a redirect; use the address that it points to"
    );
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn a_refusal_is_told_and_not_asked_again() {
    let refusal = r#"{"status":"error","errorType":"422","error":"cannot parse \"sum(\""}"#;
    let (text, asked) = error_when(422, refusal).await;
    insta::assert_snapshot!(
        text,
        @r#"http://vm refused the query of request_rate: HTTP 422: cannot parse "sum(""#
    );
    assert_eq!(asked, 1);
    let (text, asked) = error_when(200, refusal).await;
    insta::assert_snapshot!(
        text,
        @r#"http://vm refused the query of request_rate: cannot parse "sum(""#
    );
    assert_eq!(asked, 1);
    let (text, asked) = error_when(401, "").await;
    insta::assert_snapshot!(text, @"http://vm refused the query of request_rate: HTTP 401");
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn an_answer_that_is_no_matrix_is_told() {
    let (text, asked) = error_when(200, "<html><title>Sign in</title>").await;
    insta::assert_snapshot!(
        text,
        @r#"the answer of http://vm for request_rate cannot be read: it is not JSON and begins with "<html><title>Sign in</title>"; check that victoria_metrics.endpoint is the address of a VictoriaMetrics"#
    );
    assert_eq!(asked, 1);
    let (text, _) = error_when(200, &ONE_SERIES[..100]).await;
    insta::assert_snapshot!(
        text,
        @"the answer of http://vm for request_rate cannot be read: EOF while parsing an object at line 2 column 39"
    );
}

#[tokio::test]
async fn several_series_of_a_service_are_a_warning() {
    let body = r#"{"status":"success","data":{"resultType":"matrix","result":[
        {"metric":{"service_name":"a","x":"1"},"values":[[60,"1"]]},
        {"metric":{"service_name":"a","x":"2"},"values":[[60,"2"]]}]}}"#;
    let read = read(&source(&answering(200, body).await)).await.unwrap();
    let first = Series::from_samples(vec![(60, 1.0)]);
    assert_eq!(read.series[&ServiceName::new("a").unwrap()], first);
    insta::assert_snapshot!(
        read.warnings.join("\n"),
        @"request_rate: several series of a were answered, the first is used; aggregate the query by (service_name)"
    );
}

#[tokio::test]
async fn a_large_answer_is_not_read_to_its_end() {
    let server = answering(200, ONE_SERIES).await;
    let mut source = source(&server);
    source.transport.set_bytes_max(50);
    let error = read(&source).await.unwrap_err();
    insta::assert_snapshot!(
        message(&source, error),
        @"the answer of http://vm for request_rate cannot be read: it has more than 536870912 bytes; lower victoria_metrics.chunk_days or read fewer services at once"
    );
}

/// A server that sends `bytes` to whoever connects, and then closes or says nothing more.
async fn raw_server(bytes: &'static [u8], close: bool) -> (String, impl Future<Output = ()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let serve = async move {
        let mut open = Vec::new();
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = [0; 4_096];
            let _ = connection.read(&mut request).await;
            let _ = connection.write_all(bytes).await;
            if !close {
                open.push(connection);
            }
        }
    };
    (address, serve)
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_told() {
    let bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{\"status\":\"succ";
    let (address, serve) = raw_server(bytes, true).await;
    let source = VictoriaMetrics::new(&address, &settings(), None);
    let error = tokio::select! { error = read(&source) => error, () = serve => unreachable!() };
    let text = message(&source, error.unwrap_err());
    insta::assert_snapshot!(
        text,
        @"http://vm is failing: its answer broke off (end of file before message length reached)"
    );
}

#[tokio::test]
async fn a_server_that_says_nothing_is_not_waited_for() {
    for bytes in [&b""[..], b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n{"] {
        let (address, serve) = raw_server(bytes, false).await;
        let mut source = VictoriaMetrics::new(&address, &settings(), None);
        source.timeout = Duration::from_millis(20);
        let error = tokio::select! { error = read(&source) => error, () = serve => unreachable!() };
        let text = message(&source, error.unwrap_err());
        insta::allow_duplicates! {
            insta::assert_snapshot!(
                text,
                @"http://vm did not answer within 0 s; raise victoria_metrics.timeout_seconds or look at its load"
            );
        }
    }
}

#[tokio::test]
async fn an_address_where_nobody_listens_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://user:pass@{}/vm", listener.local_addr().unwrap());
    drop(listener);
    let source = VictoriaMetrics::new(&address, &settings(), None);
    let error = read(&source).await.unwrap_err();
    assert!(!error.to_string().contains("pass"), "{error}");
    insta::assert_snapshot!(
        message(&source, error),
        @"http://vm cannot be reached: Connection refused (os error 111); check the address and the network"
    );
    let health = source.health().await.unwrap_err();
    insta::assert_snapshot!(
        message(&source, health),
        @"http://vm cannot be reached: Connection refused (os error 111); check the address and the network"
    );
    let source = VictoriaMetrics::new("vm", &settings(), None);
    insta::assert_snapshot!(
        read(&source).await.unwrap_err().to_string(),
        @"vm cannot be reached: relative URL without a base; check the address and the network"
    );
}

#[tokio::test]
async fn after_enough_failures_nothing_is_asked_until_the_next_run() {
    let server = answering(500, "").await;
    let settings = valid::VictoriaMetrics { attempts: 1, failure_budget: 2, ..settings() };
    let source = VictoriaMetrics::new(&server.uri(), &settings, None);
    for _ in 0..2 {
        assert!(matches!(read(&source).await, Err(SourceError::Failing { .. })));
    }
    let error = read(&source).await.unwrap_err();
    insta::assert_snapshot!(
        message(&source, error),
        @"http://vm was not asked any more: 2 requests of this run had failed"
    );
    assert_eq!(requests(&server).await, 2);
    source.begin_run();
    assert!(matches!(read(&source).await, Err(SourceError::Failing { .. })));
    assert_eq!(requests(&server).await, 3);
}

#[tokio::test]
async fn a_server_that_is_well_again_is_asked_again() {
    let server = answering(500, "").await;
    let settings = valid::VictoriaMetrics { attempts: 1, failure_budget: 1, ..settings() };
    let source = VictoriaMetrics::new(&server.uri(), &settings, None);
    assert!(matches!(read(&source).await, Err(SourceError::Failing { .. })));
    source.health().await.unwrap_err();
    assert!(matches!(read(&source).await, Err(SourceError::BudgetSpent { .. })));
    Mock::given(path("/health")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    source.health().await.unwrap();
    assert!(matches!(read(&source).await, Err(SourceError::Failing { .. })));
}

#[tokio::test]
async fn refusals_do_not_use_up_the_budget() {
    let server = answering(422, "").await;
    let source = source(&server);
    for _ in 0..10 {
        assert!(matches!(read(&source).await, Err(SourceError::Refused { .. })));
    }
}

#[tokio::test]
async fn health_is_what_the_server_says() {
    let check = async |status: u16| {
        let server = MockServer::start().await;
        let response = ResponseTemplate::new(status);
        Mock::given(path("/health")).respond_with(response).expect(1).mount(&server).await;
        let source = source(&server);
        source.health().await.map_err(|error| message(&source, error))
    };
    assert!(check(200).await.is_ok());
    insta::assert_snapshot!(
        check(503).await.unwrap_err(),
        @"http://vm is failing: its health check answers HTTP 503"
    );
    insta::assert_snapshot!(
        check(204).await.unwrap_err(),
        @"http://vm is failing: its health check answers HTTP 204"
    );
    insta::assert_snapshot!(
        check(401).await.unwrap_err(),
        @"http://vm is failing: its health check answers HTTP 401"
    );
}

#[test]
fn passwords_are_not_shown() {
    let shown = |endpoint: &str| VictoriaMetrics::new(endpoint, &settings(), None).describe();
    assert_eq!(shown("https://vm.example:8428/select/0/"), "https://vm.example:8428/select/0");
    assert_eq!(shown("https://me:p@ss@vm.example/a@b"), "https://vm.example/a@b");
    let source = VictoriaMetrics::new("https://me:hush@vm.example", &settings(), None);
    assert!(!format!("{source:?}").contains("hush"), "{source:?}");
    assert_eq!(source.lag_s(), 30);
}
