//! The largest move of a quiet day: the unit in which moves are measured.
//!
//! Metrics with heavy tails or that flap make large moves every day, and so suppress themselves.
//! The quantile bears incidents on up to three days in four of the history.

use super::DAY_S;
use super::model::{Stored, store};

/// Blocks of a history shorter than eight days.
const BLOCKS_MIN: i64 = 8;
/// Quantile of the blocks' largest moves that counts as quiet.
const QUIET_QUANTILE: f64 = 0.25;
/// Share of the blocks, and blocks, in which a metric moves if its moves are business as usual.
const MOVING_SHARE_MIN: f64 = 0.25;
const MOVING_BLOCKS_MIN: f64 = 3.0;
/// Least unit: the largest of a day's samples is about four sigma out by chance alone.
const UNIT_MIN: f64 = 4.0;
/// The largest of n samples grows like this power of n where tails are heavy.
const GROWTH: f64 = 0.25;
/// Steps of a block at least, for its growth to a day.
const BLOCK_STEPS_MIN: f64 = 4.0;

/// The unit of moves `z` (scales, not negative) at ascending times.
pub(super) fn fit(times_s: &[i64], moves: &[f64], step_s: i64) -> Stored {
    let (Some(first), Some(last)) = (times_s.first(), times_s.last()) else {
        return store(UNIT_MIN);
    };
    let span_s = last - first;
    let mut maxima: Vec<f64> = Vec::new();
    let mut open = None;
    for (time, size) in times_s.iter().zip(moves) {
        let block = block_of(time - first, span_s);
        match maxima.last_mut() {
            Some(largest) if open == Some(block) => *largest = largest.max(*size),
            _ => maxima.push(*size),
        }
        open = Some(block);
    }
    let quiet = quiet(&mut maxima);
    store((quiet * growth(span_s, step_s)).max(UNIT_MIN))
}

/// The largest move of a quiet block. A metric that rests in those, and moves in many others, does
/// by itself what it does in a quiet block of those others: a count that is mostly 0 is often 1.
fn quiet(maxima: &mut Vec<f64>) -> f64 {
    let quiet = stats::quantile_in_place(maxima, QUIET_QUANTILE).unwrap_or(0.0);
    if quiet > 0.0 {
        return quiet;
    }
    let enough = (MOVING_SHARE_MIN * maxima.len() as f64).max(MOVING_BLOCKS_MIN);
    maxima.retain(|size| *size > 0.0);
    if (maxima.len() as f64) < enough {
        return 0.0;
    }
    stats::quantile_in_place(maxima, QUIET_QUANTILE).unwrap_or(0.0)
}

/// Blocks are days, or eighths of a shorter span; the last sample of such a span closes it.
fn block_of(since_s: i64, span_s: i64) -> i64 {
    if span_s >= BLOCKS_MIN * DAY_S {
        since_s / DAY_S
    } else {
        BLOCKS_MIN * since_s / span_s.max(1)
    }
}

/// From the largest move of a block to that of a day.
fn growth(span_s: i64, step_s: i64) -> f64 {
    let block_s = (span_s as f64 / BLOCKS_MIN as f64).max(BLOCK_STEPS_MIN * step_s as f64);
    let day_s = DAY_S as f64;
    libm::pow(day_s / block_s.clamp(1.0, day_s), GROWTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hourly(days: i64) -> Vec<i64> {
        (0..24 * days).map(|i| i * 3600).collect()
    }

    #[test]
    fn incidents_on_most_days_do_not_move_the_unit() {
        let times = hourly(20);
        let mut moves = vec![5.0; times.len()];
        for day in 0..14 {
            moves[24 * day + 7] = 500.0;
        }
        assert_eq!(fit(&times, &moves, 3600), 5.0);
        moves[24 * 14..].iter_mut().for_each(|size| *size = 500.0);
        assert_eq!(fit(&times, &moves, 3600), 500.0);
    }

    #[test]
    fn a_metric_that_rests_most_days_is_measured_by_the_days_on_which_it_moves() {
        let mut moves = vec![0.0; 480];
        for hour in [30, 100, 300, 400] {
            moves[hour] = 50.0;
        }
        assert_eq!(fit(&hourly(20), &moves, 3600), 4.0);
        moves[450] = 70.0;
        assert_eq!(fit(&hourly(20), &moves, 3600), 50.0);
    }

    #[test]
    fn small_moves_and_no_moves_have_the_least_unit() {
        assert_eq!(fit(&hourly(10), &[1.0; 240], 3600), 4.0);
        assert_eq!((fit(&[], &[], 60), fit(&[5], &[0.1], 60)), (4.0, 4.0));
    }

    #[test]
    fn a_block_shorter_than_a_day_is_grown_to_one() {
        let times = hourly(4);
        let unit = fit(&times, &[10.0; 96], 3600);
        let block_s = 95.0 * 3600.0 / 8.0;
        assert!((f64::from(unit) - 10.0 * (86_400.0f64 / block_s).powf(0.25)).abs() < 1e-4);
    }
}
