use std::process::Command;
use std::sync::Arc;

use super::*;

const WRITERS: usize = 6;
const INCREMENTS: usize = 20;

fn object(bytes: &[u8]) -> Object<'_> {
    Object { bytes, content_type: "application/octet-stream" }
}

async fn read(store: &Folder, key: &str) -> (Vec<u8>, ETag) {
    match store.get(key, None, 1_000).await {
        Ok(Read::Found { bytes, etag }) => (bytes, etag),
        other => panic!("{key}: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn it_is_an_object_store() {
    let parent = tempfile::tempdir().unwrap();
    let next = AtomicU64::new(0);
    testkit::conformance::object_store(|| {
        let number = next.fetch_add(1, Ordering::Relaxed);
        Arc::new(Folder::new(parent.path().join(format!("made/later/{number}"))))
    })
    .await;
}

#[tokio::test]
async fn nothing_but_objects_is_visible_and_no_draft_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = Folder::new(folder.path());
    let etag = store.put_new("a/b", object(b"1")).await.unwrap();
    store.put_new("a/b", object(b"2")).await.unwrap_err();
    store.put_if("a/b", object(b"3"), &ETag("stale".to_owned())).await.unwrap_err();
    store.put_if("a/b", object(b"4"), &etag).await.unwrap();
    assert_eq!(store.list("").await, Ok(vec!["a/b".to_owned()]));
    assert_eq!(store.list(".yaga").await, Ok(vec![]));
    let own: Vec<_> = fs::read_dir(folder.path().join(RESERVED)).unwrap().flatten().collect();
    assert_eq!(own.len(), 1, "only the lock is left");
}

#[tokio::test]
async fn what_a_killed_writer_left_is_invisible_and_removed_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join(RESERVED);
    fs::create_dir_all(&own).unwrap();
    let (old, young) = (own.join("draft-1-1"), own.join("draft-1-2"));
    for path in [&old, &young] {
        fs::write(path, "torn").unwrap();
    }
    let before = std::time::SystemTime::now() - 2 * LEFTOVER_AGE;
    File::options().write(true).open(&old).unwrap().set_modified(before).unwrap();
    let store = Folder::new(folder.path());
    assert_eq!(store.list("").await, Ok(vec![]));
    store.put_new("a", object(b"1")).await.unwrap();
    assert!(!old.exists());
    assert!(young.exists(), "its writer may still be at work");
}

#[tokio::test]
async fn an_object_that_was_changed_by_hand_has_another_tag() {
    let folder = tempfile::tempdir().unwrap();
    let store = Folder::new(folder.path());
    let etag = store.put_new("a", object(b"1")).await.unwrap();
    fs::write(folder.path().join("a"), "2").unwrap();
    let replaced = store.put_if("a", object(b"3"), &etag).await;
    assert!(matches!(replaced, Err(StoreError::Precondition { .. })), "{replaced:?}");
    assert_eq!(read(&store, "a").await.0, b"2");
}

#[tokio::test]
async fn a_folder_that_cannot_be_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let store = Folder::new(&file);
    let tell = |error: StoreError| error.to_string().replace(file.to_str().unwrap(), "FILE");
    insta::assert_snapshot!(
        tell(store.put_new("a", object(b"1")).await.unwrap_err()),
        @"FILE cannot be used to write a: Not a directory (os error 20)"
    );
    insta::assert_snapshot!(
        tell(store.get("a", None, 9).await.unwrap_err()),
        @"FILE holds no object a"
    );
    assert_eq!(store.list("").await, Ok(vec![]));
}

#[test]
fn what_the_system_does_not_allow_is_told() {
    let store = Folder::new("models");
    let tell = |kind: ErrorKind| store.error_of(kind.into(), "write", "a").to_string();
    insta::assert_snapshot!(
        tell(ErrorKind::PermissionDenied),
        @"models does not allow to write a: permission denied; check the permissions"
    );
    insta::assert_snapshot!(
        tell(ErrorKind::ReadOnlyFilesystem),
        @"models does not allow to write a: read-only filesystem or storage medium; check the permissions"
    );
    insta::assert_snapshot!(
        tell(ErrorKind::StorageFull),
        @"models cannot be used to write a: no storage space"
    );
}

#[tokio::test]
async fn a_lock_that_is_not_let_go_is_not_waited_for_forever() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Folder::new(folder.path());
    store.put_new("a", object(b"1")).await.unwrap();
    let _held = Folder::new(folder.path()).lock().unwrap();
    store.lock_wait = Duration::ZERO;
    let error = store.put_new("b", object(b"2")).await.unwrap_err().to_string();
    let error = error.replace(folder.path().to_str().unwrap(), "FOLDER");
    insta::assert_snapshot!(
        error,
        @"FOLDER cannot be used to write b: another process has held FOLDER/.yaga/lock for 0 s"
    );
    assert_eq!(read(&store, "a").await.0, b"1", "reading needs no lock");
}

/// What each of several processes does: the test below starts this very test as a program, with
/// the folder in a variable. Without one it has nothing to do.
#[tokio::test]
async fn one_process_of_several() {
    let Some(folder) = std::env::var_os("YAGA_TEST_SHARED_FOLDER") else { return };
    let store = Folder::new(folder);
    let mut won = 0;
    let mine = std::process::id().to_string();
    for round in 0..INCREMENTS {
        let key = format!("new/{round}");
        match store.put_new(&key, object(mine.as_bytes())).await {
            Ok(_) => won += 1,
            Err(StoreError::AlreadyExists { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        increment(&store).await;
    }
    fs::write(store.root.join(format!("{mine}.won")), won.to_string()).unwrap();
}

async fn increment(store: &Folder) {
    loop {
        let (bytes, etag) = read(store, "counter").await;
        let next = String::from_utf8(bytes).unwrap().parse::<usize>().unwrap() + 1;
        match store.put_if("counter", object(next.to_string().as_bytes()), &etag).await {
            Ok(_) => return,
            Err(StoreError::Precondition { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test]
async fn several_processes_lose_no_update_and_have_one_winner() {
    let folder = tempfile::tempdir().unwrap();
    let store = Folder::new(folder.path());
    store.put_new("counter", object(b"0")).await.unwrap();
    let start = || {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "folder::tests::one_process_of_several"])
            .env("YAGA_TEST_SHARED_FOLDER", folder.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut processes: Vec<_> = (0..WRITERS).map(|_| start()).collect();
    for process in &mut processes {
        assert!(process.wait().unwrap().success());
    }
    let counted = read(&store, "counter").await.0;
    assert_eq!(counted, (WRITERS * INCREMENTS).to_string().into_bytes());
    let won: usize = processes
        .iter()
        .map(|process| folder.path().join(format!("{}.won", process.id())))
        .map(|path| fs::read_to_string(path).unwrap().parse::<usize>().unwrap())
        .sum();
    assert_eq!(won, INCREMENTS, "each key was made by exactly one process");
}
