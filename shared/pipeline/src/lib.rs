//! The use cases of yaga: learn from metrics, and say what is wrong now.
//!
//! - [`ports`]: what the use cases need from the outside, as traits
//! - [`registry`]: models and the catalog on top of an object store
//! - [`train`]: history -> models in the registry -> catalog
//! - [`infer`]: gather, decide, act: one cycle
//!
//! Everything is asynchronous over the ports and knows neither a runtime nor a network. Deciding
//! is pure: what was gathered can be decided again to the same bytes.

pub mod infer;
pub mod ports;
pub mod registry;
pub mod train;
