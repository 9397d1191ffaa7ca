//! Small square matrices. Five metrics make 5 by 5: the textbook's loops, no library.

/// A square matrix, row by row.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Vec<f64>", into = "Vec<f64>"))]
pub struct SquareMatrix {
    size: usize,
    values: Vec<f64>,
}

/// The number of values is not a square.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotSquare;

impl std::fmt::Display for NotSquare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the number of values of a square matrix is a square")
    }
}

impl std::error::Error for NotSquare {}

impl TryFrom<Vec<f64>> for SquareMatrix {
    type Error = NotSquare;

    fn try_from(values: Vec<f64>) -> Result<Self, NotSquare> {
        let size = values.len().isqrt();
        if size * size == values.len() { Ok(Self { size, values }) } else { Err(NotSquare) }
    }
}

impl From<SquareMatrix> for Vec<f64> {
    fn from(matrix: SquareMatrix) -> Self {
        matrix.values
    }
}

impl SquareMatrix {
    /// The matrix with `entry(row, column)` at each place.
    pub fn from_fn(size: usize, mut entry: impl FnMut(usize, usize) -> f64) -> Self {
        let values = (0..size * size).map(|at| entry(at / size, at % size)).collect();
        Self { size, values }
    }

    /// The symmetric matrix with `entry(row, column)`, asked for once a pair with row <= column.
    pub fn symmetric(size: usize, mut entry: impl FnMut(usize, usize) -> f64) -> Self {
        let mut matrix = Self { size, values: vec![0.0; size * size] };
        for row in 0..size {
            for column in row..size {
                let value = entry(row, column);
                matrix.set(row, column, value);
                matrix.set(column, row, value);
            }
        }
        matrix
    }

    /// Number of rows and of columns.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }

    /// The entry at a place.
    ///
    /// # Panics
    /// If there is no such place.
    #[must_use]
    pub fn get(&self, row: usize, column: usize) -> f64 {
        self.values[row * self.size + column]
    }

    /// All entries, row by row.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    fn set(&mut self, row: usize, column: usize, value: f64) {
        self.values[row * self.size + column] = value;
    }

    /// The lower triangular L with L L^T equal to this matrix, of which the lower triangle is read.
    /// None if the matrix is not positive definite in f64.
    #[must_use]
    pub fn cholesky(&self) -> Option<Self> {
        let mut factor = Self { size: self.size, values: vec![0.0; self.values.len()] };
        for row in 0..self.size {
            for column in 0..=row {
                let known: f64 =
                    (0..column).map(|k| factor.get(row, k) * factor.get(column, k)).sum();
                let rest = self.get(row, column) - known;
                let value = match row == column {
                    true if rest > 0.0 && rest.is_finite() => rest.sqrt(),
                    true => return None,
                    false => rest / factor.get(column, column),
                };
                factor.set(row, column, value);
            }
        }
        Some(factor)
    }

    /// The inverse of a symmetric positive definite matrix, symmetric to the bit; None if it is not
    /// positive definite in f64.
    #[must_use]
    pub fn inverse(&self) -> Option<Self> {
        let inverse_factor = self.cholesky()?.inverse_lower();
        let size = self.size;
        Some(Self::symmetric(size, |row, column| {
            (column..size).map(|k| inverse_factor.get(k, row) * inverse_factor.get(k, column)).sum()
        }))
    }

    /// Inverse of a lower triangular matrix without zeros on its diagonal.
    fn inverse_lower(&self) -> Self {
        let mut inverse = Self { size: self.size, values: vec![0.0; self.values.len()] };
        for column in 0..self.size {
            inverse.set(column, column, 1.0 / self.get(column, column));
            for row in column + 1..self.size {
                let known: f64 =
                    (column..row).map(|k| self.get(row, k) * inverse.get(k, column)).sum();
                inverse.set(row, column, -known / self.get(row, row));
            }
        }
        inverse
    }

    /// x^T M x; None if the length of `x` is not the size.
    #[must_use]
    pub fn quadratic_form(&self, x: &[f64]) -> Option<f64> {
        if x.len() != self.size {
            return None;
        }
        let row_sum = |row: usize| -> f64 {
            (0..self.size).map(|column| self.get(row, column) * x[column]).sum()
        };
        Some((0..self.size).map(|row| x[row] * row_sum(row)).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn product(a: &SquareMatrix, b: &SquareMatrix) -> SquareMatrix {
        SquareMatrix::from_fn(a.size(), |i, j| {
            (0..a.size()).map(|k| a.get(i, k) * b.get(k, j)).sum()
        })
    }

    #[test]
    fn factor_of_a_known_matrix() {
        let matrix =
            SquareMatrix::try_from(vec![4.0, 12.0, -16.0, 12.0, 37.0, -43.0, -16.0, -43.0, 98.0]);
        let factor = matrix.unwrap().cholesky().unwrap();
        assert_eq!(factor.values(), [2.0, 0.0, 0.0, 6.0, 1.0, 0.0, -8.0, 5.0, 3.0]);
    }

    #[test]
    fn what_is_not_positive_definite_has_no_factor() {
        for values in [vec![0.0], vec![1.0, 2.0, 2.0, 1.0], vec![f64::NAN], vec![f64::INFINITY]] {
            assert_eq!(SquareMatrix::try_from(values).unwrap().inverse(), None);
        }
        assert_eq!(SquareMatrix::try_from(vec![1.0; 3]), Err(NotSquare));
        let two = SquareMatrix::from_fn(2, |_, _| 1.0);
        assert_eq!(two.quadratic_form(&[1.0]), None);
        assert_eq!(two.quadratic_form(&[1.0, 2.0]), Some(9.0));
    }

    proptest! {
        #[test]
        fn inverse_undoes(entries in prop::collection::vec(-3.0f64..3.0, 25)) {
            let root = SquareMatrix::try_from(entries).unwrap();
            // root root^T + I is positive definite and not near singular.
            let matrix = SquareMatrix::symmetric(5, |i, j| {
                let dot: f64 = (0..5).map(|k| root.get(i, k) * root.get(j, k)).sum();
                dot + f64::from(u8::from(i == j))
            });
            let inverse = matrix.inverse().unwrap();
            let unit = product(&matrix, &inverse);
            for i in 0..5 {
                for j in 0..5 {
                    prop_assert!((unit.get(i, j) - f64::from(u8::from(i == j))).abs() < 1e-8);
                    prop_assert_eq!(inverse.get(i, j).to_bits(), inverse.get(j, i).to_bits());
                }
            }
        }
    }
}
