//! Univariate collapse: a forest with one feature is a step function.
//!
//! Each tree of such a forest maps intervals of the feature to path lengths, so their sum does
//! too. The collapse is exact: path lengths are integers, and a value is compared with the same
//! thresholds. Scoring is then one binary search in place of hundreds of walks, and the function
//! can be plotted, which no forest can.

use crate::forest::Forest;
use crate::path_length::{PathLength, ScoreScale};

/// Anomaly score of one feature as a step function.
///
/// Step `i` holds for values in `(cuts[i - 1], cuts[i]]`; the first reaches down to minus
/// infinity and the last up to infinity. NaN falls into the first, as it does in the forest.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(try_from = "crate::stored::StoredSteps", into = "crate::stored::StoredSteps")
)]
pub struct StepFunction {
    /// Finite, strictly ascending.
    cuts: Vec<f32>,
    /// Path length of each step; one more than cuts.
    sums: Vec<PathLength>,
    scale: ScoreScale,
}

/// One step of a [`StepFunction`]: `score` holds for values in `(from, to]`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Excluded lower end; minus infinity for the first step.
    pub from: f32,
    /// Included upper end; infinity for the last step.
    pub to: f32,
    /// Anomaly score.
    pub score: f64,
}

impl Forest {
    /// The step function equal to this forest, or None if it has more than one feature.
    #[must_use]
    pub fn collapse(&self) -> Option<StepFunction> {
        if self.features() != 1 {
            return None;
        }
        let mut first = 0;
        let mut jumps = Vec::with_capacity(self.nodes() / 2);
        for tree in self.spans() {
            let mut steps = Vec::new();
            self.push_steps(tree.start, f32::NEG_INFINITY, f32::INFINITY, &mut steps);
            first += steps.first().map_or(0, |step| step.1);
            jumps.extend(
                steps
                    .windows(2)
                    .map(|pair| (pair[1].0, i64::from(pair[1].1) - i64::from(pair[0].1))),
            );
        }
        Some(StepFunction::from_jumps(first, jumps, self.scale()))
    }

    /// Appends (lower end, path length) of each interval of `(low, high]` under the node `at`, in
    /// ascending order. A child that no value can reach is left out: a stored forest may have one.
    /// The depth of the recursion is the height of the tree, at most 16.
    fn push_steps(&self, at: usize, low: f32, high: f32, steps: &mut Vec<(f32, u32)>) {
        let node = self.node_slice()[at];
        if node.is_leaf() {
            steps.push((low, self.paths()[at]));
            return;
        }
        let cut = node.threshold();
        if cut > low {
            self.push_steps(node.left(), low, cut.min(high), steps);
        }
        if cut < high {
            self.push_steps(node.left() + 1, cut.max(low), high, steps);
        }
    }
}

impl StepFunction {
    fn from_jumps(first: u32, mut jumps: Vec<(f32, i64)>, scale: ScoreScale) -> Self {
        jumps.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut cuts: Vec<f32> = Vec::with_capacity(jumps.len());
        let mut sums = vec![PathLength(first)];
        let mut sum = i64::from(first);
        for (cut, jump) in jumps {
            sum += jump;
            let path = PathLength(sum as u32);
            match (cuts.last(), sums.last_mut()) {
                (Some(&last), Some(held)) if last == cut => *held = path,
                _ => {
                    cuts.push(cut);
                    sums.push(path);
                }
            }
        }
        Self { cuts, sums, scale }
    }

    /// Takes parts that have been checked.
    pub(crate) fn from_parts(cuts: Vec<f32>, sums: Vec<PathLength>, scale: ScoreScale) -> Self {
        debug_assert_eq!(sums.len(), cuts.len() + 1);
        Self { cuts, sums, scale }
    }

    /// Path length of a value; total, NaN as minus infinity.
    #[must_use]
    pub fn path_length(&self, value: f32) -> PathLength {
        self.sums[self.cuts.partition_point(|&cut| cut < value)]
    }

    /// Anomaly score of a value, in (0, 1], higher is more anomalous.
    #[must_use]
    pub fn score(&self, value: f32) -> f64 {
        self.scale.anomaly_score(self.path_length(value))
    }

    /// Anomaly scores of many values.
    #[must_use]
    pub fn scores(&self, values: &[f32]) -> Vec<f64> {
        values.iter().map(|&value| self.score(value)).collect()
    }

    /// The steps from the lowest to the highest, for plots and cards.
    pub fn steps(&self) -> impl ExactSizeIterator<Item = Step> + '_ {
        (0..self.sums.len()).map(|at| Step {
            from: at.checked_sub(1).map_or(f32::NEG_INFINITY, |below| self.cuts[below]),
            to: self.cuts.get(at).copied().unwrap_or(f32::INFINITY),
            score: self.scale.anomaly_score(self.sums[at]),
        })
    }

    /// Values at which the score changes: finite, strictly ascending.
    #[must_use]
    pub fn cuts(&self) -> &[f32] {
        &self.cuts
    }

    /// Path length of each step; one more than [`StepFunction::cuts`].
    #[must_use]
    pub fn sums(&self) -> &[PathLength] {
        &self.sums
    }

    /// What turns path lengths into scores.
    #[must_use]
    pub fn scale(&self) -> ScoreScale {
        self.scale
    }

    /// Merges neighbouring steps: no value's score differs by more than `max_error` from what it
    /// was. The outermost steps keep their exact score, so what lies beyond all training data is
    /// ranked as before. Between them the number of steps is the least possible: an interval is
    /// extended while one score can serve it, which is optimal as a part of a feasible interval is
    /// feasible. A `max_error` that is NaN or not positive merges equal steps only.
    #[must_use]
    pub fn simplify(&self, max_error: f64) -> Self {
        Simplifier::new(self, if max_error > 0.0 { max_error } else { 0.0 }).run()
    }
}

/// Greedy merging of steps, see [`StepFunction::simplify`].
struct Simplifier<'a> {
    steps: &'a StepFunction,
    scores: Vec<f64>,
    max_error: f64,
    cuts: Vec<f32>,
    sums: Vec<PathLength>,
}

impl<'a> Simplifier<'a> {
    fn new(steps: &'a StepFunction, max_error: f64) -> Self {
        let scores = steps.steps().map(|step| step.score).collect();
        Self { steps, scores, max_error, cuts: Vec::new(), sums: Vec::new() }
    }

    fn run(mut self) -> StepFunction {
        let steps = self.scores.len();
        let head = self.reach_of(0, 0..(steps - 1).max(1));
        let tail = self.reach_of(steps - 1, (head..steps).rev());
        self.push(0, self.steps.sums[0]);
        let mut from = head;
        while from < steps - tail {
            let (to, path) = self.longest_merge(from, steps - tail);
            self.push(from, path);
            from = to;
        }
        if tail > 0 {
            self.push(steps - tail, self.steps.sums[steps - 1]);
        }
        StepFunction { cuts: self.cuts, sums: self.sums, scale: self.steps.scale }
    }

    /// How many steps, taken in the given order, the exact score of step `anchor` can serve.
    fn reach_of(&self, anchor: usize, order: impl Iterator<Item = usize>) -> usize {
        let anchor = self.scores[anchor];
        order.take_while(|&at| (self.scores[at] - anchor).abs() <= self.max_error).count()
    }

    /// The longest run of steps from `from` that one path length can serve, and that path length.
    fn longest_merge(&self, from: usize, end: usize) -> (usize, PathLength) {
        let (mut low, mut high) = (self.scores[from], self.scores[from]);
        let mut path = self.steps.sums[from];
        for to in from + 1..end {
            low = low.min(self.scores[to]);
            high = high.max(self.scores[to]);
            match self.serve(low, high, path) {
                Some(served) => path = served,
                None => return (to, path),
            }
        }
        (end, path)
    }

    /// A path length within the error of both scores: the one at hand, else the midpoint.
    fn serve(&self, low: f64, high: f64, path: PathLength) -> Option<PathLength> {
        let scale = self.steps.scale;
        let middle = scale.path_length(low + (high - low) / 2.0);
        [path, middle].into_iter().find(|&path| {
            let score = scale.anomaly_score(path);
            score - low <= self.max_error && high - score <= self.max_error
        })
    }

    fn push(&mut self, from: usize, path: PathLength) {
        if self.sums.last() == Some(&path) {
            return;
        }
        if from > 0 {
            self.cuts.push(self.steps.cuts[from - 1]);
        }
        self.sums.push(path);
    }
}

#[cfg(test)]
#[path = "step_tests.rs"]
mod tests;
