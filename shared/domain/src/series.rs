//! The samples of one metric of one service.

/// Samples in ascending order of time. A value that the source reported but that is no finite
/// number is kept as it came; a sample that does not exist is not in the list. Missing is not zero.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// Epoch seconds, strictly ascending.
    pub times_s: Vec<i64>,
    /// As many values as there are times.
    pub values: Vec<f64>,
}

impl Series {
    /// Sorts samples by time; of samples with one time the last one given is kept.
    pub fn from_samples(mut samples: Vec<(i64, f64)>) -> Series {
        if !samples.is_sorted_by(|a, b| a.0 < b.0) {
            samples.sort_by_key(|(time, _)| *time);
        }
        let mut series = Series {
            times_s: Vec::with_capacity(samples.len()),
            values: Vec::with_capacity(samples.len()),
        };
        for (time, value) in samples {
            series.push(time, value);
        }
        series
    }

    /// Appends a sample, or replaces the last one if it bears the same time.
    ///
    /// Samples older than the last one are dropped: callers hand them over in order.
    pub fn push(&mut self, time_s: i64, value: f64) {
        match self.times_s.last() {
            Some(last) if *last == time_s => {
                if let Some(slot) = self.values.last_mut() {
                    *slot = value;
                }
            }
            Some(last) if *last > time_s => {}
            _ => {
                self.times_s.push(time_s);
                self.values.push(value);
            }
        }
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.times_s.len()
    }

    /// True if there is no sample.
    pub fn is_empty(&self) -> bool {
        self.times_s.is_empty()
    }

    /// The samples in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (i64, f64)> + '_ {
        self.times_s.iter().copied().zip(self.values.iter().copied())
    }

    /// The samples with `after_s < time <= until_s`.
    pub fn between(&self, after_s: i64, until_s: i64) -> impl Iterator<Item = (i64, f64)> + '_ {
        let range = self.range(after_s, until_s);
        self.times_s[range.clone()].iter().copied().zip(self.values[range].iter().copied())
    }

    /// Drops every sample at or before `until_s`.
    pub fn forget_until(&mut self, until_s: i64) {
        let gone = self.times_s.partition_point(|time| *time <= until_s);
        self.times_s.drain(..gone);
        self.values.drain(..gone);
    }

    /// Puts `newer` after the samples up to `after_s`; what was known later than that is replaced.
    pub fn replace_after(&mut self, after_s: i64, newer: &Series) {
        let kept = self.times_s.partition_point(|time| *time <= after_s);
        self.times_s.truncate(kept);
        self.values.truncate(kept);
        for (time, value) in newer.between(after_s, i64::MAX) {
            self.push(time, value);
        }
    }

    fn range(&self, after_s: i64, until_s: i64) -> std::ops::Range<usize> {
        let start = self.times_s.partition_point(|time| *time <= after_s);
        let end = self.times_s.partition_point(|time| *time <= until_s);
        start..end.max(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_sorted_and_the_last_of_equal_times_wins() {
        let series = Series::from_samples(vec![(3, 3.0), (1, 1.0), (3, 4.0), (2, f64::NAN)]);
        assert_eq!(series.times_s, [1, 2, 3]);
        assert_eq!(series.values[2], 4.0);
        assert!(series.values[1].is_nan());
    }

    #[test]
    fn a_range_excludes_its_start_and_includes_its_end() {
        let series = Series::from_samples(vec![(0, 0.0), (60, 1.0), (120, 2.0), (180, 3.0)]);
        let times: Vec<_> = series.between(0, 120).map(|(time, _)| time).collect();
        assert_eq!(times, [60, 120]);
        assert_eq!(series.between(120, 0).count(), 0);
    }

    #[test]
    fn newer_samples_replace_what_was_known() {
        let mut series = Series::from_samples(vec![(0, 0.0), (60, 1.0), (120, 2.0)]);
        series.replace_after(60, &Series::from_samples(vec![(60, 9.0), (180, 3.0)]));
        assert_eq!(series.times_s, [0, 60, 180]);
        assert_eq!(series.values, [0.0, 1.0, 3.0]);
        series.forget_until(60);
        assert_eq!(series.times_s, [180]);
    }
}
