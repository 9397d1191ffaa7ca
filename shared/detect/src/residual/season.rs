//! What is usual at this time of the week: the baseline of one metric.
//!
//! Rates, latencies and gauges have one value for each half hour of each weekday: the median over
//! the slot and its neighbours of all days, from which Mondays to Fridays, Saturdays and Sundays
//! differ, and from the first of these each weekday, the more the more of them were seen. Less than
//! a week of history gives the shape of a day, less than two days one value for all times. Shares of
//! failures have one value for each period of the week, because a half hour has too few failures to
//! tell it.
//!
//! How much a Sunday leans on all days follows from the data: not at all where Sundays are far from
//! what a day scatters by. A fixed share would bend a weekend that begins late towards the mornings
//! of workdays, and take each of its noons for a surge.

use chrono::DateTime;
use domain::Calendar;
use serde::{Deserialize, Serialize};
use stats::{mad_sigma, median_in_place, quantile};

use super::transform::{Form, root_share};

/// Length of a slot of the local day.
pub const SLOT_S: i64 = 1800;
/// Slots of a day.
pub const SLOTS: usize = 48;
const DAYS: usize = 7;
/// Periods of the week.
const PERIODS: usize = 5;
/// Values that make a median.
const VALUES_MIN: usize = 8;
/// Days after which their own median weighs as much as that of the days that they are among, at
/// most.
const DAYS_OF_EQUAL_WEIGHT: f64 = 3.0;
/// Days that tell what days of a type have in common from what one of them had alone: two, with
/// room for gaps.
const DAYS_ALIKE_MIN: f64 = 1.5;
/// Requests by which the share of a period leans towards the overall share.
const PRIOR_REQUESTS: f64 = 20.0;
/// Cycles with a share above this quantile don't count for what is usual.
const SHARE_QUANTILE: f64 = 0.99;
/// Days that are alike: Monday to Friday, Saturday, Sunday.
const DAY_TYPES: [&[usize]; 3] = [&[0, 1, 2, 3, 4], &[5], &[6]];

/// An instant as the service's people live it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Monday is 0.
    pub weekday: u8,
    pub second_of_day: u32,
    /// Position in `Period::ALL`.
    pub period: u8,
}

impl Moment {
    /// The local time in the middle of the cycle that ends at `end_s`, epoch seconds; the epoch if
    /// it is beyond the calendar.
    pub fn of_cycle(calendar: &Calendar, end_s: i64, cycle_s: i64) -> Moment {
        let at_s = end_s - cycle_s / 2;
        let local = calendar.local(DateTime::from_timestamp(at_s, 0).unwrap_or_default());
        let seconds = at_s.rem_euclid(60) as u32;
        Moment {
            weekday: local.weekday as u8,
            second_of_day: local.hour * 3600 + local.minute * 60 + seconds,
            period: calendar.table().period(local.weekday, local.hour).index() as u8,
        }
    }
}

/// Past values of one metric on its scale: `(when, value)`, finite only.
pub type Past = [(Moment, f64)];

/// What is usual, on the metric's scale; of a share, the share itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Season {
    /// The same at all times.
    Constant(f32),
    /// One value per weekday and slot, Monday first; `7 x 48`.
    Week(Vec<f32>),
    /// One share per period of the week.
    Periods([f32; PERIODS]),
}

impl Season {
    /// The median of all values; NaN without any.
    pub fn constant(past: &Past) -> Season {
        Season::Constant(median_of(past) as f32)
    }

    /// Medians of slots, the same on all days. A slot that was seen too little takes the median of
    /// all times.
    pub fn day(past: &Past) -> Season {
        let overall = median_of(past);
        let every_day = profile(past, |_| true);
        let slots = every_day.iter().map(|slot| slot.median.unwrap_or(overall) as f32);
        Season::Week((0..DAYS).flat_map(|_| slots.clone()).collect())
    }

    /// Medians of weekdays and slots from values `cycle_s` seconds apart. What was seen little leans
    /// on what it is part of: a weekday on days of its type, these on all days.
    pub fn week(past: &Past, cycle_s: i64) -> Season {
        let overall = median_of(past);
        let values_per_day = 3.0 * SLOT_S as f64 / cycle_s.max(1) as f64;
        let every_day = profile(past, |_| true);
        let scatter = scatter(past);
        let mut table = Vec::with_capacity(DAYS * SLOTS);
        for days in DAY_TYPES {
            let of_type = profile(past, |day| days.contains(&day));
            let type_days = equal_days(&of_type, &every_day, scatter, values_per_day);
            for &day in days {
                let is_alone = days.len() == 1;
                let own = profile(past, |other| other == day && !is_alone);
                for slot in 0..SLOTS {
                    let usual = every_day[slot].median.unwrap_or(overall);
                    let alike = of_type[slot].leaning_on(usual, values_per_day, type_days);
                    let its = own[slot].leaning_on(alike, values_per_day, DAYS_OF_EQUAL_WEIGHT);
                    table.push(its as f32);
                }
            }
        }
        Season::Week(table)
    }

    /// Shares of failures from `(when, failures, requests)`: per period if `by_period`, else one.
    pub fn shares(past: &[(Moment, f64, f64)], by_period: bool) -> Season {
        let requests: f64 = past.iter().map(|p| p.2).sum();
        let failures: f64 = past.iter().map(|p| p.1).sum();
        let overall = if requests > 0.0 { failures / requests } else { 0.0 };
        let shares: Vec<f64> = past.iter().map(|p| p.1 / p.2).collect();
        let high = quantile(&shares, SHARE_QUANTILE).unwrap_or(1.0);
        let mut totals = [(0.0, 0.0); PERIODS];
        for (moment, failures, requests) in past {
            let period = if by_period { usize::from(moment.period) } else { 0 };
            if let Some(total) = totals.get_mut(period).filter(|_| failures / requests <= high) {
                *total = (total.0 + failures, total.1 + requests);
            }
        }
        let share = |(failures, requests): (f64, f64)| {
            ((failures + PRIOR_REQUESTS * overall) / (requests + PRIOR_REQUESTS)) as f32
        };
        match by_period {
            true => Season::Periods(totals.map(share)),
            false => Season::Constant(share(totals[0])),
        }
    }

    /// What is usual at a moment. NaN if it is not known.
    pub fn at(&self, moment: Moment) -> f64 {
        match self {
            Season::Constant(value) => f64::from(*value),
            Season::Week(table) => interpolated(table, moment),
            Season::Periods(shares) => {
                shares.get(usize::from(moment.period)).map_or(f64::NAN, |share| f64::from(*share))
            }
        }
    }

    /// True if it knows times of the day.
    pub fn is_seasonal(&self) -> bool {
        !matches!(self, Season::Constant(_))
    }
}

/// The expected point on a metric's scale: `usual` as [`Season::at`] gives it, `count` as in
/// [`Form::transform`].
pub fn expected(form: Form, usual: f64, count: f64) -> f64 {
    match form {
        Form::ErrorShare => root_share(usual * count, count),
        _ => usual,
    }
}

fn median_of(past: &Past) -> f64 {
    let mut values: Vec<f64> = past.iter().map(|(_, value)| *value).collect();
    median_in_place(&mut values).unwrap_or(f64::NAN)
}

struct Slot {
    median: Option<f64>,
    count: usize,
}

impl Slot {
    /// Its own median, the more so the more days of `per_day` values it was seen; after
    /// `equal_days` half and half.
    fn leaning_on(&self, usual: f64, per_day: f64, equal_days: f64) -> f64 {
        let Some(median) = self.median else { return usual };
        let days = self.count as f64 / per_day;
        let weight = days / (days + equal_days);
        weight * median + (1.0 - weight) * usual
    }
}

/// Variance of the values of a half hour of Mondays to Fridays, of the usual half hour. NaN without
/// values.
fn scatter(past: &Past) -> f64 {
    let mut slots: Vec<Vec<f64>> = vec![Vec::new(); SLOTS];
    let workdays = past.iter().filter(|(at, _)| DAY_TYPES[0].contains(&usize::from(at.weekday)));
    for (moment, value) in workdays {
        slots[moment.second_of_day as usize / SLOT_S as usize % SLOTS].push(*value);
    }
    let sigmas = slots.iter().filter_map(|values| mad_sigma(values));
    let mut variances: Vec<f64> = sigmas.map(|sigma| sigma * sigma).collect();
    median_in_place(&mut variances).unwrap_or(f64::NAN)
}

/// After how many days the median of days of one type is as good a guess as that of all days: the
/// scatter of one day, over how unlike the type is beyond what scatter explains (empirical Bayes).
/// At most [`DAYS_OF_EQUAL_WEIGHT`], and as many where too few days were seen to tell: one Sunday may
/// have been an odd one.
fn equal_days(of_type: &[Slot], every_day: &[Slot], scatter: f64, per_day: f64) -> f64 {
    let (mut apart, mut days, mut slots) = (0.0, 0.0, 0.0);
    for (own, among) in of_type.iter().zip(every_day) {
        if let (Some(median), Some(usual)) = (own.median, among.median) {
            apart += (median - usual) * (median - usual);
            days += own.count as f64 / per_day;
            slots += 1.0;
        }
    }
    let days = days / slots;
    let unlike = apart / slots - scatter / days;
    if days >= DAYS_ALIKE_MIN && unlike > 0.0 {
        (scatter / unlike).min(DAYS_OF_EQUAL_WEIGHT)
    } else {
        DAYS_OF_EQUAL_WEIGHT
    }
}

/// For each slot of the day the median over it and its two neighbours, on the days chosen.
fn profile(past: &Past, is_chosen: impl Fn(usize) -> bool) -> Vec<Slot> {
    let mut slots: Vec<Vec<f64>> = vec![Vec::new(); SLOTS];
    for (moment, value) in past {
        if is_chosen(usize::from(moment.weekday)) {
            slots[moment.second_of_day as usize / SLOT_S as usize % SLOTS].push(*value);
        }
    }
    let around = |slot: usize| {
        let neighbours = [(slot + SLOTS - 1) % SLOTS, slot, (slot + 1) % SLOTS];
        let mut values: Vec<f64> = neighbours.iter().flat_map(|s| &slots[*s]).copied().collect();
        let count = values.len();
        let median = if count < VALUES_MIN { None } else { median_in_place(&mut values) };
        Slot { median, count }
    };
    (0..SLOTS).map(around).collect()
}

/// On the straight line between the centres of the nearest slots of the moment's weekday.
fn interpolated(table: &[f32], moment: Moment) -> f64 {
    let position = f64::from(moment.second_of_day) / SLOT_S as f64 + SLOTS as f64 - 0.5;
    let below = libm::floor(position);
    let fraction = position - below;
    let value = |slot: usize| {
        let index = usize::from(moment.weekday) * SLOTS + slot % SLOTS;
        table.get(index).map_or(f64::NAN, |value| f64::from(*value))
    };
    (1.0 - fraction) * value(below as usize) + fraction * value(below as usize + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn moment(weekday: u8, second_of_day: u32) -> Moment {
        Moment { weekday, second_of_day, period: 0 }
    }

    fn weeks(count: usize, value: impl Fn(usize, u32) -> f64) -> Vec<(Moment, f64)> {
        let at = |day: usize, slot: u32| (moment((day % 7) as u8, slot * 600), value(day, slot));
        (0..7 * count).flat_map(|day| (0..144).map(move |slot| at(day, slot))).collect()
    }

    #[test]
    fn a_wave_is_learnt_and_its_middle_lies_between_slots() {
        let past = weeks(4, |_, slot| f64::from(slot / 3));
        let season = Season::week(&past, 600);
        assert_eq!(season.at(moment(2, 10 * 1800 + 900)), 10.0);
        assert_eq!(season.at(moment(2, 11 * 1800)), 10.5);
        assert_eq!(season.at(moment(6, 20 * 1800 + 900)), 20.0);
    }

    #[test]
    fn weekdays_lean_towards_their_own_median() {
        let past = weeks(3, |day, _| if day % 7 == 4 { 6.0 } else { 0.0 });
        let season = Season::week(&past, 600);
        // Three Fridays against fifteen weekdays: half of 6, half of 0.
        assert_eq!(season.at(moment(4, 40_000)), 3.0);
        assert_eq!(season.at(moment(3, 40_000)), 0.0);
    }

    #[test]
    fn a_saturday_seen_once_leans_on_all_days() {
        let past = weeks(1, |day, _| if day % 7 > 4 { 8.0 } else { 0.0 });
        let season = Season::week(&past, 600);
        assert_eq!(season.at(moment(5, 40_000)), 2.0);
        assert_eq!(season.at(moment(2, 40_000)), 0.0);
        let daily = Season::day(&weeks(1, |_, slot| f64::from(slot / 3)));
        assert_eq!(daily.at(moment(0, 10 * 1800 + 900)), 10.0);
        assert_eq!(daily.at(moment(6, 10 * 1800 + 900)), 10.0);
        assert!(Season::day(&[]).at(moment(6, 40_000)).is_nan());
    }

    #[test]
    fn days_unlike_all_others_lean_on_nobody_once_they_are_known() {
        // Days scatter by a tenth; Saturdays lie elsewhere, Sundays do not.
        let value = |day: usize, slot: u32| {
            let scatter = 0.1 * ((day * 5 + slot as usize) % 3) as f64;
            if day % 7 == 5 { 8.0 + scatter } else { scatter }
        };
        let saturday = |count| Season::week(&weeks(count, value), 600).at(moment(5, 40_000));
        assert!((1.9..2.3).contains(&saturday(1)), "{}", saturday(1));
        assert!(saturday(2) > 7.9 && saturday(4) > 7.9, "{}", saturday(2));
        let alike: Vec<Slot> = profile(&weeks(4, value), |day| day == 6);
        let all = profile(&weeks(4, value), |_| true);
        assert_eq!(equal_days(&alike, &all, 0.01, 9.0), DAYS_OF_EQUAL_WEIGHT);
        assert_eq!(equal_days(&[], &[], f64::NAN, 9.0), DAYS_OF_EQUAL_WEIGHT);
    }

    #[test]
    fn days_never_seen_take_what_all_days_have() {
        let weekdays: Vec<_> = weeks(1, |_, slot| f64::from(slot / 72));
        let weekdays: Vec<_> = weekdays.into_iter().filter(|(m, _)| m.weekday < 5).collect();
        let season = Season::week(&weekdays, 600);
        assert_eq!(season.at(moment(6, 20 * 3600)), 1.0);
        assert_eq!(season.at(moment(6, 4 * 3600)), 0.0);
    }

    #[test]
    fn one_bad_hour_is_not_what_is_usual_for_shares() {
        let past: Vec<_> =
            (0..1000).map(|i| (moment(0, 0), if i < 9 { 50.0 } else { 1.0 }, 100.0)).collect();
        let Season::Constant(share) = Season::shares(&past, false) else { panic!("seasonal") };
        assert!((share - 0.01).abs() < 1e-4, "{share}");
    }

    #[test]
    fn nothing_known_is_nan_and_no_panic() {
        assert!(Season::constant(&[]).at(moment(0, 0)).is_nan());
        assert!(Season::week(&[], 120).at(moment(0, 0)).is_nan());
        assert!(Season::Week(vec![1.0]).at(moment(6, 86_399)).is_nan());
        assert_eq!(Season::shares(&[], true).at(moment(0, 0)), 0.0);
        assert!(Season::Periods([0.1; 5]).at(Moment { period: 9, ..moment(0, 0) }).is_nan());
    }

    #[test]
    fn local_time_follows_the_clocks_of_the_zone() {
        let calendar = Calendar::utc().in_zone("Europe/Paris").unwrap();
        // 2026-03-29, clocks go from 02:00 to 03:00 at 01:00Z.
        let before = Moment::of_cycle(&calendar, 1_774_746_000, 120);
        let after = Moment::of_cycle(&calendar, 1_774_746_120, 120);
        assert_eq!((before.weekday, before.second_of_day), (6, 7_140));
        assert_eq!((after.weekday, after.second_of_day), (6, 10_860));
    }

    proptest! {
        #[test]
        fn the_season_stays_within_what_was_seen(
            values in prop::collection::vec((0u8..7, 0u32..86_400, -50.0f64..50.0), 1..400),
            (day, second) in (0u8..7, 0u32..86_400),
        ) {
            let past: Vec<_> = values.iter().map(|(d, s, v)| (moment(*d, *s), *v)).collect();
            let low = past.iter().map(|p| p.1).fold(f64::MAX, f64::min);
            let high = past.iter().map(|p| p.1).fold(f64::MIN, f64::max);
            let usual = Season::week(&past, 120).at(moment(day, second));
            prop_assert!(usual >= low - 1e-3 && usual <= high + 1e-3);
        }
    }
}
