//! The error budget: how fast failures use up what a month allows.
//!
//! The multi-window, multi-burn-rate alert of the Site Reliability Workbook (Google, 2018, chapter
//! 5, "Alerting on SLOs"): a burn rate counts only if a long window shows that it matters and a
//! short one that it still goes on. A burn rate of 1 uses up the budget in exactly 30 days.

use crate::errors::is_believable;
use crate::situation::BurnWindow;
use crate::status::SloStatus;

/// Days that an error budget is for.
pub const BUDGET_DAYS: u32 = 30;
const BUDGET_S: u32 = BUDGET_DAYS * 86_400;

const MINUTE_S: u32 = 60;
const HOUR_S: u32 = 3_600;

/// One pair of windows with the burn rate that both must reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BurnRule {
    pub long_s: u32,
    pub short_s: u32,
    pub burn_rate_min: f64,
    pub status: SloStatus,
}

/// The workbook's pairs, worst first: 2 % of the budget in an hour, 5 % in six hours, 10 % in
/// three days.
pub const BURN_RULES: [BurnRule; 3] = [
    BurnRule {
        long_s: HOUR_S,
        short_s: 5 * MINUTE_S,
        burn_rate_min: 14.4,
        status: SloStatus::Breached,
    },
    BurnRule {
        long_s: 6 * HOUR_S,
        short_s: 30 * MINUTE_S,
        burn_rate_min: 6.0,
        status: SloStatus::Warning,
    },
    BurnRule {
        long_s: 72 * HOUR_S,
        short_s: 6 * HOUR_S,
        burn_rate_min: 1.0,
        status: SloStatus::ApproachingWarning,
    },
];

/// How the error budget is doing.
#[derive(Debug, Clone, PartialEq)]
pub struct BudgetEvaluation {
    /// The share of requests that must succeed.
    pub objective: f64,
    pub status: SloStatus,
    /// The worst pair of windows that burns too fast.
    pub rule: Option<BurnRule>,
    /// Burn rate by length of window in seconds, shortest first.
    pub burn_rates: Vec<(u32, f64)>,
    /// Share of the budget that is left, from the window of 30 days; `None` without that window.
    /// Negative: more than the budget is gone.
    pub remaining: Option<f64>,
    /// Minutes until nothing is left at the present rate (of the last hour, else the shortest
    /// window), from the whole budget if what is left is not known. `None` if nothing burns.
    pub minutes_to_exhaustion: Option<f64>,
}

/// Judges the failures of the past against an objective; `None` without windows.
pub(crate) fn judge(objective: f64, windows: &[BurnWindow]) -> Option<BudgetEvaluation> {
    let allowed = 1.0 - objective;
    let mut windows: Vec<BurnWindow> = windows.iter().copied().filter(is_usable).collect();
    if windows.is_empty() || allowed <= 0.0 {
        return None;
    }
    windows.sort_by_key(|window| window.length_s);
    windows.dedup_by_key(|window| window.length_s);
    let of = |length_s: u32| windows.iter().find(|window| window.length_s == length_s);
    let burn = |window: &BurnWindow| window.error_share / allowed;
    let burns = |rule: &&BurnRule| match (of(rule.long_s), of(rule.short_s)) {
        (Some(long), Some(short)) => {
            burn(long) >= rule.burn_rate_min
                && burn(short) >= rule.burn_rate_min
                && is_believable((long.error_share * long.requests).round(), long.requests, allowed)
        }
        _ => false,
    };
    let rule = BURN_RULES.iter().find(burns).copied();
    let present = of(HOUR_S).or(windows.first()).map(burn);
    let remaining = of(BUDGET_S).map(|month| 1.0 - burn(month));
    Some(BudgetEvaluation {
        objective,
        status: rule.map_or(SloStatus::Ok, |rule| rule.status),
        rule,
        burn_rates: windows.iter().map(|window| (window.length_s, burn(window))).collect(),
        remaining,
        minutes_to_exhaustion: present.and_then(|burn| minutes_left(remaining, burn)),
    })
}

fn is_usable(window: &BurnWindow) -> bool {
    let is_share = (0.0..=1.0).contains(&window.error_share);
    window.length_s > 0 && is_share && window.requests.is_finite() && window.requests > 0.0
}

fn minutes_left(remaining: Option<f64>, burn_rate: f64) -> Option<f64> {
    let left = remaining.unwrap_or(1.0).max(0.0);
    (burn_rate > 0.0).then(|| left * f64::from(BUDGET_S) / burn_rate / f64::from(MINUTE_S))
}
