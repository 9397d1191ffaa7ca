//! A curve as text: eight dots per character, an axis with values, a line at zero.
//!
//! What lies below zero is flagged: it is red where there are colours, and drawn with a thick axis
//! everywhere.

use crate::terminal::{Tone, paint};

/// Characters between the axes.
pub const WIDTH: usize = 60;
/// Lines between the axes.
pub const HEIGHT: usize = 8;
/// Samples that a curve has: a character is two dots wide.
pub const SAMPLES: usize = 2 * WIDTH;

/// Dots of a character, top to bottom.
const DOTS: usize = 4;
/// Characters in front of the axis.
const MARGIN: usize = 8;
/// The dots of a character in Unicode's order: left column, then right, each from the top.
const BRAILLE: [[u32; DOTS]; 2] = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]];

/// A curve over an even grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// [`SAMPLES`] values, left to right.
    pub values: Vec<f64>,
    /// Text below the axis, and where it is centred: 0 is the left end, 1 the right one.
    pub ticks: Vec<(f64, String)>,
    /// A stretch to mark below the axis with its middle, and what it is.
    pub span: Option<Span>,
}

/// A stretch of the axis: shares of its length.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    pub from: f64,
    pub middle: f64,
    pub to: f64,
    pub label: String,
}

/// The lines of a curve: plot, axis, texts of the ticks, and the span.
pub fn draw(curve: &Curve) -> Vec<String> {
    let scale = Scale::of(&curve.values);
    let cells = cells(&curve.values, &scale);
    let mut lines: Vec<String> = (0..HEIGHT).map(|row| plot_line(row, &cells, &scale)).collect();
    lines.push(axis(curve));
    lines.push(format!("{:MARGIN$} {}", "", tick_texts(&curve.ticks)).trim_end().to_owned());
    lines.extend(curve.span.as_ref().map(span_line));
    lines
}

/// From the highest to the lowest value, zero included.
struct Scale {
    high: f64,
    low: f64,
}

impl Scale {
    fn of(values: &[f64]) -> Scale {
        let finite = || values.iter().copied().filter(|value| value.is_finite());
        let (high, low) = (finite().fold(0.0, f64::max), finite().fold(0.0, f64::min));
        // A line without height would have no place for zero.
        if high > low { Scale { high, low } } else { Scale { high: 1.0, low: -1.0 } }
    }

    /// The dot of a value, 0 at the top.
    fn dot(&self, value: f64) -> usize {
        let last = (HEIGHT * DOTS - 1) as f64;
        let share = (self.high - value) / (self.high - self.low);
        (share * last).round().clamp(0.0, last) as usize
    }

    fn zero_row(&self) -> usize {
        self.dot(0.0) / DOTS
    }
}

/// A character of the plot.
#[derive(Debug, Clone, Copy, Default)]
struct Dots {
    above: u32,
    is_flagged: bool,
}

fn cells(values: &[f64], scale: &Scale) -> Vec<[Dots; WIDTH]> {
    let mut cells = vec![[Dots::default(); WIDTH]; HEIGHT];
    let mut before = None;
    for (x, value) in values.iter().take(SAMPLES).enumerate() {
        let dot = scale.dot(*value);
        let last: usize = before.unwrap_or(dot);
        // A jump is a line, not a hole.
        let (top, bottom) = match last.cmp(&dot) {
            std::cmp::Ordering::Less => (last + 1, dot),
            std::cmp::Ordering::Equal => (dot, dot),
            std::cmp::Ordering::Greater => (dot, last - 1),
        };
        for y in top..=bottom {
            let cell = &mut cells[y / DOTS][x / 2];
            cell.above |= BRAILLE[x % 2][y % DOTS];
            cell.is_flagged |= *value < 0.0;
        }
        before = Some(dot);
    }
    cells
}

fn plot_line(row: usize, cells: &[[Dots; WIDTH]], scale: &Scale) -> String {
    let is_zero = row == scale.zero_row();
    let label = match row {
        _ if is_zero => "0".to_owned(),
        0 => format!("{:+.2}", scale.high),
        _ if row == HEIGHT - 1 => format!("{:+.2}", scale.low),
        _ => String::new(),
    };
    let mut line = format!("{label:>MARGIN$} {}", if is_zero { '┼' } else { '│' });
    for dots in &cells[row] {
        let shown = char::from_u32(0x2800 + dots.above).unwrap_or(' ').to_string();
        line += &match (dots.above, is_zero) {
            (0, true) => paint(Tone::Faint, "╌"),
            (0, false) => " ".to_owned(),
            _ if dots.is_flagged => paint(Tone::Bad, &shown),
            _ => paint(Tone::Good, &shown),
        };
    }
    line.trim_end().to_owned()
}

fn axis(curve: &Curve) -> String {
    let is_flagged = |x: usize| curve.values.get(2 * x).is_some_and(|value| *value < 0.0);
    let is_tick = |x: usize| curve.ticks.iter().any(|(at, _)| column(*at) == x);
    let mut line = format!("{:MARGIN$} └", "");
    for x in 0..WIDTH {
        line += &match (is_flagged(x), is_tick(x)) {
            (true, true) => paint(Tone::Bad, "┯"),
            (true, false) => paint(Tone::Bad, "━"),
            (false, true) => "┬".to_owned(),
            (false, false) => "─".to_owned(),
        };
    }
    line
}

/// Texts centred below their ticks; one that would touch the text before it is left out.
fn tick_texts(ticks: &[(f64, String)]) -> String {
    let mut line = String::new();
    for (at, text) in ticks {
        let chars = text.chars().count();
        let used = line.chars().count();
        // One to the right: the axis begins with its corner.
        let start = (column(*at) + 1).saturating_sub(chars / 2);
        let start = start.min((WIDTH + 1).saturating_sub(chars));
        if used > 0 && start <= used {
            continue;
        }
        line += &" ".repeat(start.saturating_sub(used));
        line += text;
    }
    line
}

fn span_line(span: &Span) -> String {
    let (from, middle, to) = (column(span.from), column(span.middle), column(span.to));
    let bar: String = (from..=to)
        .map(|x| match x {
            _ if x == middle => '┿',
            _ if x == from => '├',
            _ if x == to => '┤',
            _ => '─',
        })
        .collect();
    // Beside the bar, on the side where there is room.
    let label = format!(" {} ", span.label);
    let chars = label.chars().count();
    let line = if to + 1 + chars <= WIDTH + MARGIN {
        format!("{:1$}{bar}{label}", "", from + 1)
    } else {
        let label: String = if chars <= from + 1 { label } else { String::new() };
        format!("{label:>0$}{bar}", from + 1)
    };
    format!("{:MARGIN$} {}", "", paint(Tone::Faint, line.trim_end()))
}

/// The character of a share of the axis.
fn column(share: f64) -> usize {
    ((share * (WIDTH - 1) as f64).round().max(0.0) as usize).min(WIDTH - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_has_an_axis_a_zero_line_and_its_flagged_ends() {
        let values = (0..SAMPLES).map(|x| {
            let share = x as f64 / (SAMPLES - 1) as f64;
            0.12 - 1.2 * (share - 0.5) * (share - 0.5)
        });
        let curve = Curve {
            values: values.collect(),
            ticks: [(0.0, "10"), (0.5, "60"), (1.0, "110")].map(|(at, it)| (at, it.into())).into(),
            span: Some(Span { from: 0.3, middle: 0.5, to: 0.7, label: "usual".to_owned() }),
        };
        insta::assert_snapshot!(format!("\n{}", draw(&curve).join("\n")));
    }

    #[test]
    fn a_flat_curve_and_none_at_all_do_not_fail() {
        for values in [vec![0.0; SAMPLES], vec![f64::NAN; SAMPLES], Vec::new()] {
            let lines = draw(&Curve { values, ticks: Vec::new(), span: None });
            assert_eq!(lines.len(), HEIGHT + 2);
        }
    }

    #[test]
    fn texts_never_touch_each_other() {
        let ticks = [(0.0, "1234567"), (0.05, "8"), (1.0, "900")].map(|(at, it)| (at, it.into()));
        let line = tick_texts(&ticks);
        assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["1234567", "900"]);
        assert_eq!(line.chars().count(), WIDTH + 1);
    }
}
