//! Isolation forest (Liu, Ting and Zhou, "Isolation Forest", ICDM 2008).
//!
//! A row is anomalous if random splits isolate it quickly. The crate knows tables of numbers and
//! nothing of services, metrics or files. Reading order:
//!
//! - `params`: [`ForestParams`] -> [`ValidParams`]; only valid parameters can fit.
//! - `table`: [`Table`], rows of finite `f32`; the one place where `f64` is cast.
//! - `rng`: a portable stream of random numbers per tree, and subsampling.
//! - `node`: the 8-byte node; `grow`: one tree from one subsample.
//! - `forest`: [`Forest`], fit and score one row; `batch`: score many rows.
//! - `path_length`: c(n), [`PathLength`] in fixed point, [`ScoreScale`] to the anomaly score.
//! - `step`: [`StepFunction`], the exact collapse of a forest with one feature.
//! - `attribution`: credit of each feature for one row's score.
//! - `stored`: [`StoredForest`], the compact form; every inconsistency is an error.
//!
//! Three invariants hold throughout. The same parameters and table give the same bytes on any
//! number of threads and on any processor. Scoring is total: every input, NaN included, has an
//! answer. A loaded forest has been validated, so the walk over its nodes always ends.
//!
//! ```
//! use forest::{Forest, ForestParams, Table};
//!
//! let params = ForestParams { trees: 100, subsample: 256, seed: 42 }.validate()?;
//! let column: Vec<f32> = (0..1000).map(|i| i as f32).collect();
//! let forest = Forest::fit(&params, &Table::from_columns(&[column])?)?;
//! assert!(forest.anomaly_score(&[5000.0]) > forest.anomaly_score(&[500.0]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod attribution;
mod batch;
mod forest;
mod grow;
mod node;
mod params;
mod path_length;
mod rng;
mod step;
mod stored;
mod table;

pub use forest::{FitError, Forest};
pub use params::{
    ForestParams, NODES_MAX, ParamsError, SUBSAMPLE_MAX, SUBSAMPLE_MIN, TREES_MAX, ValidParams,
};
pub use path_length::{PathLength, ScoreScale, average_path_length};
pub use step::{Step, StepFunction};
pub use stored::{StoredError, StoredForest, StoredSteps};
pub use table::{Cast, FEATURES_MAX, Table, TableError};
