//! Randomness as a function of (seed, purpose, item, index).
//!
//! A stream shared by all draws would make every sample depend on every earlier one. Here each
//! (service, step) has a small generator of its own, so a fault changes only what it touches.
//! Transcendental functions come from `libm`, whose bits are the same on all platforms.

/// What a draw is for; keeps streams apart.
#[derive(Debug, Clone, Copy)]
#[repr(u64)]
pub(crate) enum Purpose {
    Model = 1,
    Edge,
    Week,
    Wander,
    Sample,
    Missing,
    Gap,
    Outage,
    BadValue,
    Deploy,
    Maintenance,
    FaultOrder,
    FaultPlace,
}

/// SplitMix64 (Steele, Lea, Flood 2014) started at a hashed position.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
/// Above this mean a normal draw replaces the search through probabilities.
const COUNT_SEARCH_MAX: f64 = 30.0;
/// Bound of the search; the tail beyond it has no mass in double precision.
const COUNT_STEPS_MAX: u32 = 200;

impl Random {
    /// The generator of one `index` of one `item`, for one purpose.
    pub(crate) fn at(seed: u64, purpose: Purpose, item: usize, index: usize) -> Self {
        let stream = ((purpose as u64) << 40) ^ item as u64;
        Self(mix(mix(mix(seed) ^ stream.wrapping_mul(GOLDEN)) ^ index as u64))
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        mix(self.0)
    }

    /// Uniform in the open interval (0, 1).
    pub(crate) fn uniform(&mut self) -> f64 {
        ((self.bits() >> 11) as f64 + 0.5) * (1.0 / (1_u64 << 53) as f64)
    }

    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Uniform in the logarithm; both ends positive.
    pub(crate) fn log_between(&mut self, low: f64, high: f64) -> f64 {
        libm::exp(self.between(libm::log(low), libm::log(high)))
    }

    /// A whole number below `end`; `end` must be positive.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        debug_assert!(end > 0, "nothing to choose from");
        ((self.uniform() * end as f64) as usize).min(end - 1)
    }

    pub(crate) fn gaussian(&mut self) -> f64 {
        normal_quantile(self.uniform())
    }

    /// A log-normal factor with mean 1 and the given relative standard deviation.
    pub(crate) fn factor(&mut self, relative_sd: f64) -> f64 {
        let variance = libm::log1p(relative_sd * relative_sd);
        libm::exp(variance.sqrt() * self.gaussian() - 0.5 * variance)
    }

    /// A Poisson count; one uniform draw, rising with the mean for the same draw.
    pub(crate) fn poisson(&mut self, mean: f64) -> f64 {
        let uniform = self.uniform();
        if mean <= 0.0 {
            return 0.0;
        }
        if mean > COUNT_SEARCH_MAX {
            return (mean + mean.sqrt() * normal_quantile(uniform)).round().max(0.0);
        }
        search_count(uniform, libm::exp(-mean), |k, mass| mass * mean / k)
    }

    /// A binomial count of `trials`; one uniform draw.
    pub(crate) fn binomial(&mut self, trials: f64, share: f64) -> f64 {
        let uniform = self.uniform();
        if share > 0.5 {
            return trials - binomial_quantile(1.0 - uniform, trials, 1.0 - share);
        }
        binomial_quantile(uniform, trials, share)
    }
}

fn mix(state: u64) -> u64 {
    let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn binomial_quantile(uniform: f64, trials: f64, share: f64) -> f64 {
    if share <= 0.0 || trials <= 0.0 {
        return 0.0;
    }
    let mean = trials * share;
    if mean > COUNT_SEARCH_MAX {
        let sd = (mean * (1.0 - share)).sqrt();
        return (mean + sd * normal_quantile(uniform)).round().clamp(0.0, trials);
    }
    let odds = share / (1.0 - share);
    let none = libm::exp(trials * libm::log1p(-share));
    search_count(uniform, none, |k, mass| mass * odds * (trials - k + 1.0) / k).min(trials)
}

/// Inverts a distribution of counts by summing its masses from zero.
fn search_count(uniform: f64, mass_of_zero: f64, next_mass: impl Fn(f64, f64) -> f64) -> f64 {
    let mut mass = mass_of_zero;
    let mut sum = mass;
    for k in 0..COUNT_STEPS_MAX {
        if uniform <= sum || mass <= 0.0 {
            return f64::from(k);
        }
        mass = next_mass(f64::from(k + 1), mass);
        sum += mass;
    }
    f64::from(COUNT_STEPS_MAX)
}

/// Quantile of the standard normal distribution: P. J. Acklam's rational approximation,
/// relative error below 1.2e-9.
fn normal_quantile(p: f64) -> f64 {
    const CENTRE_FROM: f64 = 0.02425;
    if p < CENTRE_FROM {
        return tail_quantile(p);
    }
    if p > 1.0 - CENTRE_FROM {
        return -tail_quantile(1.0 - p);
    }
    let q = p - 0.5;
    let r = q * q;
    let above = ((((-3.969_683_028_665_376e1 * r + 2.209_460_984_245_205e2) * r
        - 2.759_285_104_469_687e2)
        * r
        + 1.383_577_518_672_69e2)
        * r
        - 3.066_479_806_614_716e1)
        * r
        + 2.506_628_277_459_239;
    let below = ((((-5.447_609_879_822_406e1 * r + 1.615_858_368_580_409e2) * r
        - 1.556_989_798_598_866e2)
        * r
        + 6.680_131_188_771_972e1)
        * r
        - 1.328_068_155_288_572e1)
        * r
        + 1.0;
    above * q / below
}

fn tail_quantile(p: f64) -> f64 {
    let q = (-2.0 * libm::log(p)).sqrt();
    let above = ((((-7.784_894_002_430_293e-3 * q - 3.223_964_580_411_365e-1) * q
        - 2.400_758_277_161_838)
        * q
        - 2.549_732_539_343_734)
        * q
        + 4.374_664_141_464_968)
        * q
        + 2.938_163_982_698_783;
    let below = (((7.784_695_709_041_462e-3 * q + 3.224_671_290_700_398e-1) * q
        + 2.445_134_137_142_996)
        * q
        + 3.754_408_661_907_416)
        * q
        + 1.0;
    above / below
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn moments(draw: impl Fn(&mut Random) -> f64) -> (f64, f64) {
        let count = 20_000;
        let values: Vec<f64> =
            (0..count).map(|i| draw(&mut Random::at(7, Purpose::Sample, 3, i))).collect();
        let mean = values.iter().sum::<f64>() / count as f64;
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / count as f64;
        (mean, variance)
    }

    #[track_caller]
    fn check(draw: impl Fn(&mut Random) -> f64, mean: f64, variance: f64) {
        let (got_mean, got_variance) = moments(draw);
        let tolerance = 5.0 * (variance / 20_000.0).sqrt();
        assert!((got_mean - mean).abs() < tolerance, "mean {got_mean}, expected {mean}");
        let ratio = got_variance / variance;
        assert!((0.9..1.1).contains(&ratio), "variance {got_variance}, expected {variance}");
    }

    #[test]
    fn draws_have_the_moments_of_their_distribution() {
        check(Random::uniform, 0.5, 1.0 / 12.0);
        check(Random::gaussian, 0.0, 1.0);
        check(|r| r.factor(0.5), 1.0, 0.25);
        check(|r| r.poisson(0.4), 0.4, 0.4);
        check(|r| r.poisson(12.0), 12.0, 12.0);
        check(|r| r.poisson(900.0), 900.0, 900.0);
        check(|r| r.binomial(40.0, 0.1), 4.0, 3.6);
        check(|r| r.binomial(40.0, 0.9), 36.0, 3.6);
        check(|r| r.binomial(5000.0, 0.3), 1500.0, 1050.0);
    }

    #[test]
    fn normal_quantiles_match_the_tables() {
        for (p, z) in [(0.5, 0.0), (0.975, 1.959_963_985), (0.01, -2.326_347_874)] {
            assert!((normal_quantile(p) - z).abs() < 1e-8, "{p}");
        }
    }

    proptest! {
        #[test]
        fn counts_stay_in_range(seed: u64, trials in 0_u32..100_000, share in 0.0..=1.0) {
            let trials = f64::from(trials);
            let count = Random::at(seed, Purpose::Sample, 0, 0).binomial(trials, share);
            prop_assert!((0.0..=trials).contains(&count));
        }
    }
}
