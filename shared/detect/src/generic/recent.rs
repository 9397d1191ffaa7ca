//! What is usual right now: the median of the recent past, over three spans.
//!
//! Short spans see small and sudden moves, long ones keep a sustained incident visible.

use super::grid::Clock;
use super::sliding::SortedWindow;

/// The spans, in seconds.
pub const SPANS_S: [i64; SPANS] = [900, 3_600, 21_600];
/// How many spans there are.
pub(super) const SPANS: usize = 3;
/// Samples of a span at least.
const SAMPLES_MIN: usize = 3;

/// What belongs to the recent past of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    /// Rows at most.
    rows: usize,
    /// Age of a row at most, in cells: a span may look over a gap for its rows.
    cells: i64,
    /// Longest gap that it may look over, in cells.
    gap_cells: i64,
}

impl Reach {
    /// The samples that a span holds where none is missing, none older than the longest span.
    pub(super) fn of(span_s: i64, clock: &Clock) -> Reach {
        let rows = rows_of(span_s, clock);
        let gap_cells = clock.gap_cells();
        let cells = (rows as i64 + gap_cells).min(longest_cells(clock));
        Reach { rows, cells, gap_cells }
    }
}

/// Age in cells beyond which nothing belongs to the recent past.
pub(super) fn longest_cells(clock: &Clock) -> i64 {
    SPANS_S.into_iter().map(|span_s| rows_of(span_s, clock) as i64).max().unwrap_or(0)
}

fn rows_of(span_s: i64, clock: &Clock) -> usize {
    (libm::round(span_s as f64 / clock.step() as f64) as usize).max(SAMPLES_MIN)
}

/// For each row from `from` on the median of the rows before it that are in reach, its own value
/// left out.
///
/// A NaN is a gap too long to bridge: nothing before it counts, and its own level is NaN. A value
/// with nothing before it is its own level.
pub(super) fn levels(cells: &[i64], values: &[f64], reach: Reach, from: usize) -> Vec<f64> {
    let from = from.min(values.len());
    let mut oldest = beginning(cells, values, reach, from);
    let mut recent = SortedWindow::of(&values[oldest..from]);
    let mut levels = Vec::with_capacity(values.len() - from);
    for (row, value) in values.iter().enumerate().skip(from) {
        if value.is_nan() {
            recent.clear();
            oldest = row + 1;
            levels.push(f64::NAN);
            continue;
        }
        if oldest < row && cells[row] - cells[row - 1] > reach.gap_cells {
            recent.clear();
            oldest = row;
        }
        while oldest < row && !is_in_reach(cells, reach, oldest, row) {
            recent.remove(values[oldest]);
            oldest += 1;
        }
        levels.push(recent.median().unwrap_or(*value));
        recent.insert(*value);
    }
    levels
}

fn is_in_reach(cells: &[i64], reach: Reach, earlier: usize, row: usize) -> bool {
    row - earlier <= reach.rows && cells[row] - cells[earlier] <= reach.cells
}

/// The first row of the recent past of `from`, whatever there is between them and `from` itself.
fn beginning(cells: &[i64], values: &[f64], reach: Reach, from: usize) -> usize {
    let mut oldest = from;
    while oldest > 0
        && from < cells.len()
        && is_in_reach(cells, reach, oldest - 1, from)
        && !values[oldest - 1].is_nan()
        && (oldest == from || cells[oldest] - cells[oldest - 1] <= reach.gap_cells)
    {
        oldest -= 1;
    }
    oldest
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(levels: &[f64]) -> String {
        levels.iter().map(f64::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_span_holds_three_samples_or_more() {
        let reaches = |step_s| {
            let clock = Clock { step_s, phase_s: 0 };
            SPANS_S.map(|span_s| Reach::of(span_s, &clock)).map(|reach| (reach.rows, reach.cells))
        };
        assert_eq!(reaches(60), [(15, 135), (60, 180), (360, 360)]);
        assert_eq!(reaches(300), [(3, 27), (12, 36), (72, 72)]);
        assert_eq!(reaches(3600), [(3, 6), (3, 6), (6, 6)]);
        assert_eq!(reaches(0)[0].0, 900);
    }

    #[test]
    fn the_level_leaves_the_value_itself_out() {
        let values = [1.0, 9.0, 3.0, 4.0, f64::NAN, 7.0, 8.0];
        let reach = Reach { rows: 3, cells: 5, gap_cells: 2 };
        assert_eq!(words(&levels(&[0, 1, 2, 3, 4, 5, 6], &values, reach, 0)), "1 1 5 3 NaN 7 7");
    }

    #[test]
    fn what_is_old_or_before_a_long_gap_does_not_count() {
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        let reach = Reach { rows: 3, cells: 5, gap_cells: 4 };
        assert_eq!(words(&levels(&[0, 1, 5, 7, 12, 13], &values, reach, 0)), "1 1 1.5 3 5 5");
    }

    proptest! {
        #[test]
        fn where_it_begins_does_not_matter(
            rows in prop::collection::vec(
                (1i64..6, prop_oneof![9 => -5.0f64..5.0, 1 => Just(f64::NAN)]), 1..80),
            (rows_max, cells_max, gap_cells) in (1usize..10, 1i64..20, 1i64..6),
            from in 0usize..80,
        ) {
            let from = from.min(rows.len());
            let values: Vec<f64> = rows.iter().map(|(_, value)| *value).collect();
            let cells: Vec<i64> =
                rows.iter().scan(0, |at, (gap, _)| { *at += gap; Some(*at) }).collect();
            let reach = Reach { rows: rows_max, cells: cells_max, gap_cells };
            let bits = |levels: &[f64]| levels.iter().map(|l| l.to_bits()).collect::<Vec<_>>();
            let all = levels(&cells, &values, reach, 0);
            prop_assert_eq!(bits(&levels(&cells, &values, reach, from)), bits(&all[from..]));
        }
    }
}
