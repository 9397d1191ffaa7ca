//! `yaga models` against a folder: what it prints, what it changes, and what it refuses.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::fs;
use std::path::Path;

use common::registry::{
    add_holiday, catalog_path, current_key, failed_key, keys_of, object_path, registry,
};
use common::{Ran, yaga, yaga_with};
use domain::Period;

fn models(folder: &Path, arguments: &str) -> Ran {
    yaga(folder, &format!("models {arguments} --models models"))
}

/// Without what depends on the day of the test, and without digests.
fn timeless(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let line = without_digests(line);
        match line.split_once(" ago)") {
            Some((before, after)) => {
                let start = before.rfind('(').unwrap_or(before.len());
                out += &format!("{}(AGE){after}\n", &before[..start]);
            }
            None => out += &format!("{line}\n"),
        }
    }
    out
}

/// `-0123456789ab.bin` and `SHA-256 0123456789ab` without the digits.
fn without_digests(line: &str) -> String {
    const CHARS: usize = 12;
    let mut line = line.to_owned();
    let ends = line.match_indices(".bin").map(|(at, _)| at);
    let starts = line.match_indices("SHA-256 ").map(|(at, it)| at + it.len() + CHARS);
    let all: Vec<usize> = ends.chain(starts).collect();
    for end in all {
        let digits = end.checked_sub(CHARS).and_then(|start| line.get(start..end));
        if digits.is_some_and(|it| it.bytes().all(|digit| digit.is_ascii_hexdigit())) {
            line.replace_range(end - CHARS..end, "0123456789ab");
        }
    }
    line
}

/// Forgets what was in force before in a service's period.
fn forget_before(folder: &Path, service: &str, period: &str) {
    edit_catalog(folder, |text| {
        let mut catalog: serde_json::Value = serde_json::from_str(&text).unwrap();
        let entry = catalog["services"][service][period].as_object_mut().unwrap();
        entry.remove("previous").unwrap();
        catalog.to_string()
    });
}

fn edit_catalog(folder: &Path, edit: impl FnOnce(String) -> String) {
    let path = catalog_path(folder);
    let text = edit(fs::read_to_string(&path).unwrap());
    fs::write(path, text).unwrap();
}

#[test]
fn an_empty_registry_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let ran = models(folder.path(), "list");
    insta::assert_snapshot!(ran.all());
    assert_eq!(models(folder.path(), "list --json").json()["services"], serde_json::json!([]));
    assert_eq!(models(folder.path(), "show booking night_hours").code, 4);
    assert_eq!(models(folder.path(), "verify").code, 4);
    let ran = yaga_with(folder.path(), "models list", &[("MODELS_DIR", "elsewhere")]);
    assert!(ran.err.contains("no models in elsewhere yet"), "{ran:?}");
}

#[test]
fn the_list_has_every_period_and_its_reason() {
    let folder = registry();
    let ran = models(folder.path(), "list");
    assert_eq!(ran.code, 0, "{ran:?}");
    let lines: Vec<&str> = ran.out.lines().filter(|line| line.contains("→")).collect();
    assert!(lines.iter().any(|line| line.contains("weekend_night")), "{}", ran.out);
    assert!(ran.out.contains("are needed"), "{}", ran.out);
    let json = models(folder.path(), "list --json").json();
    let services = json["services"].as_array().unwrap();
    assert_eq!(services.len(), 2);
    assert!(services.iter().all(|it| it["periods"].as_array().unwrap().len() == 5));
    let only = models(folder.path(), "list --json --service search").json();
    assert_eq!(only["services"].as_array().unwrap().len(), 1);
    assert_eq!(only["services"][0]["periods"][4]["state"], "falls_back");
    assert!(!ran.out.contains('\u{1b}'), "no colour into a pipe");
}

#[test]
fn models_of_a_variant_stand_beside_the_usual_ones() {
    let folder = registry();
    let key = add_holiday(folder.path());
    assert!(key.starts_with("models/v1/booking/night_hours@holiday/"), "{key}");
    let summary = models(folder.path(), "show booking");
    let of_variant = summary.out.lines().filter(|it| it.contains("@holiday")).count();
    assert_eq!(of_variant, 5, "{}", summary.out);
    assert!(summary.out.contains("→ night_hours@holiday"), "{}", summary.out);
    let list = models(folder.path(), "list --service booking");
    let lines: Vec<&str> = list.out.lines().filter(|it| it.contains("@holiday")).collect();
    assert_eq!(lines.len(), 5, "{}", list.out);
    assert!(lines[2].contains("in force"), "{}", list.out);
    assert!(lines[0].contains("→ night_hours@holiday"), "{}", list.out);
    let shown = models(folder.path(), "show booking night_hours@holiday");
    assert!(shown.out.starts_with("booking night_hours@holiday  in force"), "{shown:?}");
    let json = models(folder.path(), "show booking night_hours@holiday --json").json();
    assert_eq!(json["slot"], "night_hours@holiday");
    assert!(models(folder.path(), "verify").out.contains("sound"));
    let promoted = models(folder.path(), &format!("promote {key} --force"));
    assert!(promoted.out.contains("was in force already"), "{promoted:?}");
    let back = models(folder.path(), "rollback booking night_hours@holiday");
    assert!(back.err.contains("no earlier model for night_hours@holiday"), "{back:?}");
    let wrong = models(folder.path(), "show booking nigth_hours@holiday");
    assert!(wrong.err.contains("night_hours"), "{wrong:?}");
    assert!(
        models(folder.path(), "show booking night_hours@Big").err.contains("\"Big\" is no name")
    );
}

#[test]
fn show_explains_a_model() {
    let folder = registry();
    let ran = models(folder.path(), "show booking business_hours");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.lines().all(|line| line.chars().count() <= 100), "{}", ran.out);
    insta::assert_snapshot!(timeless(&ran.out));
}

#[test]
fn show_sums_up_a_service_and_finds_stored_models() {
    let folder = registry();
    let ran = models(folder.path(), "show search");
    insta::assert_snapshot!(ran.all());
    let key = failed_key(folder.path());
    let stored = models(folder.path(), &format!("show --key {key}"));
    assert!(stored.out.contains("stored, not in force"), "{stored:?}");
    let with_place = models(folder.path(), &format!("show --key models/{key} --json"));
    assert_eq!(with_place.json()["standing"], "stored");
    let json = models(folder.path(), "show booking night_hours --json").json();
    assert_eq!(
        (&json["standing"], &json["card"]["period"]),
        (&"in_force".into(), &"night_hours".into())
    );
    let ran = models(folder.path(), &format!("show search night_hours --key {key}"));
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("is the model of booking business_hours"), "{ran:?}");
}

#[test]
fn flagged_zones_are_what_the_curve_says() {
    let folder = registry();
    let json = models(folder.path(), "show booking business_hours --json").json();
    let zones = json["flagged"][0]["zones"].as_array().unwrap();
    let (low, high) = (&zones[0]["up_to"], &zones[zones.len() - 1]["above"]);
    let (low, high) = (low.as_f64().unwrap(), high.as_f64().unwrap());
    let curve = json["card"]["metrics"][0]["forest"]["curve"].as_array().unwrap();
    assert!(low < high && !curve.is_empty());
    let inside = |value: f64| {
        zones.iter().any(|zone| {
            zone["above"].as_f64().is_none_or(|above| value > above)
                && zone["up_to"].as_f64().is_none_or(|up_to| value <= up_to)
        })
    };
    for point in curve {
        let (value, decision) = (point[0].as_f64().unwrap(), point[1].as_f64().unwrap());
        assert_eq!(inside(value), decision < 0.0, "{value} has {decision}");
    }
}

#[test]
fn what_is_not_there_is_answered_with_what_is() {
    let folder = registry();
    forget_before(folder.path(), "search", "night_hours");
    let texts = [
        "show bokking",
        "show payment",
        "show search weekend_night",
        "show booking nigth_hours",
        "diff search night_hours",
        "rollback search night_hours",
        "rollback search",
        "promote models/v1/booking/night_hours/20260302T020000Z-000000000000.bin",
        "promote ../../etc/passwd",
        "list --service bokking",
    ]
    .map(|arguments| format!("$ {arguments}\n{}", models(folder.path(), arguments).all()));
    insta::assert_snapshot!(timeless(&texts.join("\n")));
}

#[test]
fn damage_is_found_and_named() {
    let folder = registry();
    let folder = folder.path();
    assert_eq!(models(folder, "verify").code, 0);
    let damage = |service: &str, period: &str, change: &dyn Fn(Vec<u8>) -> Vec<u8>| {
        let path = object_path(folder, &current_key(folder, service, period));
        let bytes = fs::read(&path).unwrap();
        fs::write(path, change(bytes)).unwrap();
    };
    damage("booking", "business_hours", &|bytes| bytes[..40].to_vec());
    damage("booking", "evening_hours", &|mut bytes| {
        bytes[1000] ^= 4;
        bytes
    });
    damage("booking", "night_hours", &|_| b"PK some other file".to_vec());
    let key = current_key(folder, "booking", "weekend_day");
    fs::remove_file(object_path(folder, &key)).unwrap();
    // A sound model of somebody else, and a card that is gone.
    let foreign = fs::read(object_path(folder, &current_key(folder, "search", "night_hours")));
    damage("booking", "weekend_night", &|_| foreign.as_ref().unwrap().clone());
    let card = current_key(folder, "search", "night_hours").replace(".bin", ".json");
    fs::remove_file(object_path(folder, &card)).unwrap();
    let card = current_key(folder, "search", "evening_hours").replace(".bin", ".json");
    let path = object_path(folder, &card);
    let text = fs::read_to_string(&path).unwrap().replace("\"search\"", "\"serach\"");
    fs::write(&path, text).unwrap();
    let ran = models(folder, "verify");
    assert_eq!(ran.code, 1);
    let problems: Vec<&str> =
        ran.out.lines().map(|line| line.split("begins with").next().unwrap()).collect();
    insta::assert_snapshot!(timeless(&problems.join("\n")));
    let json = models(folder, "verify --json").json();
    assert_eq!(json["problems"].as_array().unwrap().len(), 7);
    for (period, words) in [
        ("business_hours", "truncated"),
        ("evening_hours", "checksum"),
        ("night_hours", "some other file"),
        ("weekend_day", "holds no object"),
        ("weekend_night", "not the object that the catalog names"),
    ] {
        let ran = models(folder, &format!("show booking {period}"));
        assert_eq!(ran.code, 5, "{ran:?}");
        assert!(ran.err.contains(words), "{ran:?}");
    }
}

#[test]
fn a_sound_model_in_the_wrong_place_is_a_problem() {
    let folder = registry();
    edit_catalog(folder.path(), |text| {
        let mut catalog: serde_json::Value = serde_json::from_str(&text).unwrap();
        let foreign = catalog["services"]["search"]["night_hours"]["current"].clone();
        catalog["services"]["booking"]["business_hours"]["current"] = foreign;
        catalog.to_string()
    });
    let json = models(folder.path(), "verify --service booking --json").json();
    let problems = json["problems"].as_array().unwrap().iter();
    let texts: Vec<&str> = problems.map(|it| it["problem"].as_str().unwrap()).collect();
    assert_eq!(
        texts,
        [
            "it is the model of search night_hours",
            "its key is not made of its service, period, time and digest"
        ]
    );
}

#[test]
fn a_catalog_that_cannot_be_read_stops_everything() {
    let folder = registry();
    edit_catalog(folder.path(), |text| text[..text.len() / 2].to_owned());
    for command in ["list", "show booking", "verify", "rollback booking --all"] {
        let ran = models(folder.path(), command);
        assert_eq!(ran.code, 5, "{ran:?}");
        assert!(ran.err.contains("catalog.json: the catalog cannot be read: EOF"), "{ran:?}");
    }
    edit_catalog(folder.path(), |_| "{\"version\": 7}".to_owned());
    let ran = models(folder.path(), "list");
    assert!(ran.err.contains("version 7; this yaga reads versions 1 to 2"), "{ran:?}");
}

#[test]
fn diff_shows_what_changed() {
    let folder = registry();
    let ran = models(folder.path(), "diff booking night_hours");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.lines().all(|line| line.chars().count() <= 100), "{}", ran.out);
    insta::assert_snapshot!(timeless(&ran.out));
    let keys = keys_of(folder.path(), "booking", Period::NightHours);
    let same = format!("diff booking night_hours --from {0} --to {0}", keys[0]);
    assert!(models(folder.path(), &same).out.contains("No large change."));
    let wrong = format!("diff booking weekend_day --from {0}", keys[0]);
    assert_eq!(models(folder.path(), &wrong).code, 2);
}

#[test]
fn rolling_back_twice_is_nothing() {
    let folder = registry();
    let folder = folder.path();
    let before = current_key(folder, "booking", "night_hours");
    let ran = models(folder, "rollback booking night_hours");
    assert_eq!(ran.code, 0, "{ran:?}");
    let after = current_key(folder, "booking", "night_hours");
    assert_ne!(before, after);
    assert!(ran.out.contains(&after) && ran.out.contains(&before), "{ran:?}");
    models(folder, "rollback booking night_hours");
    assert_eq!(current_key(folder, "booking", "night_hours"), before);
    forget_before(folder, "booking", "evening_hours");
    let all = models(folder, "rollback booking --all --json");
    assert_eq!(all.code, 1, "one period has nothing to go back to");
    assert!(all.json().as_array().unwrap().len() >= 2, "{all:?}");
    assert_ne!(current_key(folder, "booking", "night_hours"), before);
}

#[test]
fn a_damaged_model_does_not_come_into_force() {
    let folder = registry();
    let folder = folder.path();
    let now = current_key(folder, "booking", "night_hours");
    let keys = keys_of(folder, "booking", Period::NightHours);
    let before = keys.iter().find(|key| **key != now).unwrap();
    fs::write(object_path(folder, before), b"YAGAMODL").unwrap();
    for command in ["rollback booking night_hours".to_owned(), format!("promote {before}")] {
        let ran = models(folder, &command);
        assert_eq!(ran.code, 5, "{ran:?}");
        assert!(ran.err.contains("truncated"), "{ran:?}");
    }
    assert_eq!(current_key(folder, "booking", "night_hours"), now);
}

#[test]
fn promotion_needs_a_passed_gate_or_force() {
    let folder = registry();
    let folder = folder.path();
    let key = failed_key(folder);
    let now = current_key(folder, "booking", "business_hours");
    let refused = models(folder, &format!("promote {key}"));
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("did not pass its gate"), "{refused:?}");
    assert_eq!(current_key(folder, "booking", "business_hours"), now);
    let forced = models(folder, &format!("promote {key} --force"));
    assert_eq!(forced.code, 0, "{forced:?}");
    assert!(forced.out.contains(&now), "it says what it replaced: {forced:?}");
    assert_eq!(current_key(folder, "booking", "business_hours"), key);
    let again = models(folder, &format!("promote {key} --force --json"));
    assert_eq!(again.json()["changed"], false);
    models(folder, "rollback booking business_hours");
    assert_eq!(current_key(folder, "booking", "business_hours"), now);
}

#[test]
fn a_foreign_or_moved_file_is_not_promoted() {
    let folder = registry();
    let folder = folder.path();
    let foreign = "models/v1/booking/night_hours/foreign.bin";
    fs::write(object_path(folder, foreign), "not a model, but long enough to be one").unwrap();
    let ran = models(folder, &format!("promote {foreign} --force"));
    assert_eq!(ran.code, 5);
    assert!(ran.err.contains("it is some other file"), "{ran:?}");
    let moved = "models/v1/search/night_hours/20260302T020000Z-000000000000.bin";
    let key = current_key(folder, "booking", "night_hours");
    fs::copy(object_path(folder, &key), object_path(folder, moved)).unwrap();
    let ran = models(folder, &format!("promote {moved} --force"));
    assert_eq!(ran.code, 5);
    assert!(ran.err.contains("it was moved or renamed"), "{ran:?}");
}

#[test]
fn a_location_that_is_none_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let ran = yaga(folder.path(), "models list --models ftp://models");
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("--models"), "{ran:?}");
}
