use super::super::testing::{month, multiplied, trained, trained_month};
use super::*;

fn fit(rows: &Rows) -> Result<ServiceFit, FitError> {
    fit_service(rows, &MetricSet::five(), &Calendar::utc())
}

#[test]
fn a_model_knows_its_series_and_is_small() {
    let (_, model) = trained_month();
    let names: Vec<&str> = model.series.iter().map(|series| series.metric.as_str()).collect();
    assert_eq!(
        names,
        [
            "request_rate",
            "application_latency",
            "dependency_latency",
            "database_latency",
            "error_rate"
        ]
    );
    assert_eq!(model.series.iter().map(|s| s.tails.len()).collect::<Vec<_>>(), [6, 3, 3, 3, 3]);
    assert_eq!(model.history_days, 30.0);
    // A table of 336 for each metric but the errors, and little else.
    let tables =
        model.series.iter().filter(|s| matches!(&s.season, Season::Week(t) if t.len() == 336));
    assert_eq!(tables.count(), 4);
}

#[test]
fn noise_is_what_was_put_in() {
    let (_, model) = trained_month();
    for series in &model.series[..4] {
        let sigma = libm::sqrt(f64::from(series.noise.own));
        assert!((0.04..0.06).contains(&sigma), "{} {sigma}", series.metric);
    }
}

#[test]
fn z_is_as_wide_as_it_should_be() {
    for series in &trained_month().1.series {
        let (p25, p75) = (series.z_quantiles[4], series.z_quantiles[6]);
        assert!((1.2..1.5).contains(&(p75 - p25)), "{} {p25} {p75}", series.metric);
        assert_eq!(series.percentile(f64::from(series.z_quantiles[5])), Some(50.0));
    }
}

#[test]
fn an_incident_in_training_hardly_moves_the_model() {
    let (rows, clean) = trained_month();
    let hurt = trained(&multiplied(rows, 1, 9000..9060, 6.0));
    let scales = |model: &ResidualModel| {
        model.series[1].tails.iter().map(|tail| tail.scale).collect::<Vec<_>>()
    };
    for (clean, hurt) in scales(clean).iter().zip(scales(&hurt)) {
        assert!((clean - hurt).abs() < 0.1 * clean, "{clean} {hurt}");
    }
}

#[test]
fn less_than_two_days_have_no_season() {
    let of_days = |days: f64| trained(&trained_month().0.split_at((days * 720.0) as usize).0);
    let model = of_days(1.9);
    assert!(model.series.iter().all(|series| !series.season.is_seasonal()));
    assert_eq!(model.history_days, 1.9166666);
    assert!(of_days(2.0).series[..4].iter().all(|series| series.season.is_seasonal()));
    assert!(of_days(7.0).series.iter().all(|series| series.season.is_seasonal()));
}

#[test]
fn the_fewer_days_were_seen_the_wider_the_next_one_lies() {
    let own = |days: usize| {
        let model = trained(&trained_month().0.split_at(days * 720).0);
        f64::from(model.series[0].noise.own)
    };
    // The noise of this world is the same on all days.
    let (three, thirty) = (own(3), own(30));
    assert!((1.15..1.5).contains(&(three / thirty)), "{three} {thirty}");
}

#[test]
fn too_little_is_an_error_and_not_a_model() {
    let (rows, _) = trained_month();
    assert_eq!(fit(&Rows::default()), Err(FitError::NoTraffic));
    let silent = multiplied(rows, 0, 0..rows.len(), f64::NAN);
    assert_eq!(fit(&silent), Err(FitError::NoTraffic));
    assert_eq!(fit(&rows.split_at(29).0), Err(FitError::TooShort { cycles: 29 }));
    let gauges = MetricSet::new(vec![MetricDefinition::guess("cpu")]).unwrap();
    assert_eq!(fit_service(rows, &gauges, &Calendar::utc()), Err(FitError::NoTraffic));
}

#[test]
fn constant_zero_and_missing_metrics_make_usable_models() {
    let mut rows = trained_month().0.split_at(9 * 720).0;
    rows.columns[0].fill(2.0);
    rows.columns[1].fill(100.0);
    rows.columns[2].fill(0.0);
    rows.columns[3].fill(f64::NAN);
    rows.columns[4].fill(0.0);
    let model = trained(&rows);
    assert_eq!(model.series.len(), 4);
    for series in &model.series {
        assert!(series.noise.own > 0.0);
        assert!(series.tails.iter().all(|tail| tail.score(4.0).is_finite()), "{series:?}");
    }
}

#[test]
fn the_pool_does_not_depend_on_the_order_of_services() {
    let rows = month(300);
    let other = multiplied(&rows, 1, 2000..2010, 3.0);
    let (a, b) = (fit(&rows).unwrap(), fit(&other).unwrap());
    assert_eq!(ServiceFit::pool([&a, &b]), ServiceFit::pool([&b, &a]));
}
