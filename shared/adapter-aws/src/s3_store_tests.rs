//! What is said for each answer of the server. That conditional writes have one winner is tested
//! with a real server by the end-to-end tests.

use wiremock::matchers::{header, header_exists, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

const OBJECT: Object<'static> = Object { bytes: b"model", content_type: "application/json" };

fn store_at(address: &str) -> S3Store {
    let access_key = AccessKey { id: "key".to_owned(), secret: "hush".to_owned() };
    let options = S3Options {
        endpoint: Some(address.to_owned()),
        region: Some("eu-west-1".to_owned()),
        path_style: true,
        access_key: Some(access_key),
    };
    S3Store { attempts: 1, ..S3Store::new("bucket", "/team/a/", options) }
}

async fn answering(status: u16, code: &str) -> (MockServer, S3Store) {
    let server = MockServer::start().await;
    let body = format!("<Error><Code>{code}</Code><Message>because</Message></Error>");
    let response = ResponseTemplate::new(status).set_body_string(body);
    Mock::given(wiremock::matchers::any()).respond_with(response).mount(&server).await;
    let store = store_at(&server.uri());
    (server, store)
}

fn tag() -> ETag {
    ETag("\"1\"".to_owned())
}

#[tokio::test]
async fn a_read_names_the_tag_and_brings_the_content() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .and(path("/bucket/team/a/models/x%20y.bin"))
        .and(header("if-none-match", "\"1\""))
        .respond_with(
            ResponseTemplate::new(200).insert_header("etag", "\"2\"").set_body_string("model"),
        )
        .expect(1)
        .mount(&server)
        .await;
    let read = store_at(&server.uri()).get("models/x y.bin", Some(&tag()), 5).await;
    let expected = Read::Found { bytes: b"model".to_vec(), etag: ETag("\"2\"".to_owned()) };
    assert_eq!(read, Ok(expected));
}

#[tokio::test]
async fn writes_carry_their_condition_and_a_checksum() {
    let server = MockServer::start().await;
    let put = || {
        Mock::given(method("PUT"))
            .and(path("/bucket/team/a/k"))
            .and(header("content-type", "application/json"))
            .and(header_exists("x-amz-checksum-sha256"))
    };
    let response = ResponseTemplate::new(200).insert_header("etag", "\"2\"");
    put().and(header("if-none-match", "*")).respond_with(response.clone()).mount(&server).await;
    put().and(header("if-match", "\"1\"")).respond_with(response).mount(&server).await;
    let store = store_at(&server.uri());
    assert_eq!(store.put_new("k", OBJECT).await, Ok(ETag("\"2\"".to_owned())));
    assert_eq!(store.put_if("k", OBJECT, &tag()).await, Ok(ETag("\"2\"".to_owned())));
}

#[tokio::test]
async fn listings_go_on_to_the_last_page() {
    let server = MockServer::start().await;
    let page = |keys: &[&str], next: &str| {
        let keys: String = keys
            .iter()
            .map(|key| format!("<Contents><Key>team/a/{key}</Key></Contents>"))
            .collect();
        let body = format!("<ListBucketResult>{keys}{next}</ListBucketResult>");
        ResponseTemplate::new(200).set_body_string(body)
    };
    let more = "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>";
    Mock::given(query_param("continuation-token", "t"))
        .respond_with(page(&["m/2", "m/1"], ""))
        .mount(&server)
        .await;
    Mock::given(query_param("prefix", "team/a/m/"))
        .respond_with(page(&["m/3"], more))
        .mount(&server)
        .await;
    let keys = store_at(&server.uri()).list("m/").await;
    assert_eq!(keys, Ok(["m/1", "m/2", "m/3"].map(str::to_owned).to_vec()));
}

#[tokio::test]
async fn answers_have_a_meaning() {
    use StoreError::{AlreadyExists, NotFound, Precondition};
    let (_server, store) = answering(304, "").await;
    assert_eq!(store.get("k", Some(&tag()), 9).await, Ok(Read::NotModified));
    let (_server, store) = answering(404, "NoSuchKey").await;
    assert!(matches!(store.get("k", None, 9).await, Err(NotFound { .. })));
    assert!(matches!(store.put_if("k", OBJECT, &tag()).await, Err(Precondition { .. })));
    let (_server, store) = answering(412, "PreconditionFailed").await;
    assert!(matches!(store.put_new("k", OBJECT).await, Err(AlreadyExists { .. })));
    assert!(matches!(store.put_if("k", OBJECT, &tag()).await, Err(Precondition { .. })));
    let (_server, store) = answering(409, "ConditionalRequestConflict").await;
    assert!(matches!(store.put_new("k", OBJECT).await, Err(Precondition { .. })));
    assert!(matches!(store.put_if("k", OBJECT, &tag()).await, Err(Precondition { .. })));
}

#[tokio::test]
async fn errors_say_what_and_where() {
    let (_server, store) = answering(403, "AccessDenied").await;
    insta::assert_snapshot!(
        store.get("k", None, 9).await.unwrap_err(),
        @"s3://bucket/team/a does not allow to read k: HTTP 403 AccessDenied: because; check the permissions"
    );
    insta::assert_snapshot!(
        store.put_new("k", OBJECT).await.unwrap_err(),
        @"s3://bucket/team/a does not allow to write k: HTTP 403 AccessDenied: because; check the permissions"
    );
    insta::assert_snapshot!(
        store.list("m/").await.unwrap_err(),
        @"s3://bucket/team/a does not allow to list m/: HTTP 403 AccessDenied: because; check the permissions"
    );
    let (_server, store) = answering(404, "NoSuchBucket").await;
    insta::assert_snapshot!(
        store.get("k", None, 9).await.unwrap_err(),
        @"s3://bucket/team/a cannot be used to read k: HTTP 404 NoSuchBucket: because"
    );
    insta::assert_snapshot!(
        store.put_if("k", OBJECT, &tag()).await.unwrap_err(),
        @"s3://bucket/team/a cannot be used to write k: HTTP 404 NoSuchBucket: because"
    );
    let (_server, store) = answering(503, "SlowDown").await;
    insta::assert_snapshot!(
        store.put_new("k", OBJECT).await.unwrap_err(),
        @"s3://bucket/team/a cannot be used to write k: HTTP 503 SlowDown: because"
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told() {
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", server.local_addr().unwrap());
    drop(server);
    let error = store_at(&address).get("k", None, 9).await.unwrap_err();
    insta::assert_snapshot!(
        error,
        @"s3://bucket/team/a cannot be used to read k: Connection refused (os error 111)"
    );
}

#[tokio::test]
async fn an_object_that_is_too_large_is_not_read() {
    let server = MockServer::start().await;
    let response = ResponseTemplate::new(200).set_body_string("123456");
    Mock::given(method("GET")).respond_with(response).mount(&server).await;
    let store = store_at(&server.uri());
    insta::assert_snapshot!(
        store.get("k", None, 5).await.unwrap_err(),
        @"k in s3://bucket/team/a has more than 5 bytes"
    );
    assert!(store.get("k", None, 6).await.is_ok());
}

#[tokio::test]
async fn an_object_that_arrives_damaged_is_not_taken() {
    let server = MockServer::start().await;
    let response = ResponseTemplate::new(200)
        .insert_header("x-amz-checksum-sha256", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
        .set_body_string("not empty");
    Mock::given(method("GET")).respond_with(response).mount(&server).await;
    let error = store_at(&server.uri()).get("k", None, 99).await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable { .. }), "{error}");
    assert!(error.to_string().contains("checksum"), "{error}");
}

#[test]
fn a_store_says_where_it_is_and_not_how_to_get_in() {
    let store = store_at("http://127.0.0.1:1");
    assert_eq!(store.describe(), "s3://bucket/team/a");
    assert_eq!(S3Store::new("b", "", S3Options::default()).describe(), "s3://b");
    assert!(!format!("{store:?}").contains("hush"), "{store:?}");
}
