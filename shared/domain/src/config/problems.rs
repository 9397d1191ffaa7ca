//! What can be wrong with a configuration, and how it is said.

/// Whether a problem stops the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Error,
    Warning,
}

/// One thing that is wrong: where, what, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Stable, for people who search and tools that filter. The text is free to change.
    pub code: &'static str,
    /// JSON path of the key; empty for the document as a whole.
    pub path: String,
    pub message: String,
    pub level: Level,
}

/// All problems of one configuration: errors first, then warnings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

/// Problems that are printed; a broken document can have as many as it has keys.
const PROBLEMS_SHOWN_MAX: usize = 100;

/// Every code with its meaning, for the documentation.
pub(crate) const CODES: &[(&str, &str)] = &[
    ("GEN001", "unknown key"),
    ("GEN002", "value of the wrong type or form"),
    ("GEN003", "key that is checked, but not used yet, or has no effect (warning)"),
    ("GEN004", "key that must be there is missing"),
    ("GEN005", "key is there twice"),
    ("GEN006", "document is not JSON, or too large"),
    ("GEN007", "value out of range, or a list too long"),
    ("VM001", "endpoint is not of a known form"),
    ("VM002", "timeout out of range"),
    ("MDL001", "models directory is not of a known form"),
    ("MET001", "list of metrics is not usable"),
    ("MET002", "service expects a metric that is not read"),
    ("TRN001", "validation fraction out of range, or limits or percentiles not in order"),
    ("TRN002", "excluded period is not usable"),
    ("DET001", "way of opening is not known"),
    ("DET002", "severity scores not in order"),
    ("SVC001", "service name is not usable"),
    ("SVC002", "service is listed twice"),
    ("SVC003", "contamination out of range"),
    ("SVC004", "settings for a service that is not listed (warning)"),
    ("CAT001", "category name is not usable"),
    ("CAT002", "settings for a category without services (warning)"),
    ("TP001", "periods do not cover the week exactly once"),
    ("TP002", "hours in no period go to the default of `gap_assignment` (warning)"),
    ("TP003", "time zone is not known"),
    ("FP003", "incidents are hardly further apart than the calm that ends them"),
    ("FP004", "incidents are kept for less time than they may be opened again"),
    ("DEP001", "a service of the graph is not listed"),
    ("DEP002", "service calls itself"),
    ("DEP003", "services call each other in a circle"),
    ("ALR002", "silence is not usable"),
    ("ENV001", "the proxy's metrics have no server"),
    ("OBS001", "address or path of a receiver is not usable"),
    ("SLO001", "default latency: acceptable not below warning"),
    ("SLO002", "default latency: warning not below critical"),
    ("SLO003", "default error rate: acceptable not below warning"),
    ("SLO004", "default error rate: warning not below critical"),
    ("SLO006", "limits of a service not in order, together with what it inherits"),
    ("SLO007", "ratios of database latency not in order"),
    ("SLO008", "surge not above 100 %, or cliff not between 0 and 100 %"),
    ("SLO009", "busy period is not usable"),
    ("SLO010", "share of errors out of range; 1 % is written 0.01"),
    ("SLO011", "floor of the error rate above its critical limit (warning)"),
    ("SLO012", "objectives for a service that is not listed (warning)"),
    ("SLO013", "inherited limit moved between a service's own (warning)"),
    ("SEC001", "value looks like a secret"),
];

impl Problem {
    pub(crate) fn error(
        code: &'static str,
        path: impl ToString,
        message: impl Into<String>,
    ) -> Problem {
        Problem { code, path: path.to_string(), message: message.into(), level: Level::Error }
    }

    pub(crate) fn warning(
        code: &'static str,
        path: impl ToString,
        message: impl Into<String>,
    ) -> Problem {
        Problem { level: Level::Warning, ..Problem::error(code, path, message) }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let level = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        match self.path.as_str() {
            "" => write!(f, "{level} {}: {}", self.code, self.message),
            path => write!(f, "{level} {} at {path}: {}", self.code, self.message),
        }
    }
}

impl std::fmt::Display for Problems {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let warnings = self.0.iter().filter(|p| p.level == Level::Warning).count();
        let errors = self.0.len() - warnings;
        write!(f, "the configuration has {}", counted(errors, "error"))?;
        if warnings > 0 {
            write!(f, " and {}", counted(warnings, "warning"))?;
        }
        for (index, problem) in self.0.iter().take(PROBLEMS_SHOWN_MAX).enumerate() {
            write!(f, "\n{:>3}. {problem}", index + 1)?;
        }
        if self.0.len() > PROBLEMS_SHOWN_MAX {
            write!(f, "\n     and {} more", self.0.len() - PROBLEMS_SHOWN_MAX)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
