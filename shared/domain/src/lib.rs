//! The words of yaga, and the rules that hold for each of them.
//!
//! - [`service`]: the name of a service and the category it belongs to
//! - [`metric`]: what a metric is: its kind, its unit, which direction is bad
//! - [`period`]: the five periods of the week, and the calendar that maps an instant to one
//! - [`series`]: the samples of one metric of one service
//! - [`slot`]: where a model belongs: its period, and the variant of unusual days
//! - [`severity`]: the ordered scale used everywhere
//! - [`config`]: the configuration document, checked as a whole before anything runs
//! - [`limits`]: every bound of the system that is not a setting
//!
//! Nothing here does I/O or asks for the time. This is the only crate that knows time zones.

pub mod config;
pub mod limits;
pub mod metric;
pub mod period;
pub mod series;
pub mod service;
pub mod severity;
pub mod slot;

pub use metric::{BadDirection, MetricDefinition, MetricKind, MetricSet, MetricSetError};
pub use period::{Calendar, Period};
pub use series::Series;
pub use service::{Category, ServiceName};
pub use severity::Severity;
pub use slot::{Slot, Variant};
