//! Fills in the sentences of patterns. Rates have one decimal, milliseconds none, error rates two
//! decimals of a percent, shares are whole percents.

use super::state::{Core, Quantity, State};

/// Reads the words of a placeholder; `None` if the service does not tell.
type Words = fn(&State) -> Option<String>;

/// What stands between braces in a sentence, in the order of the documentation.
#[rustfmt::skip]
const PLACEHOLDERS: &[(&str, Words)] = &[
    ("request_rate", |it| Some(rate(it.metric(Core::RequestRate).value?))),
    ("expected_rate", |it| Some(rate(it.metric(Core::RequestRate).usual?))),
    ("drop_percent", |it| Some(percent(rate_drop(it)?))),
    ("application_latency", |it| Some(latency(it.metric(Core::ApplicationLatency).value?))),
    ("dependency_latency", |it| Some(latency(it.metric(Core::DependencyLatency).value?))),
    ("database_latency", |it| Some(latency(it.metric(Core::DatabaseLatency).value?))),
    ("error_rate", |it| Some(errors(it.metric(Core::ErrorRate).value?))),
    ("db_latency_ratio", |it| Some(percent(it.quantity(Quantity::DatabaseShare)?))),
    ("dependency_latency_ratio", |it| Some(percent(it.quantity(Quantity::DependencyShare)?))),
    ("root_cause_service", |it| it.dependencies.as_ref()?.root_service.clone()),
    ("root_cause_anomaly_type", |it| it.dependencies.as_ref()?.root_anomaly.clone()),
    ("affected_chain_length", |it| Some(it.dependencies.as_ref()?.affected_chain.len().to_string())),
    ("affected_services", |it| Some(it.dependencies.as_ref()?.affected_chain.join(", "))),
];

/// The sentence with all placeholders replaced; `None` if one of them is unknown or has no value.
pub fn fill(sentence: &str, state: &State) -> Option<String> {
    let mut filled = String::with_capacity(sentence.len() + 40);
    let mut rest = sentence;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        let (_, value) = PLACEHOLDERS.iter().find(|(known, _)| *known == name)?;
        filled.push_str(before);
        filled.push_str(&value(state)?);
        rest = after;
    }
    filled.push_str(rest);
    Some(filled)
}

/// How far the traffic is below what is usual, as a share; 0 if it is above.
pub fn rate_drop(state: &State) -> Option<f64> {
    Some((1.0 - state.quantity(Quantity::ShareOfUsualRate)?).max(0.0))
}

fn rate(value: f64) -> String {
    format!("{value:.1} req/s")
}

fn latency(value: f64) -> String {
    format!("{value:.0} ms")
}

fn errors(value: f64) -> String {
    format!("{:.2} %", 100.0 * value)
}

/// A share as whole percents.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

#[cfg(test)]
mod tests {
    use super::super::state::MetricState;
    use super::*;

    fn state(rate: Option<f64>, usual: Option<f64>) -> State {
        let mut metrics = [MetricState::NORMAL; 5];
        metrics[0] = MetricState { value: rate, usual, ..MetricState::NORMAL };
        metrics[1].value = Some(636.4);
        metrics[3].value = Some(470.0);
        metrics[4].value = Some(0.0123);
        State::new(metrics, None)
    }

    #[test]
    fn numbers_have_units_and_decimals() {
        let text = "{request_rate} {application_latency} {error_rate} {db_latency_ratio} \
                    {expected_rate} {drop_percent}";
        let found = fill(text, &state(Some(12.34), Some(49.0)));
        assert_eq!(found.as_deref(), Some("12.3 req/s 636 ms 1.23 % 74 % 49.0 req/s 75 %"));
    }

    #[test]
    fn a_placeholder_without_a_value_leaves_no_half_sentence() {
        let it = state(None, Some(49.0));
        assert_eq!(fill("at {request_rate}", &it), None);
        assert_eq!(fill("at {dependency_latency}", &it), None);
        assert_eq!(fill("from {root_cause_service}", &it), None);
        assert_eq!(fill("an {unknown_thing}", &it), None);
        assert_eq!(fill("an open { brace", &it), None);
        assert_eq!(fill("no braces", &it).as_deref(), Some("no braces"));
    }

    #[test]
    fn the_drop_is_from_what_is_usual_and_never_negative() {
        assert_eq!(rate_drop(&state(Some(0.0), Some(40.0))), Some(1.0));
        assert_eq!(rate_drop(&state(Some(60.0), Some(40.0))), Some(0.0));
        assert_eq!(rate_drop(&state(None, Some(40.0))), None);
        assert_eq!(rate_drop(&state(Some(10.0), Some(0.0))), None);
    }
}
