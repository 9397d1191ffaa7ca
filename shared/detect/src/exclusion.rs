//! Stretches of history that training leaves out: excluded periods and known incidents; for a
//! variant all but its own excluded periods.
//!
//! They are cut from the samples, before anything is averaged or learned, so that forests and
//! evidence alike never see them. What is cut is missing, and missing is never zero.

use domain::config::valid::ExcludedPeriod;
use domain::{Series, ServiceName};

use crate::rows::ServiceSamples;

/// The stretches of one service, both ends included, ascending and apart from each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Exclusion {
    spans: Vec<(i64, i64)>,
}

impl Exclusion {
    /// The stretches among `periods` that concern the service; without one, those that concern all.
    pub fn of(periods: &[ExcludedPeriod], service: Option<&ServiceName>) -> Exclusion {
        Exclusion::among(periods, |period| {
            period.service.is_none() || period.service.as_ref() == service
        })
    }

    /// The stretches of the periods that are wanted.
    pub fn among(
        periods: &[ExcludedPeriod],
        is_wanted: impl Fn(&ExcludedPeriod) -> bool,
    ) -> Exclusion {
        let wanted = periods.iter().filter(|it| is_wanted(it) && it.start_s <= it.end_s);
        Exclusion::joined(wanted.map(|it| (it.start_s, it.end_s)).collect())
    }

    fn joined(mut all: Vec<(i64, i64)>) -> Exclusion {
        all.sort_unstable();
        let mut spans: Vec<(i64, i64)> = Vec::with_capacity(all.len());
        for (start_s, end_s) in all {
            match spans.last_mut() {
                Some(last) if start_s <= last.1.saturating_add(1) => last.1 = last.1.max(end_s),
                _ => spans.push((start_s, end_s)),
            }
        }
        Exclusion { spans }
    }

    /// All of `after_s < time <= until_s` but these stretches.
    pub fn inverse(&self, after_s: i64, until_s: i64) -> Exclusion {
        let mut spans = Vec::with_capacity(self.spans.len() + 1);
        let mut next_s = after_s.saturating_add(1);
        for (start_s, end_s) in &self.spans {
            if next_s < *start_s {
                spans.push((next_s, (start_s - 1).min(until_s)));
            }
            next_s = next_s.max(end_s.saturating_add(1));
        }
        spans.push((next_s, until_s));
        spans.retain(|(start_s, end_s)| start_s <= end_s);
        Exclusion { spans }
    }

    /// What either leaves out.
    pub fn and(&self, other: &Exclusion) -> Exclusion {
        Exclusion::joined([&self.spans[..], &other.spans[..]].concat())
    }

    /// True if nothing is left out.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Seconds that are left out of `after_s < time <= until_s`.
    pub fn length_s(&self, after_s: i64, until_s: i64) -> i64 {
        let within = |(start_s, end_s): &(i64, i64)| {
            (end_s.min(&until_s) + 1 - start_s.max(&(after_s + 1))).max(0)
        };
        self.spans.iter().map(within).sum()
    }

    /// The samples without those that are left out.
    pub fn cut(&self, samples: &ServiceSamples) -> ServiceSamples {
        let cut = |series: &Option<Series>| series.as_ref().map(|series| self.cut_series(series));
        ServiceSamples { series: samples.series.iter().map(cut).collect() }
    }

    fn cut_series(&self, series: &Series) -> Series {
        let is_kept = |time_s: i64| {
            let next = self.spans.partition_point(|(_, end_s)| *end_s < time_s);
            self.spans.get(next).is_none_or(|(start_s, _)| time_s < *start_s)
        };
        let (times_s, values) = series.iter().filter(|(time_s, _)| is_kept(*time_s)).unzip();
        Series { times_s, values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn period(service: Option<&str>, start_s: i64, end_s: i64) -> ExcludedPeriod {
        let service = service.map(|name| ServiceName::new(name).unwrap());
        ExcludedPeriod { service, start_s, end_s, reason: String::new(), variant: None }
    }

    fn exclusion(periods: &[ExcludedPeriod]) -> Exclusion {
        Exclusion::of(periods, Some(&ServiceName::new("a").unwrap()))
    }

    #[test]
    fn what_overlaps_or_touches_is_one_stretch() {
        let found = exclusion(&[
            period(None, 50, 60),
            period(Some("a"), 10, 20),
            period(None, 15, 30),
            period(None, 31, 40),
            period(Some("b"), 0, 1000),
            period(None, 90, 80),
        ]);
        assert_eq!(found.spans, [(10, 40), (50, 60)]);
        assert_eq!(found.length_s(0, 100), 42);
        assert_eq!(found.length_s(39, 54), 6);
        assert_eq!(found.length_s(60, 100), 0);
        let one = [period(Some("a"), 10, 20), period(None, 30, 40)];
        assert_eq!(Exclusion::of(&one, None).spans, [(30, 40)]);
    }

    #[test]
    fn the_inverse_leaves_out_the_rest() {
        let found = exclusion(&[period(None, 10, 20), period(None, 30, 40), period(None, 90, 200)]);
        assert_eq!(found.inverse(0, 100).spans, [(1, 9), (21, 29), (41, 89)]);
        assert_eq!(found.inverse(14, 35).spans, [(21, 29)]);
        assert_eq!(exclusion(&[]).inverse(0, 100).spans, [(1, 100)]);
        let both = found.inverse(0, 100).and(&found);
        assert_eq!(both.length_s(0, 100), 100);
        let with = found.and(&exclusion(&[period(None, 21, 29)]));
        assert_eq!(with.spans, [(10, 40), (90, 200)]);
    }

    #[test]
    fn both_ends_are_cut_and_the_rest_is_kept() {
        let samples = (1..=10).map(|i| (i * 10, i as f64)).collect();
        let samples = ServiceSamples { series: vec![Some(Series::from_samples(samples)), None] };
        let found = exclusion(&[period(None, 30, 60), period(None, 100, 100)]).cut(&samples);
        assert_eq!(found.series[0].as_ref().unwrap().times_s, [10, 20, 70, 80, 90]);
        assert_eq!(found.series[0].as_ref().unwrap().values, [1.0, 2.0, 7.0, 8.0, 9.0]);
        assert_eq!(found.series[1], None);
        assert_eq!(exclusion(&[]).cut(&samples), samples);
    }
}
