//! Values on paper: lines, bands and marks as inline SVG.
//!
//! Coordinates are whole units and lines are relative, so a point costs about five bytes. A line
//! with more samples than points keeps the lowest and the highest of each stretch.

use std::fmt::Write;

use pipeline::backtest::Usual;

use super::axis::{Axis, WIDTH};
use super::html::escape;

/// Height of a chart, in units of the paper.
pub const HEIGHT: f64 = 100.0;
/// Shares of values that may lie outside the paper.
const OUTSIDE: f64 = 0.0005;
/// Heights of all values that a band may add above or below them.
const BAND_ROOM: f64 = 1.0;

/// A stretch to mark.
#[derive(Debug, Clone)]
pub struct Mark {
    pub from_s: i64,
    pub until_s: i64,
    pub class: &'static str,
    /// Shown under the pointer.
    pub title: String,
}

/// From the lowest to the highest value on the paper.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    pub low: f64,
    pub high: f64,
}

/// What is usual from one instant to the next.
#[derive(Debug, Clone, Copy)]
pub struct Stretch {
    pub from_s: i64,
    pub until_s: i64,
    pub usual: Usual,
}

impl Range {
    /// A range for values and what is usual; from zero where all is above and zero is not far.
    pub fn of(samples: &[(i64, f64)], usual: &[Stretch]) -> Option<Range> {
        let mut values: Vec<f64> =
            samples.iter().map(|(_, value)| *value).filter(|it| it.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        let outside = (OUTSIDE * last as f64) as usize;
        let (mut low, mut high) = (values[outside], values[last - outside]);
        // Few requests make a band wide: it may leave the paper, values may not.
        let room = BAND_ROOM * (high - low).max(1e-3 * high.abs());
        let (lowest, highest) = (low - room, high + room);
        for stretch in usual {
            low = low.min(stretch.usual.low.max(lowest));
            high = high.max(stretch.usual.high.min(highest));
        }
        if low >= 0.0 && low < 0.5 * high {
            low = 0.0;
        }
        let least = 1e-9_f64.max(1e-3 * high.abs());
        if high - low < least {
            (low, high) = (low - least, high + least);
        }
        Some(Range { low, high })
    }

    fn y(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        HEIGHT * (1.0 - share.clamp(0.0, 1.0))
    }
}

/// A chart of layers, the lowest first.
pub fn svg(class: &str, layers: &[&str], range: Option<Range>) -> String {
    let range = range.map_or(String::new(), |it| format!(" data-y=\"{},{}\"", it.low, it.high));
    format!(
        "<svg class=\"{class}\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\"\
         {range}>{}</svg>",
        layers.concat()
    )
}

/// Marks over the whole height, or a part of it (shares from the top), at least so wide.
pub fn marks(axis: &Axis, marks: &[Mark], (top, bottom): (f64, f64), width_min: f64) -> String {
    let mut text = String::new();
    for mark in marks {
        for (left, right) in axis.places(mark.from_s, mark.until_s) {
            let _ = write!(
                text,
                "<rect class=\"{}\" x=\"{:.0}\" y=\"{:.0}\" width=\"{:.0}\" height=\"{:.0}\">\
                 <title>{}</title></rect>",
                mark.class,
                left,
                HEIGHT * top,
                (right - left).max(width_min),
                HEIGHT * (bottom - top),
                escape(&mark.title),
            );
        }
    }
    text
}

/// The stretches in which the same is usual, along the axis.
pub fn stretches(axis: &Axis, usual: impl Fn(i64) -> Option<Usual>) -> Vec<Stretch> {
    const LOOKS: usize = 600;
    let mut found: Vec<Stretch> = Vec::new();
    let mut before: Option<i64> = None;
    for time_s in axis.instants(LOOKS) {
        if let Some(usual) = usual(time_s) {
            let since = before.filter(|it| axis.places(*it, time_s).count() == 1);
            match found.last_mut() {
                Some(last) if last.usual == usual && since == Some(last.until_s) => {
                    last.until_s = time_s;
                }
                _ => {
                    found.push(Stretch { from_s: since.unwrap_or(time_s), until_s: time_s, usual })
                }
            }
        }
        before = Some(time_s);
    }
    found
}

/// What is usual as a band with its middle: steps, in one outline as long as nothing is missing.
pub fn band(axis: &Axis, stretches: &[Stretch], range: Range) -> String {
    let step = |it: &Stretch| {
        let [low, middle, high] =
            [it.usual.low, it.usual.middle, it.usual.high].map(|it| range.y(it).round() as i64);
        let places: Vec<(f64, f64)> = axis.places(it.from_s, it.until_s).collect();
        places.into_iter().map(move |(left, right)| Step {
            left: left.round() as i64,
            right: right.round() as i64,
            low,
            middle,
            high,
        })
    };
    let steps: Vec<Step> = stretches.iter().flat_map(step).collect();
    let (mut band, mut middle) = (String::new(), String::new());
    for run in steps.chunk_by(|a, b| a.right == b.left) {
        let there = edge(run.iter().map(|it| (it.left, it.right, it.high)));
        let back = edge(run.iter().rev().map(|it| (it.right, it.left, it.low)));
        let _ = write!(band, "M{there}L{back}z");
        let _ = write!(middle, "M{}", edge(run.iter().map(|it| (it.left, it.right, it.middle))));
    }
    format!("<path class=\"bd\" d=\"{band}\"/><path class=\"md\" d=\"{middle}\"/>")
}

/// A stretch on the paper.
struct Step {
    left: i64,
    right: i64,
    low: i64,
    middle: i64,
    high: i64,
}

/// A line of steps (from, to, height), without its first letter.
fn edge(steps: impl Iterator<Item = (i64, i64, i64)>) -> String {
    let mut path = String::new();
    let mut now: Option<(i64, i64)> = None;
    for (from, to, height) in steps {
        match now {
            None => {
                let _ = write!(path, "{from} {height}");
            }
            // As it was: the line is drawn when it turns.
            Some((_, before)) if before == height => {}
            Some((until, _)) => {
                let _ = write!(path, "H{until}V{height}");
            }
        }
        now = Some((to, height));
    }
    if let Some((until, _)) = now {
        let _ = write!(path, "H{until}");
    }
    path
}

/// A line across the paper.
pub fn level(value: f64, range: Range) -> String {
    format!("<path class=\"th\" d=\"M0 {:.0}H{WIDTH}\"/>", range.y(value))
}

/// Samples as a line of at most so many points. It is broken where samples are missing.
pub fn line(
    axis: &Axis,
    samples: &[(i64, f64)],
    step_s: i64,
    range: Range,
    points: usize,
) -> String {
    let thinned = thin(axis, samples, points);
    let spread_s = axis.length_s() / (points / 2).max(1) as i64;
    let gap_s = 3 * step_s.max(spread_s);
    let mut path = String::with_capacity(6 * thinned.len());
    let mut before: Option<(i64, i64, i64)> = None;
    for (time_s, value) in thinned {
        let Some(x) = axis.x(time_s) else { continue };
        let (x, y) = (x.round() as i64, range.y(value).round() as i64);
        let is_broken = before.is_none_or(|(earlier_s, ..)| time_s - earlier_s > gap_s);
        match before {
            Some((_, left, from)) if !is_broken => {
                let (dx, dy) = (x - left, y - from);
                let separator = if dx < 0 { "" } else { " " };
                let between = if dy < 0 { "" } else { " " };
                let _ = write!(path, "{separator}{dx}{between}{dy}");
            }
            // A point by itself is a dot: the caps of the line are round.
            _ => {
                let _ = write!(path, "M{x} {y}l0 0");
            }
        }
        before = Some((time_s, x, y));
    }
    format!("<path class=\"ln\" d=\"{path}\"/>")
}

/// The lowest and the highest sample of each stretch of the axis, in order of time.
fn thin(axis: &Axis, samples: &[(i64, f64)], points: usize) -> Vec<(i64, f64)> {
    let is_shown = |it: &&(i64, f64)| it.1.is_finite() && axis.x(it.0).is_some();
    let shown: Vec<(i64, f64)> = samples.iter().filter(is_shown).copied().collect();
    if shown.len() <= points {
        return shown;
    }
    let width = WIDTH / (points / 2).max(1) as f64;
    let bucket = |it: &(i64, f64)| (axis.x(it.0).unwrap_or(0.0) / width) as i64;
    let mut thinned = Vec::with_capacity(points);
    for stretch in shown.chunk_by(|a, b| bucket(a) == bucket(b)) {
        let lowest = stretch.iter().copied().reduce(|a, b| if b.1 < a.1 { b } else { a });
        let highest = stretch.iter().copied().reduce(|a, b| if b.1 > a.1 { b } else { a });
        let mut kept: Vec<(i64, f64)> = lowest.into_iter().chain(highest).collect();
        kept.sort_by_key(|(time_s, _)| *time_s);
        kept.dedup();
        thinned.extend(kept);
    }
    thinned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_breaks_where_samples_are_missing() {
        let axis = Axis::of([(0, 2_000)]);
        let range = Range { low: 0.0, high: 100.0 };
        let samples = [(0, 0.0), (100, 100.0), (200, 40.0), (1_500, 0.0), (1_600, f64::NAN)];
        insta::assert_snapshot!(
            line(&axis, &samples, 100, range, 100),
            @r#"<path class="ln" d="M0 100l0 0 100-100 100 60M1500 100l0 0"/>"#
        );
    }

    #[test]
    fn extremes_survive_thinning() {
        let axis = Axis::of([(0, 10_000)]);
        let mut samples: Vec<(i64, f64)> = (0..10_000).map(|i| (i, (i % 7) as f64)).collect();
        samples[5_003].1 = 900.0;
        samples[7_007].1 = -900.0;
        let thinned = thin(&axis, &samples, 200);
        assert!(thinned.len() <= 202 && thinned.is_sorted_by_key(|it| it.0));
        assert!(thinned.contains(&(5_003, 900.0)) && thinned.contains(&(7_007, -900.0)));
    }

    #[test]
    fn a_range_holds_what_is_usual_if_that_is_not_far_and_never_collapses() {
        let usual =
            |low, high| Stretch { from_s: 0, until_s: 60, usual: Usual { low, middle: low, high } };
        let range = Range::of(&[(0, 5.0), (1, 9.0)], &[usual(4.0, 12.0)]);
        assert_eq!(range, Some(Range { low: 0.0, high: 12.0 }));
        let range = Range::of(&[(0, 5.0), (1, 6.0)], &[usual(4.0, 900.0)]);
        assert_eq!(range, Some(Range { low: 4.0, high: 7.0 }));
        let flat = Range::of(&[(0, 100.0), (1, 100.0)], &[]).unwrap();
        assert!(flat.low < 100.0 && flat.high > 100.0);
        assert_eq!(Range::of(&[(0, f64::NAN)], &[]), None);
    }

    #[test]
    fn a_band_is_one_outline_of_steps() {
        let axis = Axis::of([(0, 2_000)]);
        let stretch = |from_s, until_s, low, high| {
            let usual = Usual { low, middle: 0.5 * (low + high), high };
            Stretch { from_s, until_s, usual }
        };
        let stretches = [
            stretch(0, 100, 10.0, 30.0),
            stretch(100, 200, 10.0, 30.0),
            stretch(200, 300, 20.0, 30.0),
            stretch(900, 1_000, 0.0, 100.0),
        ];
        insta::assert_snapshot!(
            band(&axis, &stretches, Range { low: 0.0, high: 100.0 }),
            @r#"<path class="bd" d="M0 70H300L300 80H200V90H0zM900 0H1000L1000 100H900z"/><path class="md" d="M0 80H200V75H300M900 50H1000"/>"#
        );
    }

    #[test]
    fn what_is_usual_is_joined_while_it_stays_the_same() {
        let axis = Axis::of([(0, 36_000)]);
        let usual = |time_s: i64| {
            let level = if time_s < 18_000 { 1.0 } else { 2.0 };
            Some(Usual { low: level, middle: level, high: level })
        };
        let found = stretches(&axis, usual);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].from_s, found[1].until_s), (0, 36_000));
        assert_eq!(found[0].until_s, found[1].from_s);
    }
}
