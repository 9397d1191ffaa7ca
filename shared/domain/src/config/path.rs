//! The place of a value in a document.

/// Names and positions from the root to a value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Path(Vec<Segment>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Name(String),
    Index(usize),
}

/// Characters of one name that are shown.
const NAME_CHARS_SHOWN_MAX: usize = 100;

impl Path {
    /// The path of a key without wildcards, like `training.lookback_days`.
    pub(crate) fn of(key: &str) -> Path {
        Path(key.split('.').map(|name| Segment::Name(name.to_owned())).collect())
    }

    pub(crate) fn name(&self, name: &str) -> Path {
        self.with(Segment::Name(name.to_owned()))
    }

    pub(crate) fn index(&self, index: usize) -> Path {
        self.with(Segment::Index(index))
    }

    fn with(&self, segment: Segment) -> Path {
        let mut segments = self.0.clone();
        segments.push(segment);
        Path(segments)
    }

    /// The name at a position, the first being 0.
    pub(crate) fn name_at(&self, position: usize) -> &str {
        match self.0.get(position) {
            Some(Segment::Name(name)) => name,
            _ => "",
        }
    }

    /// The last name, if the path ends in one.
    pub(crate) fn last_name(&self) -> &str {
        self.name_at(self.0.len().saturating_sub(1))
    }

    /// The first position in a list on the way.
    pub(crate) fn first_index(&self) -> Option<usize> {
        self.0.iter().find_map(|segment| match segment {
            Segment::Index(index) => Some(*index),
            Segment::Name(_) => None,
        })
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Name(name) if !is_plain(name) => write!(f, "[{}]", quoted(name))?,
                Segment::Name(name) if position == 0 => write!(f, "{name}")?,
                Segment::Name(name) => write!(f, ".{name}")?,
            }
        }
        Ok(())
    }
}

/// Whether a name reads well between dots.
fn is_plain(name: &str) -> bool {
    let fits = (1..=NAME_CHARS_SHOWN_MAX).contains(&name.len());
    fits && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-$".contains(c))
}

fn quoted(name: &str) -> String {
    if name.chars().count() <= NAME_CHARS_SHOWN_MAX {
        return format!("{name:?}");
    }
    let start: String = name.chars().take(NAME_CHARS_SHOWN_MAX).collect();
    format!("{:?}", start + "…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_unusual_characters_are_quoted() {
        let path = Path::of("services_meta").name("a.b").name("timezone");
        assert_eq!(path.to_string(), "services_meta[\"a.b\"].timezone");
        assert_eq!(Path::of("metrics").index(3).name("kind").to_string(), "metrics[3].kind");
        assert_eq!(Path::default().name("m2-fr").to_string(), "m2-fr");
    }
}
