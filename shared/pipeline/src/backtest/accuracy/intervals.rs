//! Closed intervals of whole seconds.

/// From and until, both inclusive.
pub(super) type Interval = (i64, i64);

/// True if the two have an instant in common.
pub(super) fn overlap(a: Interval, b: Interval) -> bool {
    a.0 <= b.1 && a.1 >= b.0
}

/// The same instants as sorted intervals without overlap.
pub(super) fn union(mut intervals: Vec<Interval>) -> Vec<Interval> {
    intervals.sort_unstable();
    let mut joined: Vec<Interval> = Vec::with_capacity(intervals.len());
    for (start, end) in intervals {
        match joined.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => joined.push((start, end)),
        }
    }
    joined
}

/// What is left of an interval without the cuts, which are sorted and do not overlap.
pub(super) fn minus(interval: Interval, cuts: &[Interval]) -> Vec<Interval> {
    let (mut start, end) = interval;
    let mut left = Vec::new();
    for (from, until) in cuts.iter().filter(|cut| cut.1 > interval.0) {
        if *from >= end {
            break;
        }
        if *from > start {
            left.push((start, *from));
        }
        start = *until;
    }
    let is_instant = start == end && !cuts.iter().any(|cut| cut.0 <= start && start <= cut.1);
    if start < end || is_instant {
        left.push((start, end));
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_joined_where_they_touch() {
        assert_eq!(union(vec![(5, 6), (0, 2), (2, 3)]), [(0, 3), (5, 6)]);
    }

    #[test]
    fn cuts_leave_what_they_do_not_cover() {
        assert_eq!(minus((0, 10), &[(2, 3), (8, 12)]), [(0, 2), (3, 8)]);
        assert_eq!(minus((0, 10), &[(-5, 20)]), []);
        assert_eq!(minus((4, 4), &[(5, 6)]), [(4, 4)]);
        assert_eq!(minus((5, 5), &[(5, 6)]), []);
    }
}
