//! The upper tail of the binomial distribution, for tests of small counts.

use libm::{exp, lgamma, log, log1p};

/// Terms of a sum at most; terms shrink, so the rest is below the precision of the sum.
const TERMS_MAX: u32 = 2_000_000;

/// P(X >= successes) where X counts successes in `trials`, each with probability `p`.
///
/// Exact up to rounding: the first term from log-gamma, the others from the ratio of neighbours,
/// (n - i) / (i + 1) * p / (1 - p), summed away from the mean so that they shrink. More successes
/// than trials have probability 0; `p` is taken into [0, 1].
pub fn binomial_upper_tail(successes: u64, trials: u64, p: f64) -> f64 {
    let p = if p.is_nan() { 0.0 } else { p.clamp(0.0, 1.0) };
    if successes == 0 {
        return 1.0;
    }
    if successes > trials || p == 0.0 {
        return 0.0;
    }
    if p == 1.0 {
        return 1.0;
    }
    let mean = trials as f64 * p;
    if (successes as f64) > mean {
        upward(successes, trials, p)
    } else {
        (1.0 - downward(successes - 1, trials, p)).clamp(0.0, 1.0)
    }
}

/// P(X = from) + P(X = from + 1) + …, above the mean.
fn upward(from: u64, trials: u64, p: f64) -> f64 {
    let odds = p / (1.0 - p);
    let mut term = mass(from, trials, p);
    let mut sum = 0.0;
    for count in (from..=trials).take(TERMS_MAX as usize) {
        sum += term;
        if term <= sum * f64::EPSILON / 4.0 {
            break;
        }
        term *= (trials - count) as f64 / (count + 1) as f64 * odds;
    }
    sum.min(1.0)
}

/// P(X = from) + P(X = from - 1) + …, below the mean.
fn downward(from: u64, trials: u64, p: f64) -> f64 {
    let odds = (1.0 - p) / p;
    let mut term = mass(from, trials, p);
    let mut sum = 0.0;
    for count in (0..=from).rev().take(TERMS_MAX as usize) {
        sum += term;
        if term <= sum * f64::EPSILON / 4.0 {
            break;
        }
        term *= count as f64 / (trials - count + 1) as f64 * odds;
    }
    sum.min(1.0)
}

/// P(X = count), for p strictly between 0 and 1.
fn mass(count: u64, trials: u64, p: f64) -> f64 {
    let (k, n) = (count as f64, trials as f64);
    let ways = lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0);
    exp(ways + k * log(p) + (n - k) * log1p(-p))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(successes: u64, trials: u64, p: f64, expected: f64) {
        let found = binomial_upper_tail(successes, trials, p);
        let near = (found - expected).abs() <= expected * 1e-9 + 1e-300;
        assert!(near, "P(X >= {successes} of {trials} at {p}) is {expected}, not {found}");
    }

    #[test]
    fn small_cases_are_those_of_paper_and_pencil() {
        check(0, 0, 0.3, 1.0);
        check(1, 1, 0.005, 0.005);
        check(1, 20, 0.005, 1.0 - 0.995_f64.powi(20));
        check(2, 2, 0.5, 0.25);
        check(5, 10, 0.5, 638.0 / 1024.0);
        check(3, 2, 0.5, 0.0);
        check(1, 2, 0.0, 0.0);
        check(2, 2, 1.0, 1.0);
        check(2, 5, 0.005, 1.0 - 0.995_f64.powi(5) - 5.0 * 0.005 * 0.995_f64.powi(4));
    }

    /// All counts of all small numbers of trials, against the sum of Pascal's triangle.
    #[test]
    fn every_small_case_is_the_sum_of_its_terms() {
        for p in [0.001_f64, 0.02, 0.3, 0.5, 0.97] {
            for trials in 0..=30_u64 {
                let mut ways = 1.0;
                let mut masses = Vec::new();
                for count in 0..=trials {
                    let rest = i32::try_from(trials - count).unwrap();
                    masses
                        .push(ways * p.powi(i32::try_from(count).unwrap()) * (1.0 - p).powi(rest));
                    ways *= (trials - count) as f64 / (count + 1) as f64;
                }
                for successes in 0..=trials {
                    let expected: f64 = masses[successes as usize..].iter().rev().sum();
                    check(successes, trials, p, expected.min(1.0));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn it_falls_with_successes_and_grows_with_p(
            trials in 1_u64..3_000_000, share in 0.0_f64..1.0, p in 1e-6_f64..0.999, more in 0.0_f64..0.5,
        ) {
            let successes = (trials as f64 * share) as u64;
            let tail = binomial_upper_tail(successes, trials, p);
            prop_assert!((0.0..=1.0).contains(&tail));
            let further = binomial_upper_tail(successes + 1, trials, p);
            prop_assert!(further <= tail + 1e-8, "{further} > {tail}");
            let likelier = binomial_upper_tail(successes, trials, (p + more).min(1.0));
            prop_assert!(likelier >= tail - 1e-8, "{likelier} < {tail}");
        }
    }
}
