//! Training and scoring of one service in one period of the week. Pure: no clock, no I/O.
//!
//! Training reads top-down in [`fit`]: rows of the period, split in time, [`transform`],
//! univariate forests with their [`contamination`] and [`calibrate`], the forest of all metrics,
//! the [`drift_baseline`], and the [`gate`] that decides whether the model may be put in force.
//!
//! Scoring reads top-down in [`score`]: an [`rows::Observation`] and a [`model::PeriodModel`]
//! give an [`score::Assessment`], which [`anomaly`] names and explains.
//!
//! [`rows`] and [`sanitize`] come before both: training and service average and bound their
//! values with the same functions.

pub mod anomaly;
pub mod budget;
pub mod calibrate;
pub mod contamination;
pub mod drift_baseline;
pub mod evidence;
pub mod explain;
pub mod fit;
pub mod gate;
pub mod generic;
pub mod model;
mod multivariate;
pub mod quality;
pub mod residual;
pub mod rows;
pub mod sanitize;
pub mod score;
pub mod seed;
pub mod statistics;
#[cfg(test)]
mod testing;
pub mod transform;
pub mod univariate;
