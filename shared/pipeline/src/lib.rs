//! The use cases of yaga: learn from metrics, and say what is wrong now.
//!
//! - [`ports`]: what the use cases need from the outside, as traits

pub mod ports;
