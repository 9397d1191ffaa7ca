//! What to do, most urgent first: the actions of a pattern, and what single metrics suggest.

use domain::Severity;

/// What kind of step an action is, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Prefix {
    Immediate,
    Verify,
    Check,
    Investigate,
    Correlate,
    Timeline,
    Assess,
    Identify,
    Focus,
    Consider,
    Prepare,
    Decide,
    Review,
    Monitor,
}

/// One step; the text may have placeholders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Action {
    pub prefix: Prefix,
    pub text: &'static str,
}

/// Actions that are shown.
pub const ACTIONS_MAX: usize = 5;

/// An action of a table.
pub const fn action(prefix: Prefix, text: &'static str) -> Action {
    Action { prefix, text }
}

/// The list that people see: the first [`ACTIONS_MAX`] that are given, each once, in the order of
/// urgency. What is given first is more to the point, so it is not crowded out by what is general.
pub fn recommend(actions: Vec<(Prefix, String)>) -> Vec<String> {
    let mut kept: Vec<(Prefix, String)> = Vec::new();
    for (prefix, text) in actions {
        let is_told = kept.iter().any(|(_, known)| known.eq_ignore_ascii_case(&text));
        if !is_told && kept.len() < ACTIONS_MAX {
            kept.push((prefix, text));
        }
    }
    kept.sort_by_key(|(prefix, _)| *prefix);
    kept.into_iter().map(|(prefix, text)| format!("{} {text}", prefix.as_str())).collect()
}

/// What a severity alone asks for.
pub fn by_severity(severity: Severity) -> Option<(Prefix, String)> {
    match severity {
        Severity::Critical => {
            Some((Prefix::Assess, "how many users are affected, and tell them".to_owned()))
        }
        Severity::Low => Some((Prefix::Monitor, "whether it goes on".to_owned())),
        _ => None,
    }
}

impl Prefix {
    /// The word in front of an action.
    pub fn as_str(self) -> &'static str {
        match self {
            Prefix::Immediate => "IMMEDIATE",
            Prefix::Verify => "VERIFY",
            Prefix::Check => "CHECK",
            Prefix::Investigate => "INVESTIGATE",
            Prefix::Correlate => "CORRELATE",
            Prefix::Timeline => "TIMELINE",
            Prefix::Assess => "ASSESS",
            Prefix::Identify => "IDENTIFY",
            Prefix::Focus => "FOCUS",
            Prefix::Consider => "CONSIDER",
            Prefix::Prepare => "PREPARE",
            Prefix::Decide => "DECIDE",
            Prefix::Review => "REVIEW",
            Prefix::Monitor => "MONITOR",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_ordered_by_urgency_told_once_and_few() {
        let given = [
            (Prefix::Review, "recent releases"),
            (Prefix::Check, "logs"),
            (Prefix::Immediate, "scale out"),
            (Prefix::Check, "Logs"),
            (Prefix::Check, "pools"),
            (Prefix::Verify, "reachability"),
            (Prefix::Monitor, "errors"),
            (Prefix::Focus, "on the database"),
        ];
        let given = given.map(|(prefix, text)| (prefix, text.to_owned())).to_vec();
        insta::assert_snapshot!(recommend(given).join("\n"), @r"
        IMMEDIATE scale out
        VERIFY reachability
        CHECK logs
        CHECK pools
        REVIEW recent releases
        ");
    }
}
