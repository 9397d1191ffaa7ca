//! Numbers of models as people read them: three significant digits, and a unit. And lines that are
//! not too long.

use domain::MetricKind;

use crate::terminal::{COLUMNS, Tone, paint};

/// Characters of the left one of two columns.
const LABEL_CHARS: usize = 14;

/// A value with its unit: `41.3 req/s`, `636 ms`, `1.23 %`.
pub(super) fn value(kind: MetricKind, unit: &str, value: f64) -> String {
    format!("{} {}", number(kind, value), unit_of(kind, unit)).trim_end().to_owned()
}

/// A value without its unit; a share is in percent.
pub(super) fn number(kind: MetricKind, value: f64) -> String {
    match kind {
        MetricKind::Ratio => significant(100.0 * value),
        MetricKind::Rate | MetricKind::Latency | MetricKind::Gauge => significant(value),
    }
}

/// The unit that [`number`] is in.
pub(super) fn unit_of(kind: MetricKind, unit: &str) -> &str {
    match kind {
        MetricKind::Latency => "ms",
        MetricKind::Ratio => "%",
        MetricKind::Rate | MetricKind::Gauge => unit,
    }
}

/// A share as percent: `4.1 %`.
pub(super) fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// Three significant digits, without an exponent for everyday sizes.
pub(super) fn significant(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        size if size >= 0.9995 => format!("{value:.2}"),
        size if size >= 0.09995 => format!("{value:.3}"),
        size if size >= 0.001 => format!("{value:.4}"),
        _ => format!("{value:.1e}"),
    }
}

/// A label and a text beside it; the label is faint, and a long text goes on below itself.
pub(super) fn pair(label: &str, text: &str) -> String {
    let label = paint(Tone::Faint, &format!("{label:<LABEL_CHARS$}"));
    format!("  {label} {}", wrap(text, LABEL_CHARS + 3))
}

/// Breaks a text between words where it would pass the last column, and indents what follows.
pub(super) fn wrap(text: &str, indent: usize) -> String {
    let mut out = String::new();
    let mut used = indent;
    for word in text.split(' ') {
        let width = visible_chars(word);
        if used > indent && used + 1 + width > COLUMNS {
            out += &format!("\n{:indent$}", "");
            used = indent;
        } else if used > indent || !out.is_empty() {
            out.push(' ');
            used += 1;
        }
        out += word;
        used += width;
    }
    out
}

/// Characters that take a column: colours do not.
fn visible_chars(text: &str) -> usize {
    let mut parts = text.split('\u{1b}');
    let plain = parts.next().map_or(0, |part| part.chars().count());
    let coloured = |part: &str| part.split_once('m').map_or(0, |(_, text)| text.chars().count());
    plain + parts.map(coloured).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_a_unit() {
        let all = [12_345.6, 99.97, 41.25, 9.999, 1.234, 0.5, 0.0123, 0.00001, 0.0, -3.5];
        assert_eq!(
            all.map(significant),
            ["12346", "100", "41.2", "10.0", "1.23", "0.500", "0.0123", "1.0e-5", "0", "-3.50"]
        );
        assert_eq!(value(MetricKind::Ratio, "share", 0.0123), "1.23 %");
        assert_eq!(value(MetricKind::Rate, "req/s", 41.25), "41.2 req/s");
        assert_eq!(value(MetricKind::Gauge, "", 7.0), "7.00");
        assert_eq!(percent(0.0405), "4.0 %");
    }

    #[test]
    fn long_texts_go_on_below_themselves() {
        let text = ["word"; 40].join(" ");
        let lines: Vec<String> = wrap(&text, 10).lines().map(str::to_owned).collect();
        assert!(lines.len() == 3 && lines.iter().skip(1).all(|it| it.starts_with("          w")));
        assert!(lines[1..].iter().all(|line| line.chars().count() <= COLUMNS), "{lines:?}");
        let words = |text: &str| text.split_whitespace().count();
        assert_eq!(words(&wrap(&text, 10)), 40);
        assert_eq!(wrap("a  b", 10), "a  b");
        assert_eq!(visible_chars("\u{1b}[31mred\u{1b}[0m"), 3);
    }
}
