//! One incident instead of many: a service whose trouble starts elsewhere is listed there.

use domain::ServiceName;

/// A service that would open an incident in this cycle, and where its trouble starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    pub service: ServiceName,
    pub root: ServiceName,
}

/// An incident that was announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announced {
    pub service: ServiceName,
    pub root: ServiceName,
    pub since_s: i64,
    /// Its last cycle with evidence; `None` while it is open.
    pub end_s: Option<i64>,
}

/// What becomes of an opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folded {
    /// It opens an incident of its own.
    Opens,
    /// It is affected by the incident at this position among the known ones.
    JoinsIncident(usize),
    /// It is affected by the incident that the opening at this position opens in the same cycle.
    JoinsOpening(usize),
}

/// An incident takes in others until this long after its end.
pub const FOLD_AFTER_END_S: i64 = 20 * 60;

/// Decides on all openings of the cycle at `at_s`, in their order. A service joins the incident of
/// its root, or one with the same root, that is open or ended less than 20 minutes ago; the oldest
/// of several, the first by name among those. A service that is its own root opens.
pub fn fold(openings: &[Opening], incidents: &[Announced], at_s: i64) -> Vec<Folded> {
    let mut order: Vec<usize> = (0..openings.len()).collect();
    let key = |index: &usize| {
        let opening: &Opening = &openings[*index];
        (opening.service != opening.root, &opening.service)
    };
    order.sort_by(|a, b| key(a).cmp(&key(b)));
    let mut folded = vec![Folded::Opens; openings.len()];
    let mut opened: Vec<usize> = Vec::new();
    for index in order {
        let opening = &openings[index];
        if opening.service == opening.root {
            opened.push(index);
            continue;
        }
        let host = host_among(incidents, opening, at_s).map(Folded::JoinsIncident);
        folded[index] = host
            .or_else(|| host_in_cycle(openings, &opened, opening).map(Folded::JoinsOpening))
            .unwrap_or(Folded::Opens);
        if folded[index] == Folded::Opens {
            opened.push(index);
        }
    }
    folded
}

fn host_among(incidents: &[Announced], opening: &Opening, at_s: i64) -> Option<usize> {
    let is_live = |incident: &Announced| {
        incident.since_s <= at_s
            && incident.end_s.is_none_or(|end_s| at_s <= end_s + FOLD_AFTER_END_S)
    };
    let hosts = incidents.iter().enumerate().filter(|(_, incident)| {
        is_live(incident) && is_host(opening, &incident.service, &incident.root)
    });
    let oldest = hosts.min_by_key(|(_, incident)| (incident.since_s, &incident.service));
    oldest.map(|(index, _)| index)
}

fn host_in_cycle(openings: &[Opening], opened: &[usize], opening: &Opening) -> Option<usize> {
    let is_host = |index: &&usize| {
        let host = &openings[**index];
        is_host(opening, &host.service, &host.root)
    };
    opened.iter().find(is_host).copied()
}

fn is_host(opening: &Opening, service: &ServiceName, root: &ServiceName) -> bool {
    *service != opening.service && (*service == opening.root || *root == opening.root)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ServiceName {
        ServiceName::new(text).unwrap()
    }

    fn opening(service: &str, root: &str) -> Opening {
        Opening { service: name(service), root: name(root) }
    }

    fn incident(service: &str, root: &str, since_s: i64, end_s: Option<i64>) -> Announced {
        Announced { service: name(service), root: name(root), since_s, end_s }
    }

    #[test]
    fn a_service_joins_the_incident_of_its_root() {
        let incidents = [incident("x", "x", 0, None), incident("db", "db", 0, Some(100))];
        assert_eq!(fold(&[opening("a", "db")], &incidents, 1300), [Folded::JoinsIncident(1)]);
        assert_eq!(fold(&[opening("a", "db")], &incidents, 1301), [Folded::Opens]);
        assert_eq!(fold(&[opening("a", "a")], &incidents, 1300), [Folded::Opens]);
    }

    #[test]
    fn services_with_one_root_that_is_silent_are_one_incident() {
        let incidents = [incident("a", "db", 0, None)];
        assert_eq!(fold(&[opening("b", "db")], &incidents, 120), [Folded::JoinsIncident(0)]);
        // Its own incident is not one to join.
        assert_eq!(fold(&[opening("a", "db")], &incidents, 120), [Folded::Opens]);
    }

    #[test]
    fn in_one_cycle_the_root_opens_first_whatever_the_order() {
        let openings = [opening("a", "db"), opening("b", "db"), opening("db", "db")];
        assert_eq!(
            fold(&openings, &[], 0),
            [Folded::JoinsOpening(2), Folded::JoinsOpening(2), Folded::Opens]
        );
        let without = [opening("b", "db"), opening("a", "db")];
        assert_eq!(fold(&without, &[], 0), [Folded::JoinsOpening(1), Folded::Opens]);
    }
}
