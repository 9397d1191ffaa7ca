//! Samples of all metrics of a service on one clock.
//!
//! Time is cut into cells of one step, centred on the stamps that samples usually bear, so that
//! jitter does not move a sample into its neighbour's cell. Cells are counted from the epoch:
//! where a window begins does not matter.

use domain::Series;
use domain::limits::METRICS_PER_SERVICE_MAX;
use serde::{Deserialize, Serialize};

/// Values of greater size are no measurements, and would not fit a stored model.
const VALUE_MAX: f64 = 1e30;
/// Stamps further from the epoch are no times; keeps sums of times from overflowing.
const STAMP_MAX_S: i64 = 1 << 40;
/// Shortest step: what comes faster is thinned to the last sample of each minute.
const STEP_S_MIN: i64 = 60;
/// Longest gap over which the last value, and the recent past, still hold; its least steps.
const GAP_BRIDGED_S: i64 = 7_200;
const GAP_BRIDGED_STEPS: i64 = 3;
/// Cells of one grid: 91 days at a step of one minute. The newest are kept.
const CELLS_MAX: i64 = 131_072;

/// The samples of one metric: as many values as times (epoch seconds, ascending).
#[derive(Debug, Clone, Copy)]
pub struct Samples<'a> {
    pub name: &'a str,
    pub times_s: &'a [i64],
    pub values: &'a [f64],
}

impl<'a> Samples<'a> {
    /// All samples of a series.
    pub fn of(name: &'a str, series: &'a Series) -> Samples<'a> {
        Samples { name, times_s: &series.times_s, values: &series.values }
    }

    /// The samples with `after_s < time <= until_s`, nothing copied.
    #[must_use]
    pub fn between(self, after_s: i64, until_s: i64) -> Samples<'a> {
        let count = self.times_s.len().min(self.values.len());
        let start = self.times_s[..count].partition_point(|time| *time <= after_s);
        let end = self.times_s[..count].partition_point(|time| *time <= until_s).max(start);
        Samples {
            name: self.name,
            times_s: &self.times_s[start..end],
            values: &self.values[start..end],
        }
    }

    /// What can be used: finite values of a plausible size at plausible times.
    pub(super) fn usable(&self) -> impl Iterator<Item = (i64, f64)> + '_ {
        let all = self.times_s.iter().copied().zip(self.values.iter().copied());
        all.filter(|(time, value)| {
            time.unsigned_abs() <= STAMP_MAX_S as u64 && value.abs() <= VALUE_MAX
        })
    }
}

/// How a service's time is cut into cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Clock {
    /// Length of a cell, at least a minute.
    pub(super) step_s: u32,
    /// Where in a cell's length stamps usually lie, counted from the epoch.
    pub(super) phase_s: u32,
}

impl Clock {
    /// The median interval of a metric's samples, the median of that over the metrics, and the
    /// most frequent stamp within it. `None` without two samples of one metric.
    pub(super) fn of(samples: &[Samples<'_>]) -> Option<Clock> {
        let mut intervals: Vec<i64> = samples.iter().filter_map(median_interval).collect();
        let step_s = lower_median(&mut intervals)?.clamp(STEP_S_MIN, i64::from(u32::MAX));
        let stamps = samples.iter().flat_map(|metric| metric.usable().map(|(time, _)| time));
        let phase_s = most_frequent(stamps.map(|time| time.rem_euclid(step_s)).collect());
        Some(Clock { step_s: step_s as u32, phase_s: phase_s as u32 })
    }

    /// Never 0, also in a damaged model.
    pub(super) fn step(&self) -> i64 {
        i64::from(self.step_s.max(1))
    }

    /// The cell of a stamp.
    pub(super) fn cell(&self, time_s: i64) -> i64 {
        let step = self.step();
        let time = time_s.clamp(-STAMP_MAX_S, STAMP_MAX_S);
        (time - i64::from(self.phase_s) + step / 2).div_euclid(step)
    }

    /// The usual stamp of a cell.
    pub(super) fn time_s(&self, cell: i64) -> i64 {
        i64::from(self.phase_s) + cell * self.step()
    }

    /// The longest gap that is bridged, in cells.
    pub(super) fn gap_cells(&self) -> i64 {
        (GAP_BRIDGED_S / self.step()).max(GAP_BRIDGED_STEPS)
    }
}

/// Values of some metrics in the cells that have a sample of any of them: the rows.
#[derive(Debug)]
pub(super) struct Grid {
    pub(super) clock: Clock,
    /// The cell of each row, ascending.
    pub(super) cells: Vec<i64>,
    /// The newest stamp of any metric in each row.
    pub(super) stamps_s: Vec<i64>,
    /// For each metric asked for.
    pub(super) columns: Vec<Column>,
}

/// One metric on a grid.
#[derive(Debug)]
pub(super) struct Column {
    /// The last sample of the row, or an earlier value that fills the gap, or NaN: not known.
    pub(super) values: Vec<f64>,
    /// True where the row has a sample of its own.
    pub(super) observed: Vec<bool>,
}

impl Grid {
    /// Lays out samples; those in cells before `earliest` are ignored.
    pub(super) fn lay(clock: Clock, samples: &[Samples<'_>], earliest: i64) -> Grid {
        let samples = &samples[..samples.len().min(METRICS_PER_SERVICE_MAX)];
        let all = samples.iter().flat_map(|m| m.usable().map(|(time, _)| clock.cell(time)));
        let mut cells: Vec<i64> = all.filter(|cell| *cell >= earliest).collect();
        cells.sort_unstable();
        cells.dedup();
        let oldest = cells.last().map_or(0, |newest| newest - CELLS_MAX + 1);
        cells.drain(..cells.partition_point(|cell| *cell < oldest));
        let stamps_s = vec![i64::MIN; cells.len()];
        let mut grid = Grid { clock, cells, stamps_s, columns: Vec::new() };
        for metric in samples {
            grid.add(metric);
        }
        grid
    }

    fn add(&mut self, metric: &Samples<'_>) {
        let rows = self.cells.len();
        let mut column = Column { values: vec![f64::NAN; rows], observed: vec![false; rows] };
        for (time, value) in metric.usable() {
            let Ok(row) = self.cells.binary_search(&self.clock.cell(time)) else { continue };
            column.values[row] = value;
            column.observed[row] = true;
            self.stamps_s[row] = self.stamps_s[row].max(time);
        }
        column.fill(&self.cells, self.clock.gap_cells());
        self.columns.push(column);
    }

    /// The usual stamp of a row.
    pub(super) fn time_s(&self, row: usize) -> i64 {
        self.clock.time_s(self.cells[row])
    }
}

impl Column {
    fn fill(&mut self, cells: &[i64], gap_cells: i64) {
        let mut last = (i64::MIN, f64::NAN);
        for (row, cell) in cells.iter().enumerate() {
            if self.observed[row] {
                last = (*cell, self.values[row]);
            } else if cell.saturating_sub(last.0) <= gap_cells {
                self.values[row] = last.1;
            }
        }
    }
}

fn median_interval(metric: &Samples<'_>) -> Option<i64> {
    let times: Vec<i64> = metric.usable().map(|(time, _)| time).collect();
    let mut intervals: Vec<i64> =
        times.windows(2).map(|pair| pair[1] - pair[0]).filter(|interval| *interval > 0).collect();
    lower_median(&mut intervals)
}

fn lower_median(values: &mut [i64]) -> Option<i64> {
    let middle = values.len().checked_sub(1)? / 2;
    Some(*values.select_nth_unstable(middle).1)
}

/// The smallest of the most frequent values; 0 without values.
fn most_frequent(mut values: Vec<i64>) -> i64 {
    values.sort_unstable();
    let runs = values.chunk_by(|a, b| a == b);
    let longest = runs.max_by_key(|run| (run.len(), std::cmp::Reverse(run[0])));
    longest.map_or(0, |run| run[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples<'a>(name: &'a str, times_s: &'a [i64], values: &'a [f64]) -> Samples<'a> {
        Samples { name, times_s, values }
    }

    #[test]
    fn jitter_does_not_move_a_sample_out_of_its_cell() {
        let times = [7, 67, 126, 188, 247, 307];
        let metric = samples("a", &times, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let clock = Clock::of(&[metric]).unwrap();
        assert_eq!(clock, Clock { step_s: 60, phase_s: 7 });
        let grid = Grid::lay(clock, &[metric], i64::MIN);
        assert_eq!(grid.columns[0].values, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!((grid.time_s(2), grid.stamps_s[2]), (127, 126));
    }

    #[test]
    fn a_missing_value_is_the_last_one_until_it_is_too_old() {
        let clock = Clock { step_s: 3600, phase_s: 0 };
        let hours: Vec<i64> = (0..9).map(|hour| hour * 3600).collect();
        let every = samples("every", &hours, &[0.0; 9]);
        let some = samples("some", &hours[1..3], &[1.0, f64::NAN]);
        let grid = Grid::lay(clock, &[every, some], i64::MIN);
        let known: Vec<String> = grid.columns[1].values.iter().map(f64::to_string).collect();
        assert_eq!(known.join(" "), "NaN 1 1 1 1 NaN NaN NaN NaN");
        assert_eq!(grid.columns[1].observed.iter().filter(|own| **own).count(), 1);
    }

    #[test]
    fn cells_without_samples_are_no_rows() {
        let metric = samples("a", &[0, 60, 300, 360], &[1.0, 2.0, 3.0, 4.0]);
        let grid = Grid::lay(Clock { step_s: 60, phase_s: 0 }, &[metric], 1);
        assert_eq!(
            (&grid.cells[..], &grid.columns[0].values[..]),
            (&[1, 5, 6][..], &[2.0, 3.0, 4.0][..])
        );
    }

    #[test]
    fn the_newest_cells_are_kept_and_nonsense_is_not() {
        let times = [i64::MIN, -4 * CELLS_MAX * 60, 0, 60, i64::MAX];
        let metric = samples("a", &times, &[1.0, 2.0, 3.0, 1e31, 5.0]);
        let clock = Clock { step_s: 60, phase_s: 0 };
        let grid = Grid::lay(clock, &[metric], i64::MIN);
        assert_eq!((&grid.cells[..], &grid.columns[0].values[..]), (&[0][..], &[3.0][..]));
        assert!(Clock::of(&[samples("a", &[5, 5, 5], &[1.0; 3])]).is_none());
        assert!(Grid::lay(clock, &[], 0).cells.is_empty());
    }

    #[test]
    fn a_range_of_samples_excludes_its_start() {
        let metric = samples("a", &[0, 60, 120], &[1.0, 2.0]);
        assert_eq!(metric.between(0, 500).values, [2.0]);
        assert_eq!(metric.between(60, 0).values, [0.0; 0]);
    }
}
