//! The time grid of a simulation.

/// Seconds of a day.
pub(crate) const DAY_S: i64 = 86_400;
/// Seconds of an hour.
pub(crate) const HOUR_S: i64 = 3_600;

/// The grid: step `k` is at `start_s + k * step_s`; steps from `test_step` on are the test part.
#[derive(Debug, Clone)]
pub(crate) struct Horizon {
    pub(crate) start_s: i64,
    pub(crate) step_s: i64,
    pub(crate) steps: usize,
    pub(crate) test_step: usize,
    /// Seconds of local wall time at each step.
    pub(crate) local_s: Vec<i64>,
}

impl Horizon {
    pub(crate) fn instant_s(&self, step: usize) -> i64 {
        self.start_s + step as i64 * self.step_s
    }

    pub(crate) fn end_s(&self) -> i64 {
        self.instant_s(self.steps)
    }

    pub(crate) fn test_start_s(&self) -> i64 {
        self.instant_s(self.test_step)
    }

    /// The first step at or after an instant, within the grid.
    pub(crate) fn step_at(&self, instant_s: i64) -> usize {
        let since_s = (instant_s - self.start_s).max(0);
        let step = (since_s + self.step_s - 1) / self.step_s;
        (step as usize).min(self.steps)
    }

    /// How many steps cover a duration; at least one.
    pub(crate) fn steps_in(&self, duration_s: i64) -> usize {
        ((duration_s + self.step_s - 1) / self.step_s).max(1) as usize
    }

    /// Days begun, counted from the start.
    pub(crate) fn days(&self) -> usize {
        ((self.end_s() - self.start_s + DAY_S - 1) / DAY_S) as usize
    }

    /// The step nearest a local time of day on day `day`, if the grid reaches it.
    pub(crate) fn step_at_local(&self, day: usize, local_hour: f64) -> Option<usize> {
        let day_step = self.step_at(self.start_s + day as i64 * DAY_S);
        let local_s = *self.local_s.get(day_step)?;
        let wanted_s = (local_hour * HOUR_S as f64) as i64;
        let ahead_s = (wanted_s - local_s).rem_euclid(DAY_S);
        let step = day_step + (ahead_s / self.step_s) as usize;
        (step < self.steps).then_some(step)
    }
}
