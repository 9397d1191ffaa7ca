//! How well scores rank what is labelled, without any threshold.
//!
//! The volume under the precision-recall surface (VUS-PR: Paparrizos et al., PVLDB 15(11), 2022): a
//! label's border is soft, over some widths, and the area under each width's curve is averaged.
//! Areas are sums of steps: straight lines between points of such a curve flatter.

use stats::{median, quantile_sorted, sort};

use super::{Label, Truth};

/// Widths of the soft border, evenly from none to the usual length of an incident.
const WIDTHS: usize = 5;
/// Samples that a border is wide at least and at most, at its widest.
const WIDEST_MIN: usize = 2;
const WIDEST_MAX: usize = 200;
/// Thresholds along a curve, denser where scores are high.
const THRESHOLDS: usize = 200;

/// Scores of one service.
#[derive(Debug, Clone, PartialEq)]
pub struct Points {
    pub service: String,
    /// Epoch seconds and score, ascending in time; higher is worse.
    pub scores: Vec<(i64, f64)>,
}

/// The mean VUS-PR over the services that have a labelled sample and another one; `None` without
/// any.
pub fn vus_pr(truth: &Truth, points: &[Points]) -> Option<f64> {
    let volumes: Vec<f64> = points.iter().filter_map(|it| volume(&truth.labelled, it)).collect();
    (!volumes.is_empty()).then(|| volumes.iter().sum::<f64>() / volumes.len() as f64)
}

fn volume(labelled: &[Label], points: &Points) -> Option<f64> {
    let own: Vec<&Label> = labelled.iter().filter(|it| it.service == points.service).collect();
    let is_in = |time: i64| own.iter().any(|it| it.start_s <= time && time < it.end_s);
    let labels: Vec<bool> = points.scores.iter().map(|(time, _)| is_in(*time)).collect();
    let scores: Vec<f64> =
        points.scores.iter().map(|(_, score)| if score.is_nan() { 0.0 } else { *score }).collect();
    volume_of(&labels, &scores)
}

/// The volume of one series of samples.
fn volume_of(labels: &[bool], scores: &[f64]) -> Option<f64> {
    if !labels.contains(&true) || !labels.contains(&false) {
        return None;
    }
    let segments = segments(labels);
    let lengths: Vec<f64> = segments.iter().map(|(from, until)| (until - from) as f64).collect();
    let usual = median(&lengths)? as usize;
    let widest = usual.clamp(WIDEST_MIN, WIDEST_MAX) as f64;
    let thresholds = thresholds(scores);
    let widths = (0..WIDTHS).map(|at| (widest * at as f64 / (WIDTHS - 1) as f64) as usize);
    let areas = widths.map(|width| area(labels, &segments, scores, width, &thresholds));
    Some(areas.sum::<f64>() / WIDTHS as f64)
}

/// Quantiles of the scores, in descending order: geometrically from the highest to all of them.
fn thresholds(scores: &[f64]) -> Vec<f64> {
    let mut sorted = scores.to_vec();
    sort(&mut sorted);
    let rarest = -libm::log10(sorted.len() as f64);
    let share = |at: usize| libm::pow(10.0, rarest * (1.0 - at as f64 / (THRESHOLDS - 1) as f64));
    let mut all: Vec<f64> =
        (0..THRESHOLDS).filter_map(|at| quantile_sorted(&sorted, 1.0 - share(at))).collect();
    all.sort_by(|a, b| b.total_cmp(a));
    all.dedup();
    all
}

/// The area under the curve of one width: half of it lies before a label, half behind.
fn area(
    labels: &[bool],
    segments: &[(usize, usize)],
    scores: &[f64],
    width: usize,
    thresholds: &[f64],
) -> f64 {
    let soft = soften(labels, segments, width / 2);
    let is_wide: Vec<bool> = soft.iter().map(|weight| *weight > 0.0).collect();
    let highest: Vec<f64> = self::segments(&is_wide)
        .into_iter()
        .map(|(from, until)| scores[from..until].iter().copied().fold(f64::MIN, f64::max))
        .collect();
    let hard = labels.iter().filter(|is_labelled| **is_labelled).count() as f64;
    let wanted = (hard + soft.iter().sum::<f64>()) / 2.0;
    let (mut area, mut before) = (0.0, 0.0);
    for threshold in thresholds {
        let flagged = scores.iter().zip(&soft).filter(|(score, _)| *score >= threshold);
        let (count, weight) = flagged.fold((0usize, 0.0), |(n, sum), (_, w)| (n + 1, sum + w));
        let found = highest.iter().filter(|score| *score >= threshold).count();
        let recall = (weight / wanted).min(1.0) * found as f64 / highest.len() as f64;
        area += (recall - before) * weight / count.max(1) as f64;
        before = recall;
    }
    area
}

/// Labels as weights, with borders of `half` samples that fall off like a quarter of a circle.
fn soften(labels: &[bool], segments: &[(usize, usize)], half: usize) -> Vec<f64> {
    let mut soft: Vec<f64> = labels.iter().map(|it| f64::from(u8::from(*it))).collect();
    for (from, until) in segments {
        for away in 1..=half {
            let weight = libm::sqrt(1.0 - away as f64 / (half + 1) as f64);
            for at in [from.checked_sub(away), Some(until - 1 + away)].into_iter().flatten() {
                if let Some(soft) = soft.get_mut(at) {
                    *soft = soft.max(weight);
                }
            }
        }
    }
    soft
}

/// Stretches of true, from and until (exclusive).
fn segments(flags: &[bool]) -> Vec<(usize, usize)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (at, _) in flags.iter().enumerate().filter(|(_, flag)| **flag) {
        match found.last_mut() {
            Some(last) if last.1 == at => last.1 = at + 1,
            _ => found.push((at, at + 1)),
        }
    }
    found
}

#[cfg(test)]
#[path = "points_tests.rs"]
mod tests;
