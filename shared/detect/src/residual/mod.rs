//! Is this service unlike itself? Seasonal residuals, two of three cycles, tail rates, call graph.
//!
//! Training reads top-down in [`fit`]: the [`season`] of each metric (levels that [`shift`]ed and
//! stayed are followed), the [`noise`] around it, the
//! recent [`level`], and how often each statistic goes how far by itself, the [`tail`]. Tails of
//! all services' same metric are put together before models are made ([`tail::TailPool`]).
//!
//! Scoring reads top-down in [`score`]: cycles become [`residuals`], these become z values
//! ([`standard`]), [`statistic`]s of the last cycles, and a score: minus log10 of how often per
//! week the series does so by itself. [`effect`] holds back what is unusual and does not matter;
//! where requests are few, an hour of them is [`pooled`];
//! [`explain`] puts the rest in words, [`band`] says where it would be if all were as usual.
//!
//! Across cycles, [`episode`] opens and ends; across services, [`root`] follows the call graph to
//! where trouble starts.
//!
//! Times are epoch seconds; a cycle bears the time of its end, a multiple of its length. A missing
//! value is NaN and is skipped, never zero. Equal input gives equal bits, whether one cycle is
//! scored or a month is replayed.

pub mod band;
pub mod cause;
pub mod effect;
pub mod episode;
pub mod explain;
pub mod fit;
pub mod level;
pub mod model;
pub mod noise;
pub mod pooled;
pub mod residuals;
pub mod root;
pub mod score;
pub mod season;
pub mod shift;
pub mod standard;
pub mod statistic;
pub mod symptom;
pub mod tail;
#[cfg(test)]
pub(crate) mod testing;
pub mod transform;

pub use band::{ExpectedBand, bands};
pub use cause::{Cause, find_cause};
pub use effect::Effect;
pub use episode::{Change, Episode, EpisodeRule};
pub use explain::explain;
pub use fit::{FitError, ServiceFit, fit_service};
pub use model::{ResidualModel, SeriesModel, Side};
pub use residuals::Residuals;
pub use root::{CallGraph, Root, find_root};
pub use score::{SeriesEvidence, ServiceEvidence, replay, score_at, score_window};
pub use statistic::Statistic;
pub use symptom::{RecentSymptoms, Symptom, SymptomScores};
pub use tail::TailPool;
