//! Each metric's moves as features: the three spans side by side, in quiet days.

use super::grid::Samples;
use super::model::GenericModel;
use super::score::View;

/// Names of the spans, shortest first.
const SPAN_NAMES: [&str; 3] = ["15m", "1h", "6h"];
/// Beyond this many quiet days all moves are alike.
const MOVE_MAX: f64 = 10.0;

/// Names, stamps and columns of the moves of all samples later than `after_s`; NaN where a metric
/// is missing. Empty if the model is silent.
pub fn moves(
    model: &GenericModel,
    samples: &[Samples<'_>],
    after_s: i64,
) -> (Vec<String>, Vec<i64>, Vec<Vec<f32>>) {
    let Some(view) = View::new(model, samples, after_s) else { return Default::default() };
    let rows = view.grid.cells.len();
    let first = (0..rows).find(|row| view.grid.stamps_s[*row] > after_s).unwrap_or(rows);
    let is_new = |row: &usize| view.grid.stamps_s[*row] > after_s;
    let kept: Vec<usize> = (first..rows).filter(is_new).collect();
    let (mut names, mut columns) = (Vec::new(), Vec::new());
    for (metric, residuals) in model.metrics.iter().zip(&view.residuals) {
        let moves = view.quiet_days(metric, residuals, first);
        for (span, name) in SPAN_NAMES.iter().enumerate() {
            names.push(format!("{}{}{name}", metric.name, crate::features::SPAN_MARK));
            let size = |row: &usize| match residuals[*row].is_nan() {
                true => f32::NAN,
                false => moves[row - first][span].min(MOVE_MAX) as f32,
            };
            columns.push(kept.iter().map(size).collect());
        }
    }
    (names, kept.iter().map(|row| view.grid.stamps_s[*row]).collect(), columns)
}
