//! Detection on metrics that nobody has described: any number, any names, any unit.
//!
//! The daily shape is taken away (`profile`), the rest is compared with the median of the recent
//! past over three spans (`recent`), in units of the metric's scatter at that time of day
//! (`scale`) and of what it does on a quiet day (`unit`). The mean over the spans, then over
//! the three loudest metrics, is the service's score; it alarms at once above [`THETA`].
//!
//! - `grid`: samples of all metrics on one clock, gaps filled with the last value.
//! - `fit`: a service's history gives a [`GenericModel`], its metrics in `model`.
//! - `score`: a model and a window give scores; what alarmed is `evidence`, in words in
//!   `explain`.
//! - `episode`: alarms that are close to one another are one incident.
//!
//! Invariant: a score depends on the samples of the last [`GenericModel::lookback_s`] seconds
//! only, so a window and a replay of a year give the same bits. Every function is total: what is
//! no usable number is missing, and a model that cannot judge is silent and says why.

mod alarm;
mod evidence;
mod explain;
mod features;
mod fit;
mod grid;
mod model;
mod profile;
mod recent;
mod scale;
mod score;
mod sliding;
#[cfg(test)]
mod testing;
mod unit;

pub use alarm::severity;
pub use evidence::{GenericEvidence, MetricEvidence, Note, Side};
pub use explain::explain;
pub use features::moves;
pub use grid::Samples;
pub use model::{GenericMetric, GenericModel, LeftOut, Reason, Silence};
pub use recent::SPANS_S;
pub use score::{SampleScore, score_series, score_window};

/// Score above which a service is in alarm.
pub const THETA: f64 = 2.2;

/// Seconds of a day: the only period that is modelled.
const DAY_S: i64 = 86_400;
