//! Training and scoring of one service in one period of the week. Pure: no clock, no I/O.
//!
//! Training reads top-down in [`fit`]: rows of the period, split in time, [`transform`],
//! univariate forests with their [`contamination`] and [`calibrate`], the forest of all metrics,
//! the [`drift_baseline`], and the [`gate`] that decides whether the model may be put in force.
//!
//! Scoring reads top-down in [`score`]: an [`rows::Observation`] and a [`model::PeriodModel`]
//! give an [`score::Assessment`]; [`evidence`] gives [`evidence::Evidence`].
//!
//! [`anomaly`] turns both into words: which metrics are [`involved`], what they do together
//! ([`pattern`]), how bad ([`severity`]) and how sure ([`confidence`]) it is, since when
//! ([`trend`]), what it rests on ([`contribution`]), what it means ([`impact`]) and what to do
//! ([`recommend`]). [`drift`] tells whether the model still knows the service.
//!
//! [`rows`] and [`sanitize`] come before both: training and service average and bound their
//! values with the same functions.

pub mod anomaly;
pub mod budget;
pub mod calibrate;
pub mod confidence;
pub mod contamination;
pub mod contribution;
pub mod drift;
pub mod drift_baseline;
pub mod evidence;
pub mod exclusion;
pub mod explain;
mod fault;
pub mod features;
pub mod fit;
pub mod gate;
pub mod generic;
pub mod impact;
pub mod involved;
pub mod model;
mod multivariate;
pub mod pattern;
pub mod prior;
pub mod quality;
pub mod recipe;
pub mod recommend;
pub mod residual;
pub mod rows;
pub mod sanitize;
pub mod score;
pub mod seed;
pub mod severity;
pub mod stationarity;
pub mod statistics;
#[cfg(test)]
mod testing;
pub mod transform;
pub mod trend;
pub mod trial;
pub mod univariate;
mod words;
