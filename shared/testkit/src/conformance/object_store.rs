//! What an object store must do.

use std::collections::HashSet;
use std::sync::Arc;

use pipeline::ports::{ETag, Object, ObjectStore, Read, StoreError};
use tokio::task::JoinSet;

const ENOUGH_BYTES: usize = 1 << 20;
const RACERS: usize = 32;
const WRITERS: usize = 16;
const INCREMENTS: usize = 10;

type Store = Arc<dyn ObjectStore>;

/// Runs the whole suite. `make` yields a store that is empty and shares nothing with those it
/// yielded before. Races are real only on a runtime with several threads.
pub async fn object_store(make: impl Fn() -> Store) {
    a_missing_object_is_not_found(&make()).await;
    what_was_put_is_read(&make()).await;
    an_existing_object_is_not_put_anew(&make()).await;
    a_replacement_needs_the_current_tag(&make()).await;
    a_tag_follows_the_content(&make()).await;
    an_unchanged_object_is_not_transferred(&make()).await;
    a_large_object_is_not_read(&make()).await;
    keys_are_listed_by_prefix_and_sorted(&make()).await;
    unusual_keys_work(&make()).await;
    unusable_keys_are_refused(&make()).await;
    of_concurrent_creations_one_wins(&make()).await;
    of_concurrent_replacements_one_wins(&make()).await;
    no_update_is_lost(&make()).await;
    describing_says_something(&make());
}

fn object(bytes: &[u8]) -> Object<'_> {
    Object { bytes, content_type: "application/octet-stream" }
}

async fn read(store: &Store, key: &str) -> (Vec<u8>, ETag) {
    match store.get(key, None, ENOUGH_BYTES).await {
        Ok(Read::Found { bytes, etag }) => (bytes, etag),
        other => panic!("{key} should be there, but: {other:?}"),
    }
}

async fn put(store: &Store, key: &str, bytes: &[u8]) -> ETag {
    let put = store.put_new(key, object(bytes)).await;
    put.unwrap_or_else(|error| panic!("{key} should be put, but: {error}"))
}

async fn a_missing_object_is_not_found(store: &Store) {
    for unless in [None, Some(ETag("\"0123\"".to_owned()))] {
        let missing = store.get("models/none.bin", unless.as_ref(), ENOUGH_BYTES).await;
        assert!(matches!(missing, Err(StoreError::NotFound { .. })), "missing: {missing:?}");
    }
    put(store, "models/a/b.bin", b"x").await;
    let folder = store.get("models/a", None, ENOUGH_BYTES).await;
    assert!(matches!(folder, Err(StoreError::NotFound { .. })), "part of a key: {folder:?}");
}

async fn what_was_put_is_read(store: &Store) {
    let large: Vec<u8> = (0..300_000_u32).map(|i| (i % 251) as u8).collect();
    for (key, bytes) in [("one", &b"1"[..]), ("deep/er/two", b""), ("large.bin", &large)] {
        let put_tag = put(store, key, bytes).await;
        let (read_bytes, read_tag) = read(store, key).await;
        assert!(read_bytes == bytes, "{key} came back different");
        assert_eq!(read_tag, put_tag, "the tags of {key} when put and when read");
        assert!(!read_tag.0.is_empty(), "{key} has no tag");
    }
}

async fn an_existing_object_is_not_put_anew(store: &Store) {
    put(store, "a/b", b"first").await;
    for bytes in [&b"second"[..], b"first"] {
        let again = store.put_new("a/b", object(bytes)).await;
        assert!(matches!(again, Err(StoreError::AlreadyExists { .. })), "put again: {again:?}");
    }
    assert_eq!(read(store, "a/b").await.0, b"first", "the content after a refused put");
}

async fn a_replacement_needs_the_current_tag(store: &Store) {
    let unknown = ETag("\"d41d8cd98f00b204e9800998ecf8427e\"".to_owned());
    let missing = store.put_if("c", object(b"x"), &unknown).await;
    assert!(matches!(missing, Err(StoreError::Precondition { .. })), "no such key: {missing:?}");
    let listed = store.list("c").await;
    assert_eq!(listed, Ok(vec![]), "a refused replacement leaves nothing behind");

    let first = put(store, "c", b"first").await;
    let second = store.put_if("c", object(b"second"), &first).await;
    let second = second.unwrap_or_else(|error| panic!("a good tag was refused: {error}"));
    assert_eq!(read(store, "c").await, (b"second".to_vec(), second));

    let stale = store.put_if("c", object(b"third"), &first).await;
    assert!(matches!(stale, Err(StoreError::Precondition { .. })), "a stale tag: {stale:?}");
    assert_eq!(read(store, "c").await.0, b"second", "the content after a refused replacement");
}

async fn a_tag_follows_the_content(store: &Store) {
    let first = put(store, "d", b"first").await;
    let second = store.put_if("d", object(b"second"), &first).await.expect("a good tag");
    assert_ne!(first, second, "other content needs another tag");
    let same = store.put_if("d", object(b"second"), &second).await.expect("a good tag");
    assert_eq!(second, same, "the same content keeps its tag");
}

async fn an_unchanged_object_is_not_transferred(store: &Store) {
    let first = put(store, "e", b"first").await;
    let unchanged = store.get("e", Some(&first), ENOUGH_BYTES).await;
    assert_eq!(unchanged, Ok(Read::NotModified));
    let etag = store.put_if("e", object(b"second"), &first).await.expect("a good tag");
    let changed = store.get("e", Some(&first), ENOUGH_BYTES).await;
    assert_eq!(changed, Ok(Read::Found { bytes: b"second".to_vec(), etag }));
}

async fn a_large_object_is_not_read(store: &Store) {
    put(store, "f", b"12345").await;
    let refused = store.get("f", None, 4).await;
    assert!(matches!(refused, Err(StoreError::TooLarge { bytes_max: 4, .. })), "{refused:?}");
    assert!(store.get("f", None, 5).await.is_ok(), "an object of exactly the largest size");
}

async fn keys_are_listed_by_prefix_and_sorted(store: &Store) {
    assert_eq!(store.list("").await, Ok(vec![]), "an empty store");
    for key in ["m/b/2", "m/b/1", "m/a", "m/bc", "n/z", "m/b-x/1", "top"] {
        put(store, key, b"x").await;
    }
    let check = async |prefix: &str, expected: &[&str]| {
        let listed = store.list(prefix).await;
        let listed = listed.unwrap_or_else(|error| panic!("listing {prefix:?}: {error}"));
        assert_eq!(listed, expected, "the keys that begin with {prefix:?}");
    };
    check("", &["m/a", "m/b-x/1", "m/b/1", "m/b/2", "m/bc", "n/z", "top"]).await;
    check("m/", &["m/a", "m/b-x/1", "m/b/1", "m/b/2", "m/bc"]).await;
    check("m/b", &["m/b-x/1", "m/b/1", "m/b/2", "m/bc"]).await;
    check("m/b/", &["m/b/1", "m/b/2"]).await;
    check("m/b/2", &["m/b/2"]).await;
    check("m/b/2/", &[]).await;
    check("none/", &[]).await;
}

async fn unusual_keys_work(store: &Store) {
    let mut keys = vec![
        "v1/Payments (EU)%2Fv2/a b.bin".to_owned(),
        "v1/naïve-ü-日本/x+y=z&q?#.bin".to_owned(),
        "v1/quote\"'`~!@$^*;,<>|/é.json".to_owned(),
        "v1/%252e%252e/...".to_owned(),
        format!("v1/{}.bin", "n".repeat(250)),
    ];
    for key in &keys {
        put(store, key, key.as_bytes()).await;
    }
    for key in &keys {
        assert_eq!(read(store, key).await.0, key.as_bytes(), "the content of {key}");
    }
    keys.sort();
    assert_eq!(store.list("v1/").await, Ok(keys.clone()));
    for key in &keys {
        assert_eq!(store.list(key).await, Ok(vec![key.clone()]), "a whole key as prefix");
    }
}

async fn unusable_keys_are_refused(store: &Store) {
    let long = "n".repeat(256);
    let keys = [
        "",
        "/",
        "/etc/passwd",
        "a//b",
        "a/",
        "..",
        "../a",
        "a/../b",
        "a/..",
        "./a",
        "a/.",
        "a\0b",
        "a\nb",
        &long,
    ];
    let bad = |result: &StoreError| matches!(result, StoreError::BadKey { .. });
    let tag = ETag("x".to_owned());
    for key in keys {
        let read = store.get(key, None, ENOUGH_BYTES).await.map(|_| ());
        let put = store.put_new(key, object(b"x")).await.map(|_| ());
        let replaced = store.put_if(key, object(b"x"), &tag).await.map(|_| ());
        for result in [read, put, replaced] {
            assert!(result.as_ref().is_err_and(bad), "the key {key:?}: {result:?}");
        }
    }
    assert_eq!(store.list("").await, Ok(vec![]));
}

async fn of_concurrent_creations_one_wins(store: &Store) {
    let mut racers = JoinSet::new();
    for racer in 0..RACERS {
        let store = store.clone();
        racers.spawn(async move {
            let bytes = format!("racer {racer}").into_bytes();
            (store.put_new("race", object(&bytes)).await, bytes)
        });
    }
    let winner = only_winner(racers, true).await;
    assert_eq!(read(store, "race").await, winner, "the winner's content is there");
}

async fn of_concurrent_replacements_one_wins(store: &Store) {
    let first = put(store, "race", b"first").await;
    let mut racers = JoinSet::new();
    for racer in 0..RACERS {
        let (store, first) = (store.clone(), first.clone());
        racers.spawn(async move {
            let bytes = format!("racer {racer}").into_bytes();
            (store.put_if("race", object(&bytes), &first).await, bytes)
        });
    }
    let winner = only_winner(racers, false).await;
    assert_eq!(read(store, "race").await, winner, "the winner's content is there");
}

/// A store may answer the losers of a creation with either of the two errors: some do not know
/// yet, when they refuse, that the other writer will succeed.
async fn only_winner(
    mut racers: JoinSet<(Result<ETag, StoreError>, Vec<u8>)>,
    creation: bool,
) -> (Vec<u8>, ETag) {
    let mut winners = Vec::new();
    while let Some(racer) = racers.join_next().await {
        match racer.expect("a racer panicked") {
            (Ok(etag), bytes) => winners.push((bytes, etag)),
            (Err(StoreError::Precondition { .. }), _) => {}
            (Err(StoreError::AlreadyExists { .. }), _) if creation => {}
            (Err(error), _) => panic!("a loser's error: {error}"),
        }
    }
    assert_eq!(winners.len(), 1, "winners of {RACERS}");
    winners.remove(0)
}

async fn no_update_is_lost(store: &Store) {
    put(store, "counter", b"0").await;
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        let store = store.clone();
        writers.spawn(async move {
            let mut seen = Vec::new();
            for _ in 0..INCREMENTS {
                seen.push(increment(&store).await);
            }
            seen
        });
    }
    let mut numbers = HashSet::new();
    while let Some(seen) = writers.join_next().await {
        numbers.extend(seen.expect("a writer panicked"));
    }
    let all = WRITERS * INCREMENTS;
    assert_eq!(read(store, "counter").await.0, all.to_string().as_bytes(), "the last number");
    assert_eq!(numbers.len(), all, "every increment made a number of its own");
}

async fn increment(store: &Store) -> usize {
    loop {
        let (bytes, etag) = read(store, "counter").await;
        let text = String::from_utf8(bytes).expect("a number");
        let next = text.parse::<usize>().expect("a number") + 1;
        match store.put_if("counter", object(next.to_string().as_bytes()), &etag).await {
            Ok(_) => return next,
            Err(StoreError::Precondition { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("an increment: {error}"),
        }
    }
}

fn describing_says_something(store: &Store) {
    assert!(!store.describe().is_empty());
}
