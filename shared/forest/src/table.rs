//! Rows of finite numbers, the input of a fit and of batch scoring.
//!
//! Values are `f32` in row-major order: a subsample gathers whole rows, one cache line each.
//! Invariant: every value is finite, and the number of values is rows times features.

use std::{error, fmt};

/// Most features of a table: a node keeps the feature in 8 bits.
pub const FEATURES_MAX: usize = 255;
/// Most rows of a table: a row index has 32 bits.
const ROWS_MAX: usize = u32::MAX as usize - 1;

/// A matrix of `rows()` by `features()` finite `f32`.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    values: Vec<f32>,
    features: usize,
}

impl Table {
    /// Takes values in row-major order, `features` values a row. No rows at all are allowed.
    ///
    /// # Errors
    /// [`TableError`] if the shape is wrong or a value is not finite.
    pub fn from_values(values: Vec<f32>, features: usize) -> Result<Self, TableError> {
        if !(1..=FEATURES_MAX).contains(&features) {
            return Err(TableError::Features(features));
        }
        let rows = values.len() / features;
        if !values.len().is_multiple_of(features) {
            return Err(TableError::Ragged { at: rows, expected: features });
        }
        if rows > ROWS_MAX {
            return Err(TableError::TooManyRows(rows));
        }
        match values.iter().position(|value| !value.is_finite()) {
            Some(at) => Err(TableError::NotFinite { row: at / features, feature: at % features }),
            None => Ok(Self { values, features }),
        }
    }

    /// Takes one slice a row, `features` values each, `f32` or `f64`.
    ///
    /// # Errors
    /// [`TableError`] as for [`Table::from_values`]. An `f64` beyond the range of `f32` counts as
    /// not finite.
    pub fn from_rows<R, V>(rows: &[R], features: usize) -> Result<Self, TableError>
    where
        R: AsRef<[V]>,
        V: Copy + Cast,
    {
        let mut values = Vec::with_capacity(rows.len() * features);
        for (at, row) in rows.iter().enumerate() {
            if row.as_ref().len() != features {
                return Err(TableError::Ragged { at, expected: features });
            }
            values.extend(row.as_ref().iter().map(|value| value.cast()));
        }
        Self::from_values(values, features)
    }

    /// Takes one slice a feature, all of equal length, `f32` or `f64`.
    ///
    /// # Errors
    /// [`TableError`] as for [`Table::from_rows`]; `Ragged.at` is then the column.
    pub fn from_columns<C, V>(columns: &[C]) -> Result<Self, TableError>
    where
        C: AsRef<[V]>,
        V: Copy + Cast,
    {
        let rows = columns.first().map_or(0, |column| column.as_ref().len());
        if let Some(at) = columns.iter().position(|column| column.as_ref().len() != rows) {
            return Err(TableError::Ragged { at, expected: rows });
        }
        let mut values = Vec::with_capacity(rows * columns.len());
        for row in 0..rows {
            values.extend(columns.iter().map(|column| column.as_ref()[row].cast()));
        }
        Self::from_values(values, columns.len())
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.values.len() / self.features
    }

    /// Number of features, at least 1.
    #[must_use]
    pub fn features(&self) -> usize {
        self.features
    }

    /// One row.
    ///
    /// # Panics
    /// If there is no such row.
    #[must_use]
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.features..][..self.features]
    }

    /// All values, row by row.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }
}

/// The cast at the edge: data and compares are `f32`, as in scikit-learn.
pub trait Cast: sealed::Sealed {
    /// The nearest `f32`; out of range becomes infinite and is refused by the table.
    fn cast(self) -> f32;
}

impl Cast for f32 {
    fn cast(self) -> f32 {
        self
    }
}

impl Cast for f64 {
    fn cast(self) -> f32 {
        self as f32
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for f64 {}
}

/// Why values are not a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableError {
    /// No features, or more than [`FEATURES_MAX`].
    Features(usize),
    /// A row (or column) has another length than the others.
    Ragged {
        /// Index of the row or column.
        at: usize,
        /// Length it should have.
        expected: usize,
    },
    /// More rows than an index can name.
    TooManyRows(usize),
    /// NaN, an infinity, or an `f64` out of range of `f32`.
    NotFinite {
        /// Row of the first such value.
        row: usize,
        /// Feature of the first such value.
        feature: usize,
    },
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Features(n) => write!(f, "{n} features; a table has 1 to {FEATURES_MAX}"),
            Self::Ragged { at, expected } => {
                write!(f, "row or column {at} does not have {expected} values")
            }
            Self::TooManyRows(n) => write!(f, "{n} rows; a table has at most {ROWS_MAX}"),
            Self::NotFinite { row, feature } => {
                write!(f, "row {row}, feature {feature} is not finite in f32; drop the row")
            }
        }
    }
}

impl error::Error for TableError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_columns_agree() {
        let rows = Table::from_rows(&[[1.0f64, 2.0], [3.0, 4.0]], 2);
        let columns = Table::from_columns(&[[1.0f32, 3.0], [2.0, 4.0]]);
        assert_eq!(rows, columns);
        let table = rows.unwrap();
        assert_eq!((table.rows(), table.features(), table.row(1)), (2, 2, &[3.0, 4.0][..]));
    }

    #[test]
    fn refuses_what_is_not_finite_and_says_where() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
            let error = Table::from_rows(&[[1.0, 2.0], [3.0, bad]], 2);
            assert_eq!(error, Err(TableError::NotFinite { row: 1, feature: 1 }));
        }
    }

    #[test]
    fn refuses_wrong_shapes() {
        let none: &[&[f32]] = &[];
        assert_eq!(Table::from_columns(none), Err(TableError::Features(0)));
        assert_eq!(Table::from_values(vec![], 256), Err(TableError::Features(256)));
        assert_eq!(
            Table::from_values(vec![1.0; 5], 2),
            Err(TableError::Ragged { at: 2, expected: 2 })
        );
        assert_eq!(
            Table::from_columns(&[vec![1.0f32], vec![]]),
            Err(TableError::Ragged { at: 1, expected: 1 })
        );
        assert_eq!(
            Table::from_rows(&[vec![1.0f32], vec![]], 1),
            Err(TableError::Ragged { at: 1, expected: 1 })
        );
    }
}
