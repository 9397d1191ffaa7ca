//! The median of values that come and go, kept sorted.

/// Finite values in ascending order.
#[derive(Debug)]
pub(super) struct SortedWindow(Vec<f64>);

impl SortedWindow {
    /// A window that holds `values`, given in any order.
    pub(super) fn of(values: &[f64]) -> SortedWindow {
        let mut sorted = values.to_vec();
        stats::sort(&mut sorted);
        SortedWindow(sorted)
    }

    pub(super) fn insert(&mut self, value: f64) {
        self.0.insert(self.rank(value), value);
    }

    /// Takes out one value equal to `value`, if there is one.
    pub(super) fn remove(&mut self, value: f64) {
        let at = self.rank(value);
        if self.0.get(at).is_some_and(|held| held.total_cmp(&value).is_eq()) {
            self.0.remove(at);
        }
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// `None` without values.
    pub(super) fn median(&self) -> Option<f64> {
        stats::quantile_sorted(&self.0, 0.5)
    }

    /// How many values are below `value` in the total order.
    fn rank(&self, value: f64) -> usize {
        self.0.partition_point(|held| held.total_cmp(&value).is_lt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_median_of_what_it_holds(
            values in prop::collection::vec(prop_oneof![-5.0f64..5.0, Just(0.0), Just(-0.0)], 1..60),
            reach in 1usize..12,
        ) {
            let reach = reach.min(values.len());
            let mut window = SortedWindow::of(&values[..reach]);
            window.remove(7.0);
            for end in reach..values.len() {
                prop_assert_eq!(window.median(), stats::median(&values[end - reach..end]));
                window.remove(values[end - reach]);
                window.insert(values[end]);
            }
            window.clear();
            prop_assert_eq!(window.median(), None);
        }
    }
}
