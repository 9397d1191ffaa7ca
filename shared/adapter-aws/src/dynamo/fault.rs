//! What the SDK's errors mean for the port of incidents.

use std::error::Error;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use pipeline::ports::incidents::StateError;

use crate::fault::Fault;

/// Codes of requests that were refused because there are too many, or others at the same rows.
const BUSY: &[&str] = &[
    "ProvisionedThroughputExceededException",
    "ProvisionedThroughputExceeded",
    "RequestLimitExceeded",
    "ThrottlingException",
    "ThrottlingError",
    "TransactionConflictException",
    "TransactionConflict",
    "TransactionInProgressException",
];
const DENIED: &[&str] = &[
    "AccessDeniedException",
    "ExpiredTokenException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
    "UnrecognizedClientException",
];

pub(crate) fn is_busy(code: &str) -> bool {
    BUSY.contains(&code)
}

/// Whether a request that failed so may have been carried out all the same.
pub(crate) fn is_outcome_unknown<E>(error: &SdkError<E, HttpResponse>) -> bool {
    match error {
        SdkError::ConstructionFailure(_) => false,
        // Only a refusal is sure to have changed nothing; an answer that cannot be read is none.
        SdkError::ServiceError(it) => !(400..500).contains(&it.raw().status().as_u16()),
        _ => true,
    }
}

/// The meaning of an error for which the caller has none of its own.
pub(crate) fn meaning<E>(
    store: &str,
    action: &'static str,
    error: &SdkError<E, HttpResponse>,
) -> StateError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let Fault { code, reason, .. } = Fault::of(error);
    let store = store.to_owned();
    match code.as_str() {
        "ResourceNotFoundException" => StateError::Unusable {
            store,
            reason: format!(
                "there is no such table or index ({reason}); deploy infra/template.yaml, or check the name and the region"
            ),
        },
        "ValidationException" if reason.contains("index") => StateError::Unusable {
            store,
            reason: format!(
                "it lacks an index ({reason}); it was made by another release: deploy infra/template.yaml again"
            ),
        },
        code if BUSY.contains(&code) => StateError::Throttled { store, action, reason },
        code if DENIED.contains(&code) => StateError::Denied { store, action, reason },
        _ => StateError::Unavailable { store, action, reason },
    }
}
