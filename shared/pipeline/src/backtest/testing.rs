//! A judge for tests of what comes after findings.

use domain::ServiceName;
use incident::RootCause;

use crate::backtest::judge::{Finding, Judge, Scale, Usual};
use crate::backtest::tape::{Tape, Tick};
use crate::backtest::{Explanation, Track};

/// Blames what the test says.
pub(super) struct Blames(pub(super) &'static [(&'static str, &'static str)]);

impl Judge for Blames {
    fn name(&self) -> &'static str {
        "test"
    }

    fn scale(&self, _: &ServiceName) -> Scale {
        Scale { threshold: 1.0, floor: 0.0 }
    }

    fn judge(&self, _: &Tape, _: &[Tick]) -> Vec<Finding> {
        Vec::new()
    }

    fn explain(&self, _: &Tape, tick: &Tick) -> Explanation {
        unreachable!("no test asks for {tick:?}")
    }

    fn usual(&self, _: &ServiceName, _: i64) -> Vec<Option<Usual>> {
        Vec::new()
    }

    fn root_cause(&self, service: &ServiceName, _: &[Track], _: i64) -> Option<RootCause> {
        let (_, root) = self.0.iter().find(|(of, _)| *of == service.as_str())?;
        let root = ServiceName::new(*root).unwrap();
        Some(RootCause { service: root.clone(), path: vec![service.clone(), root] })
    }
}
