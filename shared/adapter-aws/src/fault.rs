//! What went wrong with a request to S3, by status and code and with a reason for people.

use std::error::Error;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

/// A request that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// `None` if there was no answer.
    pub(crate) status: Option<u16>,
    pub(crate) code: String,
    pub(crate) reason: String,
}

impl Fault {
    /// The fault behind an error of the SDK.
    pub(crate) fn of<E>(error: &SdkError<E, HttpResponse>) -> Fault
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let code = error.code().unwrap_or_default().to_owned();
        let reason = match (status, error.message()) {
            (Some(status), Some(message)) => format!("HTTP {status} {code}: {message}"),
            (Some(status), None) if code.is_empty() => format!("HTTP {status}"),
            (Some(status), None) => format!("HTTP {status} {code}"),
            (None, _) if matches!(error, SdkError::TimeoutError(_)) => {
                "it did not answer in time".to_owned()
            }
            (None, _) => innermost(error),
        };
        Fault { status, code, reason }
    }

    /// True if there is no such object. A missing bucket has the same status.
    pub(crate) fn is_missing_object(&self) -> bool {
        self.status == Some(404) && self.code != "NoSuchBucket"
    }

    /// True if another writer was at the same object at the same time.
    pub(crate) fn is_conflict(&self) -> bool {
        self.status == Some(409) && self.code == "ConditionalRequestConflict"
    }
}

/// The last error of the chain: those above only say that a request failed.
pub(crate) fn innermost(error: &dyn Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
