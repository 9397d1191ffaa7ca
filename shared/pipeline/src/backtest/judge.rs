//! The seam between a replay and what it replays.
//!
//! A [`Judge`] says what a cycle decides about a service. Whatever opens anomalies implements it:
//! the replay, the incidents, the files and the report know nothing else of it.

use detect::residual::SymptomScores;
use domain::{ServiceName, Severity};
use incident::{Evaluated, RootCause};
use serde::Serialize;

use crate::backtest::tape::{Tape, Tick};
use crate::backtest::{Explanation, Track};

/// Decides cycles.
///
/// A judge must not remember: a cycle judged alone gives the finding that it gives in a row. What
/// a statistic needs of the past, it takes from the tape.
pub trait Judge: Sync {
    /// The word for it in results.
    fn name(&self) -> &'static str;

    /// What a service's scores mean.
    fn scale(&self, service: &ServiceName) -> Scale;

    /// Judges cycles of one service: one finding per tick, in their order.
    fn judge(&self, tape: &Tape, ticks: &[Tick]) -> Vec<Finding>;

    /// Judges one cycle and says why.
    fn explain(&self, tape: &Tape, tick: &Tick) -> Explanation;

    /// Where each metric usually is at an instant, in the order of the metric set, for charts:
    /// what is left to say where cycles tell nothing themselves.
    fn usual(&self, service: &ServiceName, at_s: i64) -> Vec<Option<Usual>>;

    /// Another service where the trouble of a service starts, as far as a cycle can tell. `fleet`
    /// holds every service's findings; a judge looks at those up to that cycle only.
    fn root_cause(
        &self,
        _service: &ServiceName,
        _fleet: &[Track],
        _at_s: i64,
    ) -> Option<RootCause> {
        None
    }
}

/// What scores mean.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Scale {
    /// A score from here on is unusual.
    pub threshold: f64,
    /// The score of a cycle that could not be judged.
    pub floor: f64,
}

/// What a cycle found out about a service.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Finding {
    /// End of the cycle, epoch seconds.
    #[serde(skip)]
    pub at_s: i64,
    /// The newest sample used, epoch seconds.
    pub stamp_s: i64,
    /// How long before that the first sample lies that opens by itself; 0 where cycles are judged
    /// as a whole.
    pub lead_s: i64,
    /// `None` if nothing is wrong, or nothing could be judged.
    pub severity: Severity,
    /// The same before patterns and circumstances have their say: what is announced.
    pub detected: Severity,
    /// What opens and keeps incidents: higher is worse. Absent where nothing could be judged.
    pub score: Option<f64>,
    /// What is shown and stored as the score.
    pub published: f64,
    /// What it says about where trouble starts.
    #[serde(skip)]
    pub symptoms: Option<SymptomScores>,
    /// What incidents make of it; absent where nothing could be judged.
    #[serde(skip)]
    pub evaluated: Option<Evaluated>,
    /// What is wrong, in words.
    pub cause: Option<Cause>,
    /// Where each metric would be if all were as usual, in the order of the metric set; empty
    /// where the cycle cannot tell.
    #[serde(skip)]
    pub bands: Vec<Option<Band>>,
}

/// Low, middle and high of what is usual, in the metric's unit; small, as every cycle has some.
pub type Band = [f32; 3];

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// Stable from cycle to cycle.
    pub name: String,
    pub description: String,
    /// Worst first.
    pub metrics: Vec<String>,
}

impl Finding {
    /// Where an incident begins that it opens.
    pub fn began_s(&self) -> i64 {
        self.stamp_s - self.lead_s
    }

    /// True if an incident would start with it or go on.
    pub fn has_evidence(&self) -> bool {
        self.evaluated.as_ref().is_some_and(|it| !it.detections.is_empty())
    }

    /// The severity before objectives had their say.
    pub fn before_objectives(&self) -> Severity {
        let detections = self.evaluated.iter().flat_map(|it| &it.detections);
        detections.map(|it| it.ml_severity).max().unwrap_or_default()
    }

    /// True if the detector found something to open an incident for, and objectives dropped it.
    pub fn is_dropped(&self, scale: Scale) -> bool {
        self.score.is_some_and(|score| score >= scale.threshold)
            && self.detected >= Severity::Medium
            && !self.has_evidence()
    }

    /// True if the service was judged in this cycle.
    pub fn is_judged(&self) -> bool {
        self.score.is_some()
    }
}

/// Where a metric usually is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Usual {
    pub low: f64,
    pub middle: f64,
    pub high: f64,
}
