//! How the command looks: tables, tones, small charts, progress, and numbers for people.
//!
//! Colour is for terminals: with `NO_COLOR`, or into a pipe or file, everything is plain text and
//! there are no progress bars. Tables fit the terminal, and are as wide as they need to be
//! elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use chrono::{DateTime, Utc};
use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ContentArrangement, LineStyle, Table, TableStyle,
};
use domain::{Calendar, Severity};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use owo_colors::{OwoColorize, Stream, Style};

/// Wider tables are hard to read, however wide the terminal.
const TABLE_COLUMNS_MAX: u16 = 120;
/// Lines of text are wrapped here where the terminal does not say.
pub const COLUMNS: usize = 100;
/// A line below the heading and nowhere else.
const LIGHT: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// What a text means; it decides how the text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Strong,
    Faint,
    Good,
    Note,
    Warning,
    Bad,
    Worst,
}

impl Tone {
    /// The tone of a severity.
    pub fn of(severity: Severity) -> Tone {
        match severity {
            Severity::None => Tone::Faint,
            Severity::Low => Tone::Note,
            Severity::Medium => Tone::Warning,
            Severity::High => Tone::Bad,
            Severity::Critical => Tone::Worst,
        }
    }

    fn style(self) -> Style {
        match self {
            Tone::Plain => Style::new(),
            Tone::Strong => Style::new().bold(),
            Tone::Faint => Style::new().dimmed(),
            Tone::Good => Style::new().green(),
            Tone::Note => Style::new().cyan(),
            Tone::Warning => Style::new().yellow(),
            Tone::Bad => Style::new().red(),
            Tone::Worst => Style::new().red().bold(),
        }
    }
}

/// A text on standard output in its tone.
pub fn paint(tone: Tone, text: &str) -> String {
    text.if_supports_color(Stream::Stdout, |it| it.style(tone.style())).to_string()
}

/// True if standard output shows colours.
fn has_colour() -> bool {
    // There is no other question to ask than what becomes of a text.
    !paint(Tone::Strong, "").is_empty()
}

/// Columns of the terminal behind standard output.
pub fn columns() -> usize {
    terminal_columns().map_or(COLUMNS, usize::from)
}

fn terminal_columns() -> Option<u16> {
    std::io::stdout().is_terminal().then(|| Table::new().width()).flatten()
}

/// An empty table under a heading, for standard output.
pub fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(LIGHT).set_content_arrangement(ContentArrangement::Dynamic);
    if has_colour() {
        table.enforce_styling();
    } else {
        table.force_no_tty();
    }
    if let Some(columns) = terminal_columns() {
        table.set_width(columns.min(TABLE_COLUMNS_MAX));
    }
    table.set_header(header.iter().map(|title| cell(Tone::Faint, title)));
    table
}

/// A cell in a tone.
pub fn cell(tone: Tone, text: &str) -> Cell {
    let cell = Cell::new(text);
    match tone {
        Tone::Plain => cell,
        Tone::Strong => cell.add_attribute(Attribute::Bold),
        Tone::Faint => cell.add_attribute(Attribute::Dim),
        Tone::Good => cell.fg(Color::DarkGreen),
        Tone::Note => cell.fg(Color::DarkCyan),
        Tone::Warning => cell.fg(Color::DarkYellow),
        Tone::Bad => cell.fg(Color::DarkRed),
        Tone::Worst => cell.fg(Color::DarkRed).add_attribute(Attribute::Bold),
    }
}

/// A cell aligned to the right, for numbers.
pub fn number(text: impl ToString) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

/// A severity as a cell.
pub fn severity_cell(severity: Severity) -> Cell {
    cell(Tone::of(severity), severity.as_str())
}

/// A progress bar on standard error, or an invisible one. Without a length it is a spinner.
pub fn bar(is_shown: bool, label: &str, length: Option<u64>) -> ProgressBar {
    if !is_shown {
        return ProgressBar::hidden();
    }
    dress(ProgressBar::new_spinner(), label, length)
}

/// Several progress bars, one below the other.
pub fn bars<const N: usize>(is_shown: bool, labels: [(&str, Option<u64>); N]) -> [ProgressBar; N] {
    let all = MultiProgress::new();
    labels.map(|(label, length)| {
        if !is_shown {
            return ProgressBar::hidden();
        }
        // A bar must know its place before it is drawn for the first time.
        dress(all.add(ProgressBar::new_spinner()), label, length)
    })
}

fn dress(bar: ProgressBar, label: &str, length: Option<u64>) -> ProgressBar {
    bar.set_style(progress_style(SPINNER));
    bar.set_prefix(label.to_owned());
    if let Some(length) = length {
        measure(&bar, length);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// Turns a spinner into a bar, now that its length is known.
pub fn measure(bar: &ProgressBar, length: u64) {
    bar.set_style(progress_style(BAR));
    bar.set_length(length);
}

const SPINNER: &str = "  {prefix:<9} {spinner} {msg:.dim}";
const BAR: &str = "  {prefix:<9} {bar:32} {pos:>4}/{len} {msg:.dim}";

fn progress_style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template);
    style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸ ")
}

/// Values as a row of small bars, lowest to highest; where there is none, a gap.
pub fn sparkline(values: impl IntoIterator<Item = Option<f64>>) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let values: Vec<Option<f64>> =
        values.into_iter().map(|value| value.filter(|it| it.is_finite())).collect();
    let known = || values.iter().flatten().copied();
    let (low, high) = (known().fold(f64::MAX, f64::min), known().fold(f64::MIN, f64::max));
    let level = |value: f64| {
        let share = if high > low { (value - low) / (high - low) } else { 0.0 };
        BARS[((share * 8.0) as usize).min(7)]
    };
    values.iter().map(|value| value.map_or(' ', level)).collect()
}

/// A length of time with the precision that matters: `140 µs`, `850 ms`, `12.3 s`, `4 min`, `3 h 20 min`.
pub fn duration(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0 if length.as_micros() < 1_000 => format!("{} µs", length.as_micros()),
        0 => format!("{} ms", length.as_millis()),
        1..=99 => format!("{:.1} s", length.as_secs_f64()),
        100..=7_199 => format!("{} min", (seconds + 30) / 60),
        7_200..=172_799 => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// A length of time to the minute: `0 min`, `38 min`, `4 h 30 min`.
pub fn minutes(length: Duration) -> String {
    match (length.as_secs() + 30) / 60 {
        minutes @ 0..=119 => format!("{minutes} min"),
        minutes => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}

/// How long ago something was, or that it is yet to come.
pub fn ago(then: DateTime<Utc>, now: DateTime<Utc>) -> String {
    match (now - then).to_std() {
        Ok(length) if length.as_secs() == 0 => "now".to_owned(),
        Ok(length) => format!("{} ago", duration(length)),
        Err(_) => format!("in {}", duration((then - now).to_std().unwrap_or_default())),
    }
}

/// A size in bytes: `812 B`, `4.2 KB`, `13 MB`.
pub fn bytes(count: u64) -> String {
    let scaled = |unit: f64, name: &str| {
        let size = count as f64 / unit;
        if size < 10.0 { format!("{size:.1} {name}") } else { format!("{size:.0} {name}") }
    };
    match count {
        0..=999 => format!("{count} B"),
        1_000..=999_499 => scaled(1e3, "KB"),
        999_500..=999_499_999 => scaled(1e6, "MB"),
        _ => scaled(1e9, "GB"),
    }
}

/// One of something, or several: `1 service`, `3 services`.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// An instant in UTC to the minute: `2026-04-01 10:14 UTC`.
pub fn instant(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// The time of day on a calendar's wall: `10:14`.
pub fn clock(calendar: &Calendar, at: DateTime<Utc>) -> String {
    let local = calendar.local(at);
    format!("{:02}:{:02}", local.hour, local.minute)
}

/// The day on a calendar's wall: `Wed 1 Apr 2026`.
pub fn day(calendar: &Calendar, at: DateTime<Utc>) -> String {
    let offset_s = calendar.local(at).utc_offset_s;
    let local = at + chrono::Duration::seconds(i64::from(offset_s));
    local.format("%a %-d %b %Y").to_string()
}

/// Breaks a text at spaces into lines of at most so many characters, where its words allow it.
pub fn wrap(text: &str, chars_max: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= chars_max => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A text as one word of a POSIX shell.
pub fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./+@%:".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Shortens a text to so many characters; the last one tells that there was more.
pub fn shorten(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let kept: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparkline_runs_from_the_lowest_to_the_highest() {
        let line = |values: &[f64]| sparkline(values.iter().map(|value| Some(*value)));
        assert_eq!(line(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]), "▁▂▃▄▅▆▇█");
        assert_eq!(line(&[5.0, 5.0]), "▁▁");
        assert_eq!(sparkline([Some(1.0), None, Some(f64::NAN), Some(2.0)]), "▁  █");
        assert_eq!(line(&[]), "");
    }

    #[test]
    fn lengths_of_time_are_short() {
        let text = |seconds: f64| duration(Duration::from_secs_f64(seconds));
        let all = [0.000_14, 0.85, 12.34, 240.0, 12_000.0, 864_000.0].map(text);
        assert_eq!(all, ["140 µs", "850 ms", "12.3 s", "4 min", "3 h 20 min", "10 days"]);
        let text = |seconds| minutes(Duration::from_secs(seconds));
        assert_eq!([0, 2_280, 16_200].map(text), ["0 min", "38 min", "4 h 30 min"]);
    }

    #[test]
    fn past_and_future_are_told_apart() {
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let now = at("2026-04-01T10:00:00Z");
        assert_eq!(ago(at("2026-04-01T09:30:00Z"), now), "30 min ago");
        assert_eq!(ago(at("2026-04-01T10:30:00Z"), now), "in 30 min");
        assert_eq!(ago(now, now), "now");
    }

    #[test]
    fn sizes_have_two_digits() {
        assert_eq!([812, 4_200, 13_400_000].map(bytes), ["812 B", "4.2 KB", "13 MB"]);
        assert_eq!(bytes(999_700), "1.0 MB");
    }

    #[test]
    fn a_day_is_the_one_on_the_wall() {
        let paris = Calendar::utc().in_zone("Europe/Paris").unwrap();
        let at = "2026-03-31T22:30:00Z".parse().unwrap();
        assert_eq!((day(&paris, at), clock(&paris, at)), ("Wed 1 Apr 2026".into(), "00:30".into()));
    }

    #[test]
    fn lines_break_at_spaces() {
        assert_eq!(wrap("one two  three four", 8), ["one two", "three", "four"]);
        assert_eq!(wrap("unbreakable", 4), ["unbreakable"]);
        assert!(wrap("", 4).is_empty());
    }

    #[test]
    fn words_of_a_shell_stay_whole() {
        assert_eq!(shell_word("./yaga-demo"), "./yaga-demo");
        assert_eq!(shell_word("my estate"), "'my estate'");
        assert_eq!(shell_word("it's"), r"'it'\''s'");
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(shorten("latency", 7), "latency");
        assert_eq!(shorten("a latency", 3), "a…");
    }
}
