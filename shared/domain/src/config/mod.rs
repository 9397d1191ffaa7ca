//! The configuration document, checked as a whole before anything runs.
//!
//! A document is JSON. [`load`] reads it together with the environment's overrides and yields a
//! [`Config`] in which every value is present and in range, or all problems at once, each with the
//! path of its key. Nothing is ever ignored silently: an unknown key is an error that names the
//! nearest known one, a key that a later version will use is a warning.

pub mod valid;

pub use valid::Config;
