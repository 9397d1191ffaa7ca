//! Every bound of the system that is not a setting.

/// Characters of a service name.
pub const SERVICE_NAME_CHARS_MAX: usize = 100;
/// Characters of a metric name.
pub const METRIC_NAME_CHARS_MAX: usize = 100;
/// Metrics per service: the width of a multivariate model.
pub const METRICS_PER_SERVICE_MAX: usize = 64;
/// Services of one configuration.
pub const SERVICES_MAX: usize = 5_000;
/// Services that one training batch holds in memory.
pub const TRAINING_BATCH_SERVICES_MAX: usize = 50;
/// Bytes of one stored artifact that are read at most.
pub const ARTIFACT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Bytes of the catalog that are read at most.
pub const CATALOG_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of one answer of the metric source that are read at most.
pub const METRIC_RESPONSE_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Attempts to swap the catalog before a writer gives up.
pub const CATALOG_SWAP_ATTEMPTS_MAX: u32 = 12;
/// Characters of a collection error that are kept in a payload.
pub const COLLECTION_ERROR_CHARS_MAX: usize = 200;

/// The inference cycle of the default schedule, in seconds.
pub const CYCLE_S: i64 = 120;
/// The averaging window of a forest's features, in seconds.
pub const FEATURE_WINDOW_S: i64 = 300;
