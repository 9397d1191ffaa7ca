//! Time on paper: stretches with data side by side, what lies between them left out.

use domain::Calendar;

use super::html::wall;

/// Width of all charts, in units of the paper.
pub const WIDTH: f64 = 2_000.0;
/// Stretches closer than this are one.
const JOIN_S: i64 = 6 * 3_600;
/// Paper between stretches, all of them together.
const GAPS: f64 = 60.0;
/// Paper that the text of a tick needs.
const TICK_WIDTH: f64 = 170.0;
const LONG_TICK: &str = "%-d %b %H:%M";
const HOUR_S: i64 = 3_600;
const DAY_S: i64 = 86_400;

/// Where an instant lies on the paper.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    pieces: Vec<Piece>,
}

/// A stretch of time and its place.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Piece {
    from_s: i64,
    until_s: i64,
    left: f64,
    right: f64,
}

impl Axis {
    /// An axis for stretches of time in any order.
    pub fn of(spans: impl IntoIterator<Item = (i64, i64)>) -> Axis {
        let mut spans: Vec<(i64, i64)> = spans.into_iter().collect();
        spans.sort_unstable();
        let mut joined: Vec<(i64, i64)> = Vec::new();
        for (from_s, until_s) in spans {
            match joined.last_mut() {
                Some(last) if from_s <= last.1 + JOIN_S => last.1 = last.1.max(until_s),
                _ => joined.push((from_s, until_s)),
            }
        }
        let length = |span: &(i64, i64)| (span.1 - span.0).max(60) as f64;
        let all: f64 = joined.iter().map(length).sum();
        let gaps = joined.len().saturating_sub(1).max(1) as f64;
        let gap = if joined.len() > 1 { GAPS / gaps } else { 0.0 };
        let scale = (WIDTH - gap * joined.len().saturating_sub(1) as f64) / all.max(1.0);
        let mut left = 0.0;
        let mut pieces = Vec::with_capacity(joined.len());
        for span in joined {
            let right = left + scale * length(&span);
            pieces.push(Piece { from_s: span.0, until_s: span.1, left, right });
            left = right + gap;
        }
        Axis { pieces }
    }

    /// The place of an instant; `None` if it is left out.
    pub fn x(&self, time_s: i64) -> Option<f64> {
        let piece = self.pieces.iter().find(|it| it.from_s <= time_s && time_s <= it.until_s)?;
        Some(piece.x(time_s))
    }

    /// The places of a stretch: what of it lies on the paper, piece by piece.
    pub fn places(&self, from_s: i64, until_s: i64) -> impl Iterator<Item = (f64, f64)> {
        let pieces = self.pieces.iter();
        let pieces = pieces.filter(move |it| it.from_s <= until_s && it.until_s >= from_s);
        pieces.map(move |it| (it.x(from_s.max(it.from_s)), it.x(until_s.min(it.until_s))))
    }

    /// Instants evenly over the paper, at most so many.
    pub fn instants(&self, count: usize) -> Vec<i64> {
        let step_s = (self.length_s() / count.max(1) as i64).max(60);
        self.pieces
            .iter()
            .flat_map(|it| (it.from_s..=it.until_s).step_by(step_s as usize).chain([it.until_s]))
            .collect()
    }

    /// Seconds on the paper.
    pub fn length_s(&self) -> i64 {
        self.pieces.iter().map(|it| it.until_s - it.from_s).sum::<i64>().max(60)
    }

    /// Texts below the axis, with their places as shares of the width.
    pub fn ticks(&self, calendar: &Calendar) -> Vec<(f64, String)> {
        let (unit_s, format) = self.unit();
        let mut found: Vec<(f64, String)> = Vec::new();
        let mut put = |x: f64, text: String| {
            let is_free = found.last().is_none_or(|(last, _)| x - last * WIDTH >= TICK_WIDTH);
            if is_free && x + TICK_WIDTH / 2.0 <= WIDTH {
                found.push((x / WIDTH, text));
            }
        };
        for piece in &self.pieces {
            if piece.until_s - piece.from_s < unit_s {
                put(piece.left, wall(calendar, piece.from_s, LONG_TICK));
                continue;
            }
            let mut is_first = self.pieces.len() > 1;
            let mut time_s = piece.from_s.div_euclid(HOUR_S / 2) * (HOUR_S / 2);
            while time_s <= piece.until_s {
                if time_s >= piece.from_s && is_on_grid(calendar, time_s, unit_s) {
                    // After what was left out, the day is no longer clear.
                    let format = if is_first { LONG_TICK } else { format };
                    put(piece.x(time_s), wall(calendar, time_s, format));
                    is_first = false;
                }
                time_s += HOUR_S / 2;
            }
        }
        found
    }

    /// Distance of ticks and how they are written.
    fn unit(&self) -> (i64, &'static str) {
        match self.length_s() {
            length_s if length_s > 4 * DAY_S => (DAY_S, "%a %-d %b"),
            length_s if length_s > DAY_S => (6 * HOUR_S, "%a %H:%M"),
            _ => (HOUR_S, "%H:%M"),
        }
    }

    /// `[[left, right, from, until], ...]`, for the script.
    pub fn json(&self) -> String {
        let piece =
            |it: &Piece| format!("[{:.1},{:.1},{},{}]", it.left, it.right, it.from_s, it.until_s);
        format!("[{}]", self.pieces.iter().map(piece).collect::<Vec<_>>().join(","))
    }
}

impl Piece {
    fn x(&self, time_s: i64) -> f64 {
        let share = (time_s - self.from_s) as f64 / (self.until_s - self.from_s).max(60) as f64;
        self.left + share * (self.right - self.left)
    }
}

fn is_on_grid(calendar: &Calendar, time_s: i64, unit_s: i64) -> bool {
    let at = chrono::DateTime::from_timestamp(time_s, 0).unwrap_or_default();
    (time_s + i64::from(calendar.local(at).utc_offset_s)).rem_euclid(unit_s) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_between_is_left_out() {
        let axis = Axis::of([(1_000_000, 1_003_600), (0, 3_600), (3_600, 7_200)]);
        assert_eq!(axis.pieces.len(), 2);
        assert_eq!(axis.x(500_000), None);
        assert_eq!(axis.x(0), Some(0.0));
        assert!((axis.x(1_003_600).unwrap() - WIDTH).abs() < 1e-6);
        assert_eq!(axis.places(7_000, 1_000_100).count(), 2);
        assert_eq!(axis.length_s(), 10_800);
    }

    #[test]
    fn days_begin_at_midnight_on_the_wall() {
        let paris = Calendar::utc().in_zone("Europe/Paris").unwrap();
        let start = 1_775_001_600; // Wed 1 Apr 2026, 02:00 in Paris
        let ticks = Axis::of([(start, start + 7 * 86_400)]).ticks(&paris);
        // The eighth would not fit.
        assert_eq!(ticks.len(), 6);
        assert_eq!(ticks[0].1, "Thu 2 Apr");
        assert!((ticks[0].0 - 22.0 / 168.0).abs() < 1e-6);
    }

    #[test]
    fn an_axis_without_time_is_no_trouble() {
        let axis = Axis::of([(60, 60)]);
        assert_eq!(axis.x(60), Some(0.0));
        assert!(!axis.ticks(&Calendar::utc()).is_empty());
        assert_eq!(Axis::of([]).x(0), None);
    }
}
