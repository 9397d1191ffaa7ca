//! Robust statistics of numbers in slices. The crate knows no services, no clock and no files.
//!
//! - `quantile`: quantiles of type 7 (as numpy), median, percentile rank, interpolation.
//! - `robust`: MAD, trimmed mean, IQR sigma, and [`Summary`], all of them for one metric.
//! - `moments`: [`Moments`], mean and variance by Welford's method.
//! - `correlation`: lag-1 autocorrelation, effective sample size, Pearson's r and its matrix.
//! - `matrix`: [`SquareMatrix`], Cholesky factor and inverse of small positive definite matrices.
//! - `covariance`: sample covariance and its Ledoit-Wolf shrinkage.
//! - `mahalanobis`: [`Gaussian`], the distance of a row from a mean under a covariance.
//! - `binomial`: the upper tail of the binomial distribution, for tests of small counts.
//! - `knee`: where a sorted score curve bends, inside a window of ranks.
//!
//! Invariant: every function is total. Where there is no answer (no values, no variance) it gives
//! `None`. Values are expected to be finite; with NaN among them a result is a number or NaN, but
//! never a panic. Sums run in the order of the slice, so equal input gives equal bits.

mod binomial;
mod correlation;
mod covariance;
mod knee;
mod mahalanobis;
mod matrix;
mod moments;
mod quantile;
mod robust;

pub use binomial::binomial_upper_tail;
pub use correlation::{autocorrelation_lag1, correlation_matrix, effective_sample_size, pearson};
pub use covariance::{Shrunk, ledoit_wolf, sample_covariance};
pub use knee::{RankWindow, gap, knee};
pub use mahalanobis::{Gaussian, GaussianError};
pub use matrix::{NotSquare, SquareMatrix};
pub use moments::Moments;
pub use quantile::{
    interpolate, median, median_in_place, percentile_rank, quantile, quantile_in_place,
    quantile_sorted, sort,
};
pub use robust::{
    IQR_PER_SIGMA, MAD_TO_SIGMA, Summary, iqr, iqr_sigma, mad, mad_sigma, trimmed_mean,
};
