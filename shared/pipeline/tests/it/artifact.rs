//! Stored bytes that are damaged behind a right checksum: an error or a usable model, no panic.

use artifact::{codec, envelope};
use detect::features::{Feature, Features};
use detect::rows::Observation;
use detect::score::{ScoreSettings, assess};
use domain::Period;

use crate::fleet::{Fleet, names};

/// A few thousand damages, spread over the whole body by a fixed rule.
const DAMAGES: usize = 1500;

#[tokio::test]
async fn a_damaged_body_is_an_error_or_a_usable_model() {
    let (fleet, memory) = Fleet::trained_on_memory();
    let catalog = fleet.registry.catalog().await.unwrap().catalog;
    let key = &catalog.route(&names()[0], Period::BusinessHours).unwrap().model.key;
    let artifact = memory.snapshot()[key].clone();
    let body = envelope::open(&artifact).unwrap();
    let (mut refused, mut usable) = (0, 0);
    for damage in 0..DAMAGES {
        let mut damaged = body.to_vec();
        // The front holds names and lengths, where damage does most; the rest is trees.
        let at = if damage % 2 == 0 { damage } else { damage * 7919 } % damaged.len();
        damaged[at] ^= 1 << (damage % 8);
        match codec::decode(&envelope::seal(&damaged)) {
            Err(_) => refused += 1,
            Ok(model) => {
                usable += 1;
                let metrics = &fleet.config.metrics;
                let settings = ScoreSettings {
                    metrics,
                    detection: &fleet.config.detection,
                    is_fallback: false,
                };
                let feature =
                    |name: &str| Feature { name: name.to_owned(), value: 1e9, usual: f64::NAN };
                let each = metrics.iter().map(|metric| feature(&metric.name)).collect();
                let features = Features { each };
                let observation = Observation {
                    at_s: 0,
                    values: vec![Some(1e9); metrics.len()],
                    requests: Some(1e9),
                };
                assess(&model, &observation, &features, &settings);
            }
        }
    }
    assert!(refused > 100 && usable > 100, "{refused} refused, {usable} usable");
}

#[tokio::test]
async fn what_is_decoded_is_what_was_encoded() {
    let (fleet, memory) = Fleet::trained_on_memory();
    for (key, bytes) in memory.snapshot().iter().filter(|(key, _)| key.ends_with(".bin")) {
        let model = codec::decode(bytes).unwrap();
        assert_eq!(&codec::encode(&model).unwrap(), bytes, "{key}");
    }
    let extra = [&memory.snapshot()[artifact::key::CATALOG][..], b"x"].concat();
    assert!(codec::decode(&extra).is_err());
    assert!(fleet.registry.catalog().await.is_ok());
}
