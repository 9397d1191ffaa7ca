//! What must hold between the thresholds of one place, and the one repair that is made.
//!
//! A service that sets its lower and upper limit inherits a middle one that may lie outside. Nobody
//! chose that one, so it moves to the middle of its neighbours, with a warning. Limits that
//! somebody chose are never moved.

use crate::config::objectives::{Ladder, ServiceObjectives, Thresholds};
use crate::config::path::Path;
use crate::config::problems::Problem;

/// Names of the keys of a ladder, mildest first.
type Names = [&'static str; 3];

const LATENCY: Names = ["latency_acceptable_ms", "latency_warning_ms", "latency_critical_ms"];
const ERROR_RATE: Names = ["error_rate_acceptable", "error_rate_warning", "error_rate_critical"];

/// The defaults must be in order by themselves; what is not given there is built in.
pub(super) fn check_defaults(defaults: &Thresholds, problems: &mut Vec<Problem>) {
    let path = Path::of("slos.defaults");
    check_default_ladder(&defaults.latency_ms, LATENCY, ["SLO001", "SLO002"], problems);
    check_default_ladder(&defaults.error_rate, ERROR_RATE, ["SLO003", "SLO004"], problems);
    check_rest(defaults, &|_| true, &path, problems);
}

/// A service's limits after the merge; may move a limit in the middle that is inherited.
pub(super) fn check_service(
    objectives: &mut ServiceObjectives,
    path: &Path,
    problems: &mut Vec<Problem>,
) {
    let ServiceObjectives { thresholds, own, repaired } = objectives;
    for (ladder, names) in
        [(&mut thresholds.latency_ms, LATENCY), (&mut thresholds.error_rate, ERROR_RATE)]
    {
        // What is wrong with the defaults is told once, there.
        if ladder.is_ascending() || !names.iter().any(|name| own.contains(name)) {
            continue;
        }
        let middle = (ladder.acceptable + ladder.critical) / 2.0;
        let moved = Ladder { warning: middle, ..*ladder };
        if own.contains(names[1]) || !moved.is_ascending() {
            problems.push(out_of_order(ladder, names, path));
            continue;
        }
        problems.push(moved_warning(ladder, middle, names, path));
        *ladder = moved;
        repaired.insert(names[1]);
    }
    let is_own = |start: &str| own.iter().any(|name| name.starts_with(start));
    check_rest(thresholds, &is_own, path, problems);
}

fn check_default_ladder(
    ladder: &Ladder,
    names: Names,
    codes: [&'static str; 2],
    problems: &mut Vec<Problem>,
) {
    let limits = [ladder.acceptable, ladder.warning, ladder.critical];
    for index in 0..2 {
        let (lower, upper) = (limits[index], limits[index + 1]);
        if lower >= upper {
            let message = format!(
                "{} is {lower} and {} is {upper}; write {}, each larger than the one before \
                 (what is not given is built in)",
                names[index],
                names[index + 1],
                names.join(" < ")
            );
            let path = Path::of("slos.defaults").name(names[index]);
            problems.push(Problem::error(codes[index], path, message));
        }
    }
}

fn out_of_order(ladder: &Ladder, names: Names, path: &Path) -> Problem {
    let message = format!(
        "{} is {}, {} is {} and {} is {}; each must be larger than the one before, write the \
         others as well (what is not given is inherited)",
        names[0], ladder.acceptable, names[1], ladder.warning, names[2], ladder.critical
    );
    Problem::error("SLO006", path, message)
}

fn moved_warning(ladder: &Ladder, middle: f64, names: Names, path: &Path) -> Problem {
    let message = format!(
        "the inherited {} is {}, not between {} and {}; {middle} is used, write this key to \
         choose another one",
        names[1], ladder.warning, ladder.acceptable, ladder.critical
    );
    Problem::warning("SLO013", path.name(names[1]), message)
}

/// Ratios, traffic and the floor of errors, each only if a key that starts so is set here.
fn check_rest(
    thresholds: &Thresholds,
    is_set: &dyn Fn(&str) -> bool,
    path: &Path,
    problems: &mut Vec<Problem>,
) {
    let ratios = &thresholds.database_ratios;
    let all = [ratios.info, ratios.warning, ratios.high, ratios.critical];
    if is_set("database_latency_ratios") && all.windows(2).any(|pair| pair[0] >= pair[1]) {
        let message = format!(
            "info is {}, warning is {}, high is {} and critical is {}; each must be larger than \
             the one before",
            all[0], all[1], all[2], all[3]
        );
        problems.push(Problem::error("SLO007", path.name("database_latency_ratios"), message));
    }
    let surge = thresholds.request_rate.surge.threshold_percent;
    if is_set("request_rate_evaluation.surge") && surge <= 100.0 {
        problems.push(traffic_problem("surge", surge, "above 100", path));
    }
    let cliff = thresholds.request_rate.cliff.threshold_percent;
    if is_set("request_rate_evaluation.cliff") && (cliff <= 0.0 || cliff >= 100.0) {
        problems.push(traffic_problem("cliff", cliff, "above 0 and below 100", path));
    }
    let (floor, critical) = (thresholds.error_rate_floor, thresholds.error_rate.critical);
    if is_set("error_rate") && floor > critical {
        let message = format!(
            "the floor {floor} is above error_rate_critical, {critical}: broken objectives would \
             be ignored; write a smaller one"
        );
        problems.push(Problem::warning("SLO011", path.name("error_rate_floor"), message));
    }
}

fn traffic_problem(part: &str, found: f64, expected: &str, path: &Path) -> Problem {
    let path = path.name("request_rate_evaluation").name(part).name("threshold_percent");
    let message = format!("{found} is not usable; write a number {expected}");
    Problem::error("SLO008", path, message)
}
