//! The known word that a mistyped one most likely means.

/// Characters beyond which nobody mistyped a word.
const WORD_CHARS_MAX: usize = 64;

/// Letters that a part of a word must have to stand for the whole.
const PART_CHARS_MIN: usize = 4;

/// The candidate nearest to `word`: by edit distance, else one that contains it or is contained.
///
/// Case does not count. Of equally near candidates the first wins.
pub(crate) fn nearest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let word = word.to_lowercase();
    let chars = word.chars().count();
    if chars > WORD_CHARS_MAX {
        return None;
    }
    let allowed = 1 + chars / 4;
    let rank = |candidate: &str| {
        let candidate = candidate.to_lowercase();
        let is_near = chars.abs_diff(candidate.chars().count()) <= allowed;
        let edits = if is_near { distance(&word, &candidate) } else { usize::MAX };
        if edits <= allowed {
            return Some(edits);
        }
        let (short, long) =
            if word.len() < candidate.len() { (&word, &candidate) } else { (&candidate, &word) };
        let is_part = short.chars().count() >= PART_CHARS_MIN && long.contains(short.as_str());
        is_part.then(|| WORD_CHARS_MAX + long.len() - short.len())
    };
    let ranked = candidates.into_iter().filter_map(|c| rank(c).map(|rank| (rank, c)));
    ranked.min_by_key(|(rank, _)| *rank).map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours from one word to the other
/// (optimal string alignment).
fn distance(from: &str, to: &str) -> usize {
    let (from, to): (Vec<char>, Vec<char>) = (from.chars().collect(), to.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=to.len()).collect();
    for i in 1..=from.len() {
        let mut row = vec![i];
        for j in 1..=to.len() {
            let replaced = above[j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut edits = replaced.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                edits = edits.min(before[j - 2] + 1);
            }
            row.push(edits);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (from, to, edits) in [
            ("", "", 0),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("lookbakc", "lookback", 1),
            ("größe", "grösse", 2),
        ] {
            assert_eq!(distance(from, to), edits, "{from} {to}");
            assert_eq!(distance(to, from), edits, "{to} {from}");
        }
    }

    #[test]
    fn the_nearest_known_word_is_found() {
        let known = ["timeout_seconds", "max_retries", "lag_seconds"];
        assert_eq!(nearest("timeout_second", known), Some("timeout_seconds"));
        assert_eq!(nearest("maxRetries", known), Some("max_retries"));
        assert_eq!(nearest("timeout", known), Some("timeout_seconds"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest(&"x".repeat(1000), known), None);
    }
}
