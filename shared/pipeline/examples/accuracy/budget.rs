//! Whether wishes for false alarms are kept: incidents of stretches without any, after training.
//!
//! A stretch is learned up to a day, and the days after it are scored with the code that serves.
//! What opens there is false. Incidents are counted by service and before folding, joined within an
//! hour; those that open during maintenance, or within half an hour of it, don't count.

use detect::budget::{Peers, Replay, incidents, law_scores};
use detect::evidence::{self, EvidenceFit, EvidenceModel};
use detect::residual::residuals::window_s;
use detect::residual::{Residuals, replay};
use detect::rows::{ServiceSamples, rows};
use domain::ServiceName;
use domain::config::valid::Config;
use pipeline::backtest::accuracy::Maintenance;
use rayon::prelude::*;

use crate::Anything;
use crate::pack::Pack;
use crate::run::{Settings, config};

/// Wishes that are tried, false incidents per service and week.
const WISHES: [f64; 5] = [0.25, 0.5, 1.0, 2.0, 4.0];
const DAY_S: i64 = 86_400;
const WEEK_S: f64 = 604_800.0;
const AFTER_MAINTENANCE_S: i64 = 1_800;

/// Days that are learned, and days that are counted after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) learned: i64,
    pub(crate) counted: i64,
}

impl Cut {
    /// Whether some days are counted by both.
    pub(crate) fn overlaps(&self, other: &Cut) -> bool {
        let end = |it: &Cut| it.learned + it.counted;
        self.learned < end(other) && other.learned < end(self)
    }
}

/// What came of one wish.
pub(crate) struct Kept {
    pub(crate) wish: f64,
    /// Thresholds of the services.
    pub(crate) thetas: Vec<f64>,
    pub(crate) in_sample: Count,
    pub(crate) after: Count,
    /// The mean of the rates that the services' cards tell.
    pub(crate) expected: f64,
}

/// Incidents in so many service-weeks.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Count {
    pub(crate) incidents: u32,
    pub(crate) weeks: f64,
}

/// What the law of false alarms says at a score, as it is in a stretch.
pub(crate) struct Rates {
    score: f64,
    in_replay: Count,
    after: Count,
}

/// One service: scores of its own history, and of the days after it.
struct Service {
    model: EvidenceModel,
    replay: Replay,
    after: Vec<(i64, f64)>,
    cycle_s: i64,
}

/// All wishes on the part `train` of a pack, and how often incidents open at each score of the law.
pub(crate) fn judge(
    pack: &Pack,
    cut: Cut,
    settings: &Settings,
) -> Result<(Vec<Kept>, Vec<Rates>), Anything> {
    let config = config(pack, settings)?;
    let services = services(pack, cut, &config);
    let peers = Peers::of(services.iter().map(|it| &it.replay));
    let kept = WISHES.iter().map(|wish| keep(&services, &peers, *wish)).collect();
    Ok((kept, law_scores().map(|score| rates(&services, score)).collect()))
}

fn rates(services: &[Service], score: f64) -> Rates {
    let (in_replay, after) = (Count::default(), Count::default());
    let mut rates = Rates { score, in_replay, after };
    for service in services {
        let (weeks, opened) = service.replay.at(score);
        rates.in_replay.add(opened, weeks);
        rates.after.add(incidents(&service.after, score), service.weeks());
    }
    rates
}

impl Service {
    /// Weeks that are counted.
    fn weeks(&self) -> f64 {
        self.after.len() as f64 * self.cycle_s as f64 / WEEK_S
    }
}

fn keep(services: &[Service], peers: &Peers, wish: f64) -> Kept {
    let (in_sample, after) = (Count::default(), Count::default());
    let mut kept = Kept { wish, thetas: Vec::new(), in_sample, after, expected: 0.0 };
    for service in services {
        let mut model = service.model.clone();
        model.open_at(Some(&service.replay), peers, Some(wish));
        let EvidenceModel::Residual(model) = model else { continue };
        let theta = f64::from(model.threshold.theta);
        kept.thetas.push(theta);
        kept.in_sample.add(model.threshold.incidents, f64::from(model.threshold.weeks));
        kept.after.add(incidents(&service.after, theta), service.weeks());
        kept.expected += model.threshold.per_week() / services.len() as f64;
    }
    kept.thetas.sort_by(f64::total_cmp);
    kept
}

fn services(pack: &Pack, cut: Cut, config: &Config) -> Vec<Service> {
    let (oldest_s, _) = pack.parts[0].span();
    let from_s = oldest_s - oldest_s.rem_euclid(DAY_S);
    let split_s = from_s + cut.learned * DAY_S;
    let until_s = split_s + cut.counted * DAY_S;
    let all: Vec<(ServiceName, ServiceSamples)> =
        pack.parts[0].services(&config.metrics).into_iter().collect();
    let (metrics, bounds) = (&config.metrics, &config.detection.bounds);
    let cycle_s = config.training.cycle_s;
    let fit = |(name, samples): &(ServiceName, ServiceSamples)| {
        let calendar = config.calendar_of(name);
        let span = (from_s, split_s);
        evidence::fit(samples, metrics, bounds, &calendar, span, cycle_s).unzip().0
    };
    let fits: Vec<Option<EvidenceFit>> = all.par_iter().map(fit).collect();
    let pool = evidence::pool(&fits);
    let service =
        |((name, samples), fit): (&(ServiceName, ServiceSamples), &Option<EvidenceFit>)| {
            let (model, replayed) = fit.as_ref()?.finish(&pool);
            let EvidenceModel::Residual(residual) = &model else { return None };
            let after_s = split_s - window_s(cycle_s);
            let cycles = rows(samples, metrics, bounds, after_s, until_s, cycle_s);
            let residuals = Residuals::of(residual, &config.calendar_of(name), metrics, &cycles);
            let scores = replay(residual, &residuals, split_s);
            let scores = scores.iter().map(|it| (it.at_s, it.score));
            let after = scores.filter(|(at_s, _)| !is_maintained(&pack.maintenance, name, *at_s));
            Some(Service { after: after.collect(), replay: replayed?, cycle_s, model })
        };
    all.par_iter().zip(&fits).filter_map(service).collect()
}

fn is_maintained(maintenance: &[Maintenance], service: &ServiceName, at_s: i64) -> bool {
    maintenance.iter().any(|it| {
        let is_own = it.service == "*" || it.service == service.as_str();
        is_own && it.start_s <= at_s && at_s <= it.end_s + AFTER_MAINTENANCE_S
    })
}

impl Count {
    fn add(&mut self, incidents: u32, weeks: f64) {
        self.incidents += incidents;
        self.weeks += weeks;
    }

    /// Per service and week.
    pub(crate) fn rate(&self) -> f64 {
        f64::from(self.incidents) / self.weeks.max(f64::MIN_POSITIVE)
    }
}

impl Kept {
    /// Puts the same wish in several stretches together.
    pub(crate) fn together(all: &[Kept]) -> Option<Kept> {
        let first = all.first()?;
        let (in_sample, after) = (Count::default(), Count::default());
        let mut sum =
            Kept { wish: first.wish, thetas: Vec::new(), in_sample, after, expected: 0.0 };
        for it in all {
            sum.thetas.extend(&it.thetas);
            sum.in_sample.add(it.in_sample.incidents, it.in_sample.weeks);
            sum.after.add(it.after.incidents, it.after.weeks);
            sum.expected += it.expected / all.len() as f64;
        }
        sum.thetas.sort_by(f64::total_cmp);
        Some(sum)
    }

    /// The row of the table.
    pub(crate) fn text(&self, of: &str, cut: &str) -> String {
        let theta = |share: f64| {
            let index = (share * self.thetas.len().saturating_sub(1) as f64).round() as usize;
            self.thetas.get(index).copied().unwrap_or(f64::NAN)
        };
        let (low, high) = poisson_interval(self.wish * self.after.weeks);
        let rate = self.after.rate();
        let is_within = (low..=high).contains(&self.after.incidents);
        let is_near = rate <= 1.3 * self.wish && 1.3 * rate >= self.wish;
        format!(
            "| {of} | {cut} | {} | {:.2} ({:.2} to {:.2}) | {:.2} | {:.2} | {rate:.2} | {} in {:.1} \
             weeks, {low} to {high} | {} |",
            self.wish,
            theta(0.5),
            theta(0.1),
            theta(0.9),
            self.in_sample.rate(),
            self.expected,
            self.after.incidents,
            self.after.weeks,
            if is_near || is_within { "yes" } else { "no" },
        )
    }
}

impl Rates {
    /// Adds those of another stretch.
    pub(crate) fn add(&mut self, other: &Rates) {
        self.in_replay.add(other.in_replay.incidents, other.in_replay.weeks);
        self.after.add(other.after.incidents, other.after.weeks);
    }

    /// The row of the table.
    pub(crate) fn text(&self) -> String {
        let of = |count: &Count| format!("{:.3} ({})", count.rate(), count.incidents);
        format!("| {} | {} | {} |", self.score, of(&self.in_replay), of(&self.after))
    }
}

/// Header of the table of rates.
pub(crate) const RATES_HEADER: &str = "\nAll worlds and cuts together, incidents of a service and \
week (their count):\n\n| score | in the replay | after it |\n| --- | --- | --- |\n";

/// Header of the table.
pub(crate) const HEADER: &str = "| stretch | days learned, counted | wish | threshold, median \
(10 % to 90 %) | in sample | expected | after | incidents after, 90 % of a Poisson count | kept |\n\
| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n";

/// The 5 % and the 95 % quantile of a Poisson count.
fn poisson_interval(mean: f64) -> (u32, u32) {
    let (mut log_term, mut sum, mut low) = (-mean, 0.0, None);
    for count in 0..100_000u32 {
        sum += log_term.exp();
        if low.is_none() && sum >= 0.05 {
            low = Some(count);
        }
        if sum >= 0.95 {
            return (low.unwrap_or(0), count);
        }
        log_term += (mean / f64::from(count + 1)).ln();
    }
    (low.unwrap_or(0), u32::MAX)
}
