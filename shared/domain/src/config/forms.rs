//! Reading texts of a known form: addresses, folders, durations, hours, days, zones.

use chrono_tz::{TZ_VARIANTS, Tz};

use super::moment;
use super::nearest::nearest;
use super::shape::Form;
use super::tree::shown_text;
use super::valid::{LogLevel, MetricsLocation, ModelsLocation, Opening, StateLocation};
use crate::service::ServiceName;
use crate::slot::Variant;

/// The longest duration, in seconds.
const DURATION_S_MAX: u64 = 86_400;
/// Digits of the number of an AWS account.
const ACCOUNT_DIGITS: usize = 12;
const TOPIC_NAME_CHARS_MAX: usize = 256;

/// Says what is wrong with a text that is not of the form.
pub(crate) fn check(form: Form, text: &str) -> Result<(), String> {
    let fits = match form {
        Form::Free => true,
        Form::NotEmpty => !text.trim().is_empty(),
        Form::Duration => duration_s(text).is_some(),
        Form::Zone => return check_zone(text),
        Form::MetricsEndpoint => metrics_location(text).is_some(),
        Form::ModelsDirectory => models_location(text).is_some(),
        Form::State => state_location(text).is_some(),
        Form::Opening => opening(text).is_some(),
        Form::LogLevel => log_level(text).is_some(),
        Form::Moment => moment::parse(text).is_some(),
        Form::Service => return ServiceName::new(text).map(drop).map_err(|e| e.to_string()),
        Form::Weekday => weekday(text).is_some(),
        Form::Regex => !text.is_empty() && !text.chars().any(char::is_control),
        Form::HttpUrl => http_host(text).is_some(),
        Form::UrlPath => text.starts_with('/'),
        Form::TopicArn => topic_region(text).is_some(),
        Form::Variant => Variant::new(text).is_ok(),
    };
    if fits { Ok(()) } else { Err(wrong(form, text)) }
}

/// A server or a recording.
pub(crate) fn metrics_location(text: &str) -> Option<MetricsLocation> {
    if let Some(path) = text.strip_prefix("file://") {
        return (!path.is_empty()).then(|| MetricsLocation::Recording(path.to_owned()));
    }
    http_host(text)?;
    Some(MetricsLocation::Http(text.trim_end_matches('/').to_owned()))
}

/// A bucket with a prefix, or a folder.
pub(crate) fn models_location(text: &str) -> Option<ModelsLocation> {
    let Some(rest) = text.strip_prefix("s3://") else {
        let is_folder = !text.trim().is_empty() && !text.contains("://");
        let trimmed = text.trim_end_matches('/');
        let folder = if trimmed.is_empty() { "/" } else { trimmed };
        return is_folder.then(|| ModelsLocation::Folder(folder.to_owned()));
    };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let fits = (3..=63).contains(&bucket.len())
        && bucket
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b".-".contains(&b));
    let prefix = prefix.trim_matches('/').to_owned();
    fits.then(|| ModelsLocation::S3 { bucket: bucket.to_owned(), prefix })
}

/// A table, or a file.
pub(crate) fn state_location(text: &str) -> Option<StateLocation> {
    let Some(table) = text.strip_prefix("dynamodb://") else {
        let is_file = !text.trim().is_empty() && !text.contains("://") && !text.ends_with('/');
        return is_file.then(|| StateLocation::File(text.to_owned()));
    };
    let fits = (3..=255).contains(&table.len())
        && table.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    fits.then(|| StateLocation::Table(table.to_owned()))
}

/// Seconds of a text like `2m` or `1h30m`.
pub(crate) fn duration_s(text: &str) -> Option<u64> {
    let mut total: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (count, tail) = rest.split_at(digits);
        let unit_s = match tail.bytes().next()? {
            b's' => 1,
            b'm' => 60,
            b'h' => 3_600,
            b'd' => 86_400,
            _ => return None,
        };
        total = total.checked_add(count.parse::<u64>().ok()?.checked_mul(unit_s)?)?;
        rest = &tail[1..];
    }
    (1..=DURATION_S_MAX).contains(&total).then_some(total)
}

/// The hour of a text like `08:00` or `8`.
pub(crate) fn hour(text: &str) -> Option<i64> {
    let digits = text.strip_suffix(":00").unwrap_or(text);
    let fits = (1..=2).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if fits { digits.parse().ok() } else { None }
}

/// The day of a word; Monday is 0.
pub(crate) fn weekday(text: &str) -> Option<usize> {
    const DAYS: [&str; 7] =
        ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let word = text.to_lowercase();
    DAYS.iter().position(|day| word == *day || word == day[..3])
}

/// The level of a word; case does not count.
pub(crate) fn log_level(text: &str) -> Option<LogLevel> {
    match text.to_lowercase().as_str() {
        "error" => Some(LogLevel::Error),
        "warn" | "warning" => Some(LogLevel::Warn),
        "info" => Some(LogLevel::Info),
        "debug" => Some(LogLevel::Debug),
        _ => None,
    }
}

fn check_zone(text: &str) -> Result<(), String> {
    if text.parse::<Tz>().is_ok() {
        return Ok(());
    }
    let wrong = wrong(Form::Zone, text);
    Err(match nearest(text, TZ_VARIANTS.iter().map(|zone| zone.name())) {
        Some(zone) => format!("{wrong}; did you mean {zone:?}?"),
        None => wrong,
    })
}

/// What opens an anomaly.
pub(crate) fn opening(text: &str) -> Option<Opening> {
    match text {
        "forest" => Some(Opening::Forest),
        "residual" => Some(Opening::Residual),
        _ => None,
    }
}

fn wrong(form: Form, text: &str) -> String {
    format!("{} does not fit; write {}", shown_text(text), form.described())
}

/// The region of a topic, if the text is a topic's ARN:
/// `arn:PARTITION:sns:REGION:ACCOUNT:NAME`.
pub(crate) fn topic_region(text: &str) -> Option<&str> {
    let mut parts = text.split(':');
    let mut part = || parts.next();
    let (arn, partition, service) = (part()?, part()?, part()?);
    let (region, account, name) = (part()?, part()?, part()?);
    let is_word = |text: &str, more: &[u8]| {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || more.contains(&b);
        !text.is_empty() && text.bytes().all(fits)
    };
    let name = name.strip_suffix(".fifo").unwrap_or(name);
    let is_name = (1..=TOPIC_NAME_CHARS_MAX).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    let fits = (arn, service) == ("arn", "sns")
        && partition.starts_with("aws")
        && is_word(partition, b"-")
        && is_word(region, b"-")
        && account.len() == ACCOUNT_DIGITS
        && account.bytes().all(|b| b.is_ascii_digit())
        && is_name
        && parts.next().is_none();
    fits.then_some(region)
}

/// The host of an address, if it is one.
fn http_host(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"))?;
    let host = rest.split(['/', '?', '#']).next()?;
    let fits = !host.is_empty() && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    fits.then_some(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_come_from_a_server_or_a_recording() {
        let http = |text: &str| Some(MetricsLocation::Http(text.to_owned()));
        let file = |text: &str| Some(MetricsLocation::Recording(text.to_owned()));
        assert_eq!(metrics_location("https://vm:8428/"), http("https://vm:8428"));
        assert_eq!(metrics_location("http://a/select/0"), http("http://a/select/0"));
        assert_eq!(metrics_location("file:///data/a.gz"), file("/data/a.gz"));
        assert_eq!(metrics_location("file://a.gz"), file("a.gz"));
        for wrong in ["", "vm:8428", "ftp://a", "https://", "http:///x", "file://", "http://a b"] {
            assert_eq!(metrics_location(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn incidents_are_kept_in_a_table_or_a_file() {
        let table = |text: &str| Some(StateLocation::Table(text.to_owned()));
        let file = |text: &str| Some(StateLocation::File(text.to_owned()));
        assert_eq!(state_location("dynamodb://yaga-incidents"), table("yaga-incidents"));
        assert_eq!(state_location("./state.db"), file("./state.db"));
        for wrong in ["", "dynamodb://", "dynamodb://ab", "dynamodb://a/b", "s3://abc", "state/"] {
            assert_eq!(state_location(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn topics_are_named_by_their_arn() {
        for (fine, region) in [
            ("arn:aws:sns:eu-west-1:123456789012:alerts", "eu-west-1"),
            ("arn:aws-cn:sns:cn-north-1:123456789012:On_call-1", "cn-north-1"),
            ("arn:aws:sns:us-east-1:123456789012:alerts.fifo", "us-east-1"),
        ] {
            assert_eq!(topic_region(fine), Some(region), "{fine}");
        }
        for wrong in [
            "",
            "alerts",
            "https://sns.eu-west-1.amazonaws.com",
            "arn:aws:sqs:eu-west-1:123456789012:alerts",
            "arn:aws:sns:eu-west-1:1234:alerts",
            "arn:aws:sns::123456789012:alerts",
            "arn:aws:sns:eu-west-1:123456789012:",
            "arn:aws:sns:eu-west-1:123456789012:a b",
            "arn:aws:sns:eu-west-1:123456789012:alerts:1b2c-subscription",
            "arn:gcp:sns:eu-west-1:123456789012:alerts",
        ] {
            assert_eq!(topic_region(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn models_lie_in_a_bucket_or_a_folder() {
        let s3 = |bucket: &str, prefix: &str| {
            Some(ModelsLocation::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
        };
        let folder = |text: &str| Some(ModelsLocation::Folder(text.to_owned()));
        assert_eq!(models_location("s3://models/a/b/"), s3("models", "a/b"));
        assert_eq!(models_location("s3://models"), s3("models", ""));
        assert_eq!(models_location("./yaga_models/"), folder("./yaga_models"));
        assert_eq!(models_location("/"), folder("/"));
        for wrong in ["", "s3://", "s3://AB/x", "gs://bucket", "https://x/y"] {
            assert_eq!(models_location(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations_hours_and_days_are_read() {
        assert_eq!(duration_s("2m"), Some(120));
        assert_eq!(duration_s("1h30m"), Some(5_400));
        assert_eq!(duration_s("1d"), Some(86_400));
        for wrong in ["", "2", "m", "0s", "2d", "2 m", "99999999999999999999s", "2ms", "2µ"] {
            assert_eq!(duration_s(wrong), None, "{wrong}");
        }
        assert_eq!((hour("08:00"), hour("8"), hour("24:00")), (Some(8), Some(8), Some(24)));
        assert_eq!((hour("08:30"), hour(""), hour("+8"), hour(":00")), (None, None, None, None));
        assert_eq!((weekday("Mon"), weekday("sunday"), weekday("m")), (Some(0), Some(6), None));
    }
}
