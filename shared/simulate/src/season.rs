//! The day and the week of a service, in local time.

use crate::estate::Category;
use crate::horizon::DAY_S;
use crate::random::Random;

/// Table entries a day: one every five minutes.
const PER_DAY: usize = 288;
const DAYS: usize = 7;
const ENTRY_S: i64 = DAY_S / PER_DAY as i64;

/// Traffic relative to the week's busiest moment, by local time of week, Monday first.
#[derive(Debug, Clone)]
pub(crate) struct WeekCurve {
    values: Vec<f64>,
}

/// What distinguishes one service's day from another's of its category.
struct Temper {
    shift_h: f64,
    night: f64,
    lunch: f64,
    evening: f64,
    weekend: f64,
}

impl WeekCurve {
    /// Draws a curve whose largest value is 1.
    pub(crate) fn draw(category: Category, random: &mut Random) -> Self {
        let temper = Temper::draw(category, random);
        let days: Vec<f64> = (0..DAYS).map(|day| day_level(day, &temper, random)).collect();
        let raw = (0..DAYS * PER_DAY).map(|entry| {
            let (day, hour) = (entry / PER_DAY, (entry % PER_DAY) as f64 * 24.0 / PER_DAY as f64);
            days[day] * day_shape(category, hour, day >= 5, &temper)
        });
        let mut values: Vec<f64> = raw.collect();
        let largest = values.iter().copied().fold(f64::MIN_POSITIVE, f64::max);
        values.iter_mut().for_each(|value| *value /= largest);
        values.push(values[0]);
        Self { values }
    }

    /// The level at a local wall time in epoch-like seconds (1970-01-01 was a Thursday).
    pub(crate) fn at(&self, local_s: i64) -> f64 {
        let since_monday_s = (local_s + 3 * DAY_S).rem_euclid(DAYS as i64 * DAY_S);
        let entry = (since_monday_s / ENTRY_S) as usize;
        let part = (since_monday_s % ENTRY_S) as f64 / ENTRY_S as f64;
        self.values[entry] * (1.0 - part) + self.values[entry + 1] * part
    }
}

impl Temper {
    fn draw(category: Category, random: &mut Random) -> Self {
        let (night, weekend) = match category {
            Category::Critical => (random.between(0.06, 0.14), random.between(0.75, 1.0)),
            Category::Core => (random.between(0.05, 0.12), random.between(0.65, 0.9)),
            Category::Standard => (random.between(0.02, 0.10), random.between(0.5, 0.85)),
            Category::Micro => (random.between(0.20, 0.40), random.between(0.7, 0.95)),
            Category::Admin => (random.between(0.005, 0.02), random.between(0.05, 0.15)),
            Category::Background => (random.between(0.15, 0.35), random.between(0.6, 1.0)),
        };
        Self {
            shift_h: random.between(-0.6, 0.6),
            night,
            lunch: random.between(0.10, 0.30),
            evening: random.between(0.7, 1.1),
            weekend,
        }
    }
}

fn day_level(day: usize, temper: &Temper, random: &mut Random) -> f64 {
    let level = if day >= 5 { temper.weekend } else { 1.0 };
    level * random.between(0.96, 1.04)
}

fn day_shape(category: Category, hour: f64, weekend: bool, temper: &Temper) -> f64 {
    let hour = hour - temper.shift_h;
    let busy = match category {
        Category::Admin => office(hour, temper),
        Category::Background => 0.5 * bump(hour, 14.0, 4.0) + bump(hour, 2.5, 1.3),
        _ => consumer(hour, weekend, temper),
    };
    temper.night + (1.0 - temper.night) * busy
}

/// Morning, afternoon and evening humps with a dip at lunch; weekends start later.
fn consumer(hour: f64, weekend: bool, temper: &Temper) -> f64 {
    let morning = if weekend { 12.0 } else { 10.7 };
    let lunch = if weekend { 0.0 } else { temper.lunch };
    let sum = 0.85 * bump(hour, morning, 2.0) + 0.7 * bump(hour, 15.8, 2.3)
        - lunch * bump(hour, 13.0, 0.6)
        + temper.evening * bump(hour, 20.2, 1.9);
    sum.max(0.0)
}

/// Office hours from half past eight to six, with lunch.
fn office(hour: f64, temper: &Temper) -> f64 {
    let open = logistic((hour - 8.5) / 0.4) * logistic((18.0 - hour) / 0.5);
    open * (1.0 - (temper.lunch + 0.2) * bump(hour, 12.7, 0.6))
}

/// A bell on the circle of 24 hours.
fn bump(hour: f64, centre: f64, width: f64) -> f64 {
    let away = (hour - centre + 36.0) % 24.0 - 12.0;
    libm::exp(-0.5 * away * away / (width * width))
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    fn hours_of(category: Category, seed: u64, day: i64) -> Vec<f64> {
        let mut random = Random::at(seed, Purpose::Model, 0, 0);
        let curve = WeekCurve::draw(category, &mut random);
        // 1970-01-05 was a Monday.
        (0..24).map(|hour| curve.at((4 + day) * DAY_S + hour * 3_600)).collect()
    }

    #[test]
    fn nights_are_low_lunch_dips_and_weekends_drop() {
        for seed in 0..50 {
            let monday = hours_of(Category::Standard, seed, 0);
            let saturday = hours_of(Category::Standard, seed, 5);
            assert!(monday[4] < 0.25 * monday[11], "seed {seed}: {monday:?}");
            assert!(monday[13] < monday[11], "seed {seed}: {monday:?}");
            assert!(saturday.iter().sum::<f64>() < monday.iter().sum(), "seed {seed}");
        }
    }

    #[test]
    fn categories_differ_in_their_day() {
        for seed in 0..50 {
            let admin = hours_of(Category::Admin, seed, 1);
            assert!(admin[3] < 0.05 && admin[21] < 0.05 && admin[10] > 0.6, "{admin:?}");
            let background = hours_of(Category::Background, seed, 1);
            assert!(background[3] > background[10], "{background:?}");
        }
    }

    #[test]
    fn every_hour_of_the_week_is_positive_and_at_most_the_peak() {
        for category in Category::ALL {
            for day in 0..7 {
                for level in hours_of(*category, 9, day) {
                    assert!(level > 0.0 && level <= 1.0, "{category} {day} {level}");
                }
            }
        }
    }
}
