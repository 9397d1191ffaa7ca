//! Texts of bounded length.

/// The start of a text, at most `chars_max` characters; what is cut ends in `…`.
pub fn cut(text: &str, chars_max: usize) -> String {
    let mut chars = text.chars();
    let start: String = chars.by_ref().take(chars_max).collect();
    if chars.next().is_none() {
        return start;
    }
    let mut shorter: String = start.chars().take(chars_max.saturating_sub(1)).collect();
    shorter.push('…');
    shorter
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("äöüß", 3), "äö…");
        assert_eq!(cut("", 3), "");
    }
}
