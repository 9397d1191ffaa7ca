//! Text into markup: escaping, instants on the wall, links.

use chrono::{DateTime, Duration};
use domain::{Calendar, Severity};

/// A text in which nothing is markup, within elements and attributes.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// `Wed 1 Apr 03:27` on the wall.
pub fn moment(calendar: &Calendar, time_s: i64) -> String {
    wall(calendar, time_s, "%a %-d %b %H:%M")
}

/// An instant on the wall, in a format of chrono.
pub fn wall(calendar: &Calendar, time_s: i64, format: &str) -> String {
    let at = DateTime::from_timestamp(time_s, 0).unwrap_or_default();
    let offset_s = calendar.local(at).utc_offset_s;
    (at + Duration::seconds(i64::from(offset_s))).format(format).to_string()
}

/// `8 min`, `2 h 5 min`, `3 days`.
pub fn length(seconds: i64) -> String {
    let minutes = (seconds + 30) / 60;
    match minutes {
        0..=119 => format!("{minutes} min"),
        120..=2_879 => format!("{} h {} min", minutes / 60, minutes % 60),
        _ => format!("{:.1} days", minutes as f64 / 1_440.0),
    }
}

/// The name of a service's place on the page.
pub fn anchor(service: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
    let hash = service
        .bytes()
        .fold(17_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    format!("s-{}-{hash:x}", service.chars().map(plain).collect::<String>())
}

/// A link to a service's place.
pub fn service_link(service: &str) -> String {
    format!("<a href=\"#{}\">{}</a>", anchor(service), escape(service))
}

/// A severity as a coloured word.
pub fn pill(severity: Severity) -> String {
    format!("<span class=\"pill {}\">{severity}</span>", severity_class(severity))
}

/// The class that gives a severity its colour.
pub fn severity_class(severity: Severity) -> &'static str {
    match severity {
        Severity::None => "s-none",
        Severity::Low => "s-low",
        Severity::Medium => "s-medium",
        Severity::High => "s-high",
        Severity::Critical => "s-critical",
    }
}

/// A share as a percentage, a dash where there is none.
pub fn percent(share: Option<f64>) -> String {
    share.map_or("–".to_owned(), |share| format!("{:.1} %", 100.0 * share))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(escape("<a href='x'>&\""), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
    }

    #[test]
    fn anchors_are_plain_and_differ() {
        assert_eq!(anchor("order"), anchor("order"));
        assert_ne!(anchor("a::b"), anchor("a/:b"));
        assert!(anchor("a b\"<").chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)));
    }

    #[test]
    fn lengths_and_moments_are_short() {
        assert_eq!(
            [29, 480, 7_500, 300_000].map(length),
            ["0 min", "8 min", "2 h 5 min", "3.5 days"]
        );
        let paris = Calendar::utc().in_zone("Europe/Paris").unwrap();
        assert_eq!(moment(&paris, 1_775_000_000), "Wed 1 Apr 01:33");
    }
}
