//! One sentence that an operator can check on a dashboard.

use super::model::Side;
use super::score::SeriesEvidence;
use super::statistic::Statistic;
use super::transform::Form;

/// Beyond this nobody has looked for so long.
const WEEKS_MAX: f64 = 1000.0;

/// What is unusual about a series: value, what is usual, which cycles, how rare.
pub fn explain(evidence: &SeriesEvidence) -> String {
    let effect = &evidence.effect;
    let when = if effect.is_seasonal { " at this hour" } else { "" };
    let (value, usual) = amounts(evidence);
    let side = match (evidence.side, evidence.form) {
        (Side::Up, _) | (_, Form::ErrorShare) => "",
        (Side::Down, _) => "only ",
    };
    let count = match effect.requests {
        n if n.is_finite() && evidence.form != Form::Rate => format!(" (n = {n:.0})"),
        _ => String::new(),
    };
    let metric = &evidence.metric;
    let cycles = match (evidence.statistic, effect.cycles) {
        (Statistic::TwoOfThree, 1) => "in the newest cycle",
        (Statistic::TwoOfThree, _) => "two of three cycles",
        (Statistic::Mean, 1) => "the mean of three cycles",
        (Statistic::Mean, _) => "the mean of five cycles",
        (Statistic::Change, 1) => "a change in the newest cycle",
        (Statistic::Change, _) => "a change within three cycles",
        (Statistic::Pooled, _) => "all of the last hour",
    };
    let rarity = rarity(evidence.score);
    format!("{metric} {side}{value} where {usual} is usual{when}{count}, {cycles}, {rarity}")
}

fn rarity(score: f64) -> String {
    let weeks = libm::pow(10.0, score);
    match weeks {
        w if w >= WEEKS_MAX => format!("seen less than once in {WEEKS_MAX:.0} weeks"),
        w if w >= 2.0 => format!("seen less than once in {:.0} weeks", one_digit(w)),
        _ => "seen now and then".to_owned(),
    }
}

/// Cut to its first digit: "less than once in 300 weeks" holds for 380.
fn one_digit(weeks: f64) -> f64 {
    let unit = libm::pow(10.0, libm::floor(libm::log10(weeks)));
    libm::floor(weeks / unit) * unit
}

fn amounts(evidence: &SeriesEvidence) -> (String, String) {
    let (value, usual) = (evidence.effect.value, evidence.effect.usual);
    match evidence.form {
        Form::Rate => (format!("{} req/s", short(value)), format!("{} req/s", short(usual))),
        Form::Latency => (format!("{} ms", short(value)), format!("{} ms", short(usual))),
        Form::ErrorShare => {
            (format!("{} %", short(100.0 * value)), format!("{} %", short(100.0 * usual)))
        }
        Form::Gauge => (short(value), short(usual)),
    }
}

/// Two digits that count, no exponent.
fn short(value: f64) -> String {
    match value.abs() {
        v if v >= 10.0 || v == 0.0 => format!("{value:.0}"),
        v if v >= 1.0 => format!("{value:.1}"),
        v if v >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::effect::Effect;
    use super::super::symptom::Symptom;
    use super::*;

    fn evidence(metric: &str, form: Form, value: f64, usual: f64, score: f64) -> SeriesEvidence {
        let effect = Effect {
            value,
            usual,
            ratio: value / usual,
            cycles: 3,
            requests: 4210.0,
            is_material: true,
            is_seasonal: true,
        };
        SeriesEvidence {
            metric: metric.to_owned(),
            side: if value > usual { Side::Up } else { Side::Down },
            form,
            symptom: Symptom::Strain,
            score,
            ranking: score,
            statistic: Statistic::TwoOfThree,
            value: 7.0,
            z: 7.0,
            percentile: 100.0,
            effect,
        }
    }

    fn check(evidence: &SeriesEvidence, text: &str) {
        assert_eq!(explain(evidence), text);
    }

    #[test]
    fn sentences_can_be_checked_on_a_dashboard() {
        let errors = evidence("error_rate", Form::ErrorShare, 0.009, 0.001, 2.58);
        check(
            &errors,
            "error_rate 0.90 % where 0.10 % is usual at this hour (n = 4210), two of three cycles, \
             seen less than once in 300 weeks",
        );
        let rate = evidence("request_rate", Form::Rate, 0.0, 41.6, 9.0);
        check(
            &SeriesEvidence { statistic: Statistic::Change, ..rate },
            "request_rate only 0 req/s where 42 req/s is usual at this hour, a change within three \
             cycles, seen less than once in 1000 weeks",
        );
        let mut latency = evidence("database_latency", Form::Latency, 61.2, 8.25, 0.1);
        (latency.effect.is_seasonal, latency.effect.cycles) = (false, 1);
        check(
            &SeriesEvidence { statistic: Statistic::Mean, ..latency },
            "database_latency 61 ms where 8.2 ms is usual (n = 4210), the mean of three cycles, \
             seen now and then",
        );
    }
}
