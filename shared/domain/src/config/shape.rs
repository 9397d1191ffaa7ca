//! Types and ranges of settings, and how they are called in messages and documents.

/// What a value must look like.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    Boolean,
    Integer {
        min: i64,
        max: i64,
    },
    /// A whole number, or one word that leaves the choice to the program.
    IntegerOr {
        word: &'static str,
        min: i64,
        max: i64,
    },
    Number {
        min: f64,
        max: f64,
    },
    /// One of a few words.
    Word(&'static [&'static str]),
    Text(Form),
    /// A full hour of a day: a number or a text like `08:00`.
    Hour {
        max: i64,
    },
    List(&'static Shape),
    /// An object whose inside is not looked at.
    Object,
    Anything,
}

/// What a text must look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Free,
    NotEmpty,
    Duration,
    Zone,
    MetricsEndpoint,
    ModelsDirectory,
    State,
    Opening,
    LogLevel,
    Moment,
    Service,
    Weekday,
    Regex,
    HttpUrl,
    UrlPath,
    TopicArn,
    Variant,
}

/// Items of any list of a document.
pub(crate) const LIST_ITEMS_MAX: usize = 10_000;

/// Bounds of a number that has none of its own: beyond it, counting in `f64` is not exact.
const NO_BOUND: f64 = 1e15;

pub(crate) const fn integer(min: i64, max: i64) -> Shape {
    Shape::Integer { min, max }
}

pub(crate) const fn number(min: f64, max: f64) -> Shape {
    Shape::Number { min, max }
}

/// A number that must not be negative.
pub(crate) const fn at_least_zero() -> Shape {
    Shape::Number { min: 0.0, max: NO_BOUND }
}

impl Shape {
    /// Whether an environment variable can hold such a value.
    pub(crate) fn is_scalar(&self) -> bool {
        !matches!(self, Shape::List(_) | Shape::Object | Shape::Anything)
    }

    /// What to write, as a noun: `a whole number from 1 to 120`.
    pub(crate) fn described(&self) -> String {
        match self {
            Shape::Boolean => "true or false".to_owned(),
            Shape::Integer { min, max: i64::MAX } => format!("a whole number from {min}"),
            Shape::Integer { min, max } if min == max => format!("the number {min}"),
            Shape::Integer { min, max } => format!("a whole number from {min} to {max}"),
            Shape::IntegerOr { word, min, max } => {
                format!("a whole number from {min} to {max}, or {word:?}")
            }
            Shape::Number { min, max } if *max >= NO_BOUND => format!("a number from {min}"),
            Shape::Number { min, max } => format!("a number from {min} to {max}"),
            Shape::Word(words) => quoted_words(words),
            Shape::Text(form) => form.described().to_owned(),
            Shape::Hour { max } => format!("a full hour from 0 to {max}, like 8 or \"08:00\""),
            Shape::List(item) => format!("a list; each item: {}", item.described()),
            Shape::Object => "an object".to_owned(),
            Shape::Anything => "any value".to_owned(),
        }
    }
}

impl Form {
    /// What to write, as a noun.
    pub(crate) fn described(self) -> &'static str {
        match self {
            Form::Free => "a text",
            Form::NotEmpty => "a text that is not empty",
            Form::Duration => "a duration from 1s to 1d, like \"2m\" (units s, m, h, d)",
            Form::Zone => "an IANA time zone, like \"Europe/Paris\" or \"UTC\"",
            Form::MetricsEndpoint => {
                "an address, \"https://host:8428\", or a recording, \"file://recording.jsonl.gz\""
            }
            Form::ModelsDirectory => "a folder, \"./yaga_models\", or \"s3://bucket/prefix\"",
            Form::State => "a file, \"./anomaly_state.db\", or \"dynamodb://table\"",
            Form::Opening => "\"forest\" or \"residual\"",
            Form::LogLevel => "\"error\", \"warn\", \"info\" or \"debug\"",
            Form::Moment => {
                "a date, \"2026-12-24\", or an instant, \"2026-12-24T18:00:00+01:00\" \
                 (without an offset: in the configured zone)"
            }
            Form::Service => "a service name of 1 to 100 characters",
            Form::Weekday => {
                "a day: \"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\" or \"sun\""
            }
            Form::Regex => "a regular expression for status codes, like \"5..\"",
            Form::HttpUrl => "an address that begins with http:// or https://",
            Form::UrlPath => "a path that begins with /",
            Form::Variant => "\"none\", or a name of 1 to 40 lower-case letters, digits, - and _",
            Form::TopicArn => "a topic's ARN, like \"arn:aws:sns:eu-west-1:123456789012:alerts\"",
        }
    }

    /// The code of a text that is not of this form.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Form::MetricsEndpoint => "VM001",
            Form::ModelsDirectory => "MDL001",
            Form::State => "FP001",
            Form::Opening => "DET001",
            Form::Service => "SVC001",
            Form::Zone => "TP003",
            Form::HttpUrl | Form::UrlPath | Form::TopicArn => "OBS001",
            _ => "GEN002",
        }
    }
}

fn quoted_words(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}
