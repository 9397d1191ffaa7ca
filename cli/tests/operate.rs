//! What an operator does about incidents and messages, on a file in a folder.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::OnceLock;

use common::{Ran, yaga_with};
use serde_json::Value;
use tempfile::TempDir;

mod common;

/// `order` is the fifth service of the estate.
const FAULT: &str = "error_burst:order:2026-03-17T12:00:00Z:40:3";
const DURING: [&str; 2] = ["2026-03-17T12:30:00Z", "2026-03-17T12:32:00Z"];
/// Nobody listens there.
const WEBHOOK: &str = "http://127.0.0.1:1/hook";

/// An estate that was learned, once for all tests: they only read it.
fn estate() -> &'static Path {
    static ESTATE: OnceLock<TempDir> = OnceLock::new();
    let folder = ESTATE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let simulate = "simulate --out estate --services 5 --days 15 --test-hours 24 --fault";
        assert_eq!(yaga_with(folder.path(), &format!("{simulate} {FAULT}"), &[]).code, 0);
        let source = [("VM_ENDPOINT", "file://estate/train.jsonl.gz")];
        let trained = yaga_with(folder.path(), "train --config estate/yaga.json", &source);
        assert!(trained.code <= 1, "{trained:?}");
        folder
    });
    folder.path()
}

/// Runs the command with the incidents of `state`.
fn run(state: &Path, arguments: &str, more: &[(&str, &str)]) -> Ran {
    let state = state.join("state.db").display().to_string();
    let source = ("VM_ENDPOINT", "file://estate/test.jsonl.gz");
    let all = [&[source, ("FINGERPRINT_DB", &state)], more].concat();
    yaga_with(estate(), arguments, &all)
}

fn infer(state: &Path, at: &str, more: &[(&str, &str)]) -> Ran {
    let ran = run(state, &format!("infer --config estate/yaga.json --at {at}"), more);
    assert!(ran.code <= 1, "{ran:?}");
    ran
}

/// A state with the incident of the fault, and its id.
fn with_incident(more: &[(&str, &str)]) -> (TempDir, String) {
    let state = tempfile::tempdir().unwrap();
    infer(state.path(), DURING[0], more);
    let listing = run(state.path(), "incidents list --service order --json", &[]).json();
    let id = listing["incidents"][0]["incident_id"].as_str().unwrap_or_else(|| panic!("{listing}"));
    (state, id.to_owned())
}

/// The address of a server that takes no message.
fn refusing() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let read = stream.read(&mut [0; 64 * 1024]);
            let answer = b"HTTP/1.1 400 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            if read.is_err() || stream.write_all(answer).is_err() {
                continue;
            }
            // Reads on until the sender is done, so that it gets the answer.
            drop(std::io::copy(&mut stream, &mut std::io::sink()));
        }
    });
    format!("http://{address}/hook")
}

#[track_caller]
fn says(ran: &Ran, code: i32, parts: &[&str]) {
    assert_eq!(ran.code, code, "{ran:?}");
    let all = ran.all();
    for part in parts {
        assert!(all.contains(part), "{part:?} is not in {all}");
    }
    assert!(!all.contains('\u{1b}'), "{all:?}");
}

fn events(document: &Value) -> Vec<String> {
    let kept = document["events"].as_array().unwrap().iter();
    let all = kept.flat_map(|it| it["events"].as_array().unwrap());
    all.map(|it| it["event"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_incident_is_followed_from_cycle_to_cycle() {
    let (state, id) = with_incident(&[]);
    let again = infer(state.path(), DURING[1], &[]);
    says(&again, again.code, &[&id, "order", "open", "2 min", "Nobody is told"]);
    // The same cycle once more changes nothing, and says so.
    let same = infer(state.path(), DURING[1], &[]);
    says(&same, same.code, &["this cycle was counted already"]);
    let shown = run(state.path(), &format!("incidents show {id} --json"), &[]).json();
    assert_eq!(shown["incident"]["occurrence_count"], 2, "{shown}");
    assert_eq!(shown["service_name"], "order");
}

#[test]
fn without_a_place_nothing_is_kept_and_that_is_said() {
    let source = [("VM_ENDPOINT", "file://estate/test.jsonl.gz")];
    let arguments = format!("infer --config estate/yaga.json --at {}", DURING[0]);
    let ran = yaga_with(estate(), &arguments, &source);
    says(&ran, ran.code, &["Nothing of this is kept", "FINGERPRINT_DB=./state.db"]);
}

#[test]
fn an_operator_takes_an_incident_to_its_end() {
    let (state, id) = with_incident(&[]);
    let run = |arguments: &str| run(state.path(), arguments, &[]);
    says(&run("incidents list"), 0, &[&id, "order", "open", "state.db"]);
    let short = &id[.."incident_".len() + 6];
    says(&run(&format!("incidents ack {short} --by ann")), 0, &["acknowledged by ann", &id]);
    says(&run(&format!("incidents silence {id} --by ann --for 2h")), 0, &["silenced by ann until"]);
    says(&run(&format!("incidents assign {id} --to bob")), 0, &["assigned to bob"]);
    let shown = run(&format!("incidents show {id}"));
    says(&shown, 0, &["acknowledged  by ann", "silenced      until", "owner         bob"]);
    says(&run(&format!("incidents silence {id} --by ann --undo")), 0, &["silence lifted"]);
    says(&run(&format!("incidents ack {id} --by ann --undo")), 0, &["acknowledgement taken back"]);
    let closed = run(&format!("incidents close {id} --by ann --json")).json();
    assert_eq!(closed["end"]["reason"], "operator_closed", "{closed}");
    assert_eq!(closed["messages"], 0, "nobody is there to be told: {closed}");
    assert!(events(&closed).contains(&"closed_by".to_owned()), "{closed}");
    let late = run(&format!("incidents ack {id} --by ann"));
    says(&late, 2, &[&id, "was over", "only what goes on can be changed"]);
    says(&run(&format!("incidents history {id}")), 0, &["closed by an operator", "1 incident"]);
    let stats = run("incidents stats --json").json();
    assert_eq!((&stats["by_service"]["order"], &stats["resolved"]), (&1.into(), &1.into()));
    says(&run("incidents stats"), 0, &["going on", "last 7 days", "order"]);
}

#[test]
fn what_two_people_do_between_two_cycles_is_kept_of_both() {
    let (state, id) = with_incident(&[]);
    let run = |arguments: &str| run(state.path(), arguments, &[]);
    says(&run(&format!("incidents ack {id} --by ann")), 0, &["acknowledged by ann"]);
    says(&run(&format!("incidents ack {id} --by bob")), 0, &["acknowledged by bob"]);
    says(&run(&format!("incidents show {id}")), 0, &["acknowledged by ann", "acknowledged by bob"]);
}

#[test]
fn an_alert_is_not_sent_again_after_the_end_of_its_incident() {
    let refusing = refusing();
    let webhook = [("YAGA__WEBHOOK__URL", refusing.as_str())];
    let (state, id) = with_incident(&webhook);
    let run = |arguments: &str| run(state.path(), arguments, &webhook);
    says(&run(&format!("incidents close {id} --by ann")), 0, &["1 message waits"]);
    let listing = run("outbox list --json").json();
    let messages = listing["messages"].as_array().unwrap();
    let alert = messages.iter().find(|it| it["incident_ids"] == serde_json::json!([id])).unwrap();
    let alert = alert["message_id"].as_str().unwrap();
    says(&run(&format!("outbox retry {alert}")), 1, &[alert, "the incident is over", "drop"]);
}

#[test]
fn with_json_standard_output_is_one_document_whoever_is_told_there() {
    let stdout = [("YAGA__STDOUT__ENABLED", "true")];
    let state = tempfile::tempdir().unwrap();
    let arguments = format!("infer --config estate/yaga.json --at {} --json", DURING[0]);
    let ran = run(state.path(), &arguments, &stdout);
    assert_eq!(ran.json()["deliveries"]["delivered"], 1, "{ran:?}");
    assert!(ran.err.contains("\"alert_type\":\"anomaly_detected\""), "{ran:?}");
}

#[test]
fn training_learns_from_what_was_a_false_alarm_and_leaves_out_what_was_none() {
    let (state, id) = with_incident(&[]);
    let models = state.path().join("models").display().to_string();
    let mut variables = vec![("MODELS_DIR", models.as_str())];
    let run = |arguments: &str| run(state.path(), arguments, &variables);
    let known = || -> Value {
        let text = std::fs::read_to_string(format!("{models}/models/known_incidents.json"));
        serde_json::from_str::<Value>(&text.unwrap()).unwrap()["incidents"][&id].clone()
    };
    says(&run(&format!("incidents false-alarm {id}")), 0, &["order: a false alarm", &id]);
    assert_eq!((&known()["service"], &known()["false_alarm"]), (&"order".into(), &true.into()));
    let stats = run("incidents stats --json").json();
    let of_pattern = &stats["verdicts"]["patterns"][0];
    // The other one is that of a service nearby.
    assert_eq!((&of_pattern["false_alarms"], &of_pattern["incidents"]), (&1.into(), &2.into()));
    assert_eq!(of_pattern["precision"], 0.5);
    says(&run("incidents stats"), 0, &["pattern", "false alarms", "right", "50 %"]);
    let undone = run(&format!("incidents false-alarm {id} --undo --json")).json();
    assert_eq!(undone["false_alarm"], false, "{undone}");
    assert_eq!(known()["false_alarm"], Value::Null);
    variables.push(("VM_ENDPOINT", "file://estate/train.jsonl.gz"));
    let config = "train --config estate/yaga.json --at 2026-03-17T13:00:00Z";
    let trained = yaga_with(
        estate(),
        config,
        &[&variables[..], &[("FINGERPRINT_DB", &format!("{}/state.db", state.path().display()))]]
            .concat(),
    );
    says(&trained, trained.code, &["Left out of it: 2 known incidents"]);
}

#[test]
fn a_reset_wants_to_be_confirmed() {
    let (state, id) = with_incident(&[]);
    let run = |arguments: &str| run(state.path(), arguments, &[]);
    says(&run("incidents reset order"), 2, &["this ends 1 incident of order", "--yes"]);
    let preview = run("incidents reset order --dry-run");
    says(&preview, 0, &[&id, "1 incident would be ended", "nothing was changed"]);
    let preview = run("incidents reset --dry-run --json").json();
    let ending = preview["would_end"].as_array().unwrap();
    assert!(ending.iter().any(|it| it["incident_id"] == id.as_str()), "{preview}");
    let nowhere = run("incidents reset --yes --output no/such/folder/kept.json");
    says(&nowhere, 2, &["nothing was changed", "kept.json cannot be written"]);
    says(&run("incidents list"), 0, &[&id]);
    says(&run("incidents reset nobody --yes"), 2, &["nobody has no incident", "order"]);
    let kept = state.path().join("kept.json");
    let reset = format!("incidents reset --yes --reason service_removed -o {}", kept.display());
    says(&run(&reset), 0, &["order: 1 incident ended"]);
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(kept).unwrap()).unwrap();
    let kept: Vec<&Value> = kept.as_array().unwrap().iter().collect();
    assert!(kept.iter().any(|it| it["incident"]["incident_id"] == id.as_str()), "{kept:?}");
    assert!(kept.iter().all(|it| it["end"].is_null()), "as it was before: {kept:?}");
    says(&run("incidents list"), 0, &["no incident is going on"]);
    says(&run("incidents list --all"), 0, &[&id, "removed"]);
}

#[test]
fn an_end_that_a_receiver_did_not_take_in_is_told_again() {
    let webhook = [("YAGA__WEBHOOK__URL", WEBHOOK)];
    let (state, id) = with_incident(&webhook);
    let run = |arguments: &str| run(state.path(), arguments, &webhook);
    says(&run(&format!("incidents resend {id} --by ann")), 2, &["goes on", "only an end"]);
    says(&run(&format!("incidents close {id} --by ann")), 0, &["1 message waits"]);
    let again = run(&format!("incidents resend {id} --by bob"));
    says(&again, 0, &["end told once more by bob", "1 message waits"]);
    let shown = run(&format!("incidents show {id} --json")).json();
    assert_eq!(shown["end"]["reason"], "operator_closed", "{shown}");
    assert!(events(&shown).contains(&"end_told_again".to_owned()), "{shown}");
    let listing = run("outbox list --json").json();
    let ends =
        listing["messages"].as_array().unwrap().iter().filter(|it| it["kind"] == "resolution");
    assert_eq!(ends.count(), 2, "{listing}");
}

#[test]
fn a_message_that_nobody_takes_now_waits() {
    let webhook = [("YAGA__WEBHOOK__URL", WEBHOOK)];
    let (state, _) = with_incident(&webhook);
    let listing = run(state.path(), "outbox list --json", &webhook).json();
    let first = &listing["messages"][0];
    // The recording is old, and its message is not: it waits since it was committed.
    assert_eq!((&first["status"], &first["attempts"]), (&"pending".into(), &1.into()));
    says(&run(state.path(), "outbox list", &webhook), 0, &["waits", "Why they were not delivered"]);
}

#[test]
fn messages_that_are_refused_stay_until_they_are_sent_or_dropped() {
    let refusing = refusing();
    let webhook = [("YAGA__WEBHOOK__URL", refusing.as_str())];
    let (state, id) = with_incident(&webhook);
    let run = |arguments: &str| run(state.path(), arguments, &webhook);
    let listing = run("outbox list --json").json();
    let first = &listing["messages"][0];
    assert_eq!((&first["status"], &first["destination"]), (&"dead".into(), &"webhook".into()));
    let total = listing["total"].as_u64().unwrap();
    let message = first["message_id"].as_str().unwrap();
    says(&run("outbox list"), 0, &["given up", "order", "webhook", "Why they were not delivered"]);
    says(&run(&format!("outbox retry {message}")), 0, &["1 message due"]);
    says(&run("outbox list"), 0, &["waits", "next cycle"]);
    says(&run(&format!("outbox drop {message}")), 2, &["this forgets 1 message", "--yes"]);
    says(&run(&format!("outbox drop {message} --yes")), 0, &["1 message forgotten"]);
    let left = run("outbox list --json").json();
    assert_eq!(left["total"].as_u64(), Some(total - 1), "{left}");
    // An end is told, too.
    says(&run(&format!("incidents close {id} --by ann")), 0, &["1 message waits in the outbox"]);
    says(&run("outbox list"), 0, &["resolution"]);
}

#[test]
fn what_cannot_be_meant_is_answered_with_what_could_be() {
    let (state, id) = with_incident(&[]);
    let run = |arguments: &str| run(state.path(), arguments, &[]);
    let near = format!("{}{}", &id[..id.len() - 1], if id.ends_with('0') { '1' } else { '0' });
    says(&run(&format!("incidents show {near}")), 2, &["there is no incident", &id]);
    says(&run("incidents history anomaly_zzz"), 2, &["there is no fingerprint anomaly_zzz"]);
    says(&run(&format!("incidents silence {id} --by ann --for 40d")), 2, &["within 30 days"]);
    says(&run(&format!("incidents silence {id} --by ann --for 2")), 2, &["90s, 45m, 2h or 3d"]);
    says(&run(&format!("incidents silence {id} --by ann")), 2, &["--for"]);
    says(&run(&format!("incidents close {id}")), 2, &["--by"]);
    says(&run("outbox drop x --yes"), 2, &["there is no message x; none is kept"]);
    says(&run("incidents list --all --service order"), 2, &["cannot be used with"]);
}

#[test]
fn a_state_that_cannot_be_used_has_its_own_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let at = |arguments: &str, place: &str| {
        yaga_with(folder.path(), arguments, &[("FINGERPRINT_DB", place)])
    };
    says(&at("incidents list", ""), 2, &["incidents are kept nowhere", "--state"]);
    says(&at("incidents list", "gone.db"), 7, &["there is no file gone.db", "yaga infer"]);
    assert!(!folder.path().join("gone.db").exists(), "looking makes no file");
    std::fs::write(folder.path().join("notes.txt"), "not a database, only words").unwrap();
    says(&at("outbox list", "notes.txt"), 7, &["notes.txt cannot be opened"]);
    let flag = at("incidents list --state s3://x", "gone.db");
    says(&flag, 2, &["--state"]);
}
