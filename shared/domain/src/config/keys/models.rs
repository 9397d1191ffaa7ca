//! Keys of the models and of their training.

use super::Key;
use crate::config::shape::{Form, Shape, integer, number};

const CONTAMINATION: Shape = number(0.001, 0.5);

const fn contamination(path: &'static str, default: &'static str) -> Key {
    Key::live(path, CONTAMINATION, default).range_code("SVC003")
}

pub(super) const KEYS: &[Key] = &[
    Key::live("model.models_directory", Shape::Text(Form::ModelsDirectory), "\"./yaga_models\"")
        .variable("MODELS_DIR")
        .about("Where models are stored."),
    Key::live("model.min_training_samples", integer(32, 1_000_000), "500")
        .unit("rows")
        .about("Rows below which a metric gets no forest."),
    Key::live("model.min_multivariate_samples", integer(32, 1_000_000), "1000")
        .unit("rows")
        .about("Rows below which a period gets no forest over all metrics."),
    contamination("model.default_contamination", "0.05")
        .about("Expected share of anomalies where no category says otherwise."),
    contamination("model.contamination_by_category.critical", "0.03")
        .about("Expected share of anomalies; lower means fewer flags."),
    contamination("model.contamination_by_category.core", "0.04").about("The same for `core`."),
    contamination("model.contamination_by_category.standard", "0.05")
        .about("The same for `standard`."),
    contamination("model.contamination_by_category.admin", "0.06").about("The same for `admin`."),
    contamination("model.contamination_by_category.micro", "0.08").about("The same for `micro`."),
    contamination("model.contamination_by_category.background", "0.08")
        .about("The same for `background`."),
    contamination("model.contamination_by_category.*", "")
        .about("The same for a category of your own."),
    contamination("model.contamination_by_service.*", "")
        .about("The share of one service. It is final: nothing is estimated."),
    Key::live("model.default_n_estimators", integer(10, 500), "200")
        .about("Trees of a forest over one metric."),
    Key::live("model.multivariate_n_estimators", integer(10, 500), "300")
        .about("Trees of the forest over all metrics."),
    Key::live("model.subsample", integer(16, 1_024), "256")
        .unit("rows")
        .about("Rows that each tree sees."),
    Key::live("model.random_state", integer(0, i64::MAX), "42")
        .about("Seed of everything random in training."),
    Key::moot("model.n_estimators_by_complexity", Shape::Object, "")
        .about("All forests are of one size; see `model.default_n_estimators`."),
    Key::moot("model.multivariate_features", Shape::List(&Shape::Text(Form::NotEmpty)), "")
        .about("The forest of all metrics uses each one that has a forest."),
    Key::live("training.lookback_days", integer(1, 365), "30")
        .unit("days")
        .about("How much history a model learns from."),
    Key::live("training.min_data_points", integer(1, 1_000_000), "2000")
        .unit("rows")
        .about("Rows of five minutes below which a service is not trained."),
    Key::live("training.validation_fraction", number(0.05, 0.5), "0.2")
        .range_code("TRN001")
        .about("Share of the newest rows that are held out to set thresholds."),
    Key::live(
        "training.contamination_estimation.method",
        Shape::Word(&["knee", "gap"]),
        "\"knee\"",
    )
    .about("How the share of anomalies is estimated from scores."),
    Key::live("training.contamination_estimation.min_samples", integer(10, 1_000_000), "100")
        .unit("rows")
        .about("Rows below which nothing is estimated."),
    Key::live("training.contamination_estimation.fallback", CONTAMINATION, "0.05")
        .range_code("SVC003")
        .about("The share that is taken where nothing is estimated."),
    Key::live("training.threshold_calibration.enabled", Shape::Boolean, "true")
        .about("Whether severity thresholds come from held-out rows."),
    Key::live("training.threshold_calibration.percentiles.critical", PERCENT, "0.1")
        .unit("%")
        .about("Share of held-out rows at or below the critical threshold."),
    Key::live("training.threshold_calibration.percentiles.high", PERCENT, "1")
        .unit("%")
        .about("The same for high; above critical."),
    Key::live("training.threshold_calibration.percentiles.medium", PERCENT, "5")
        .unit("%")
        .about("The same for medium; above high."),
    Key::live("training.threshold_calibration.percentiles.low", PERCENT, "10")
        .unit("%")
        .about("The same for low; above medium."),
    Key::live("training.excluded_periods[].start", Shape::Text(Form::Moment), "")
        .required()
        .about("First moment that training leaves out."),
    Key::live("training.excluded_periods[].end", Shape::Text(Form::Moment), "")
        .required()
        .about("Last moment that training leaves out. A date means the end of that day."),
    Key::live("training.excluded_periods[].service", Shape::Text(Form::Service), "")
        .about("The only service that it concerns; without it, all."),
    Key::live("training.excluded_periods[].reason", Shape::Text(Form::Free), "")
        .about("Why, for people."),
    Key::live(
        "training.excluded_periods[].model_variant",
        Shape::Text(Form::Variant),
        "\"holiday\"",
    )
    .about(
        "Models that learn from the excluded days instead and serve in them; \"none\": no models.",
    ),
    Key::moot("training.step", Shape::Text(Form::Duration), "")
        .about("Rows are five minutes long and cycles two, in training and in service."),
    Key::moot("training.drift_detection.enabled", Shape::Boolean, "false")
        .about("What drift is measured against is always stored; see `inference.check_drift`."),
    Key::live("training.drift_detection.z_score_warning", number(0.0, 100.0), "3")
        .unit("standard deviations")
        .about("Distance from training beyond which a metric has drifted."),
    Key::live("training.drift_detection.z_score_critical", number(0.0, 100.0), "5")
        .unit("standard deviations")
        .about(
            "Distance beyond which it costs more confidence and, after a day, asks for training.",
        ),
    Key::live("training.model_variants.train_baseline", Shape::Boolean, "true")
        .about("Whether the usual models are trained."),
    Key::live("training.model_variants.train_holiday", Shape::Boolean, "true")
        .about("Whether models of excluded days are trained, whatever their variant is called."),
    Key::live("training.model_variants.min_excluded_days_for_variant", integer(1, 365), "7")
        .unit("days")
        .about("Excluded days of a variant within the look-back, below which it has no models."),
    Key::moot("training.model_variants.holiday_data_weight", number(0.0, 1.0), "0.3").about(
        "Excluded days have no weight in the usual models, and full weight in their variant's.",
    ),
];

const PERCENT: Shape = number(0.0, 100.0);
