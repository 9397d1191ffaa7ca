//! One file per sub-command: its arguments, and `run`.

pub mod backtest;
pub mod config;
pub mod demo;
pub mod forest;
pub mod incidents;
pub mod infer;
mod known_incidents;
pub mod models;
pub mod outbox;
pub mod period;
pub mod simulate;
pub mod slo;
pub mod state;
pub mod train;
