//! All services of a cycle together: one cascade, one page.
//!
//! An incident whose trouble starts in another service is listed under that service's incident, if
//! that one was announced and is open, or saw its last evidence less than 20 minutes ago. Of a
//! cascade nobody announced yet, the root is announced; where the root is not worth telling (a
//! healthy surge), the first affected service is, and the others are listed there.
//!
//! It is decided anew in each cycle for every incident that is open, seen and not announced: once
//! the host is over for 20 minutes and the affected one still goes on, it is told by itself.

use domain::ServiceName;

use crate::active::{Affected, Host, Incident};
use crate::advance::advance;
use crate::change::{Advance, AnnouncementKind, Change};
use crate::fold::{Announced, FOLD_AFTER_END_S, Folded, Opening, fold};
use crate::head::ServiceHead;
use crate::id::IncidentId;
use crate::rules::Rules;
use crate::step::Step;

/// One service of a cycle.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    pub head: ServiceHead,
    pub step: Step,
}

/// Trouble that spread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cascade {
    pub root: ServiceName,
    pub incident_id: IncidentId,
    /// Sorted, without the root.
    pub affected: Vec<ServiceName>,
}

/// Takes all services through one cycle, in their order. They must be whole connected components
/// of the call graph, each service once.
pub fn advance_fleet(members: &mut [Member], rules: &Rules) -> Vec<Advance> {
    place(members, rules);
    members.iter().map(|it| advance(&it.head, &it.step, rules)).collect()
}

/// Decides which incidents are listed under which, and writes it into the steps. A step that has
/// to be repeated on a newer head keeps its place.
pub fn place(members: &mut [Member], rules: &Rules) {
    for member in members.iter_mut() {
        member.step.folded_under.clear();
        member.step.affected.clear();
    }
    let alone: Vec<Advance> = members.iter().map(|it| advance(&it.head, &it.step, rules)).collect();
    let untold: Vec<Untold> = alone.iter().enumerate().flat_map(untold).collect();
    if untold.is_empty() {
        return;
    }
    let hosts: Vec<KnownHost> = alone.iter().flat_map(hosts).collect();
    let at_s = |untold: &Untold| members[untold.member].step.cycle.at_ms.div_euclid(1000);
    let at_s = untold.iter().map(at_s).max().unwrap_or_default();
    for (index, host) in assign(&untold, &hosts, at_s).into_iter().enumerate() {
        if let Some(host) = host {
            list(members, &untold[index], host);
        }
    }
}

/// The cascades among the incidents of a cycle: those under which others are listed.
pub fn cascades<'a>(heads: impl IntoIterator<Item = &'a ServiceHead>) -> Vec<Cascade> {
    let of_head = |head: &'a ServiceHead| {
        let hosts = head.active.values().filter(|incident| !incident.affected.is_empty());
        hosts.map(|incident| {
            let services = incident.affected.iter().map(|it| it.service.clone());
            let mut affected: Vec<ServiceName> = services.collect();
            affected.sort();
            affected.dedup();
            let incident_id = incident.incident_id.clone();
            Cascade { root: incident.root(&head.service).clone(), incident_id, affected }
        })
    };
    heads.into_iter().flat_map(of_head).collect()
}

/// An incident that would be announced in this cycle if it stood alone.
struct Untold {
    member: usize,
    service: ServiceName,
    incident: Incident,
}

struct KnownHost {
    host: Host,
    announced: Announced,
}

fn untold((member, advance): (usize, &Advance)) -> Vec<Untold> {
    let service = &advance.head.service;
    let told = advance.announced().filter(|(_, told)| is_first(told.kind));
    let untold = |change: &Change| {
        let incident = change.incident.clone();
        Untold { member, service: service.clone(), incident }
    };
    told.map(|(change, _)| untold(change)).collect()
}

fn is_first(kind: AnnouncementKind) -> bool {
    matches!(kind, AnnouncementKind::FirstAlert | AnnouncementKind::ReopenedAlert)
}

/// Incidents that were announced before this cycle.
fn hosts(advance: &Advance) -> Vec<KnownHost> {
    let service = &advance.head.service;
    let is_new = |incident: &&Incident| {
        let mut told = advance.announced().filter(|(_, told)| is_first(told.kind));
        told.any(|(change, _)| change.incident.incident_id == incident.incident_id)
    };
    let known = |incident: &Incident, end_s: Option<i64>| KnownHost {
        host: Host { service: service.clone(), incident_id: incident.incident_id.clone() },
        announced: Announced {
            service: service.clone(),
            root: incident.root(service).clone(),
            since_s: incident.first_seen_ms.div_euclid(1000),
            end_s,
        },
    };
    let end_s = |incident: &Incident| Some(incident.last_updated_ms.div_euclid(1000));
    let active = advance.head.active.values().filter(|it| it.alerted && !is_new(it));
    let over = advance.head.recent.values().map(|it| &it.incident).filter(|it| it.alerted);
    let over = over.map(|it| known(it, end_s(it)));
    active.map(|it| known(it, None)).chain(over).collect()
}

/// The host of each, if it has one: the one that it is under as long as that one is live.
fn assign(untold: &[Untold], hosts: &[KnownHost], at_s: i64) -> Vec<Option<Host>> {
    let is_live =
        |it: &&KnownHost| it.announced.end_s.is_none_or(|end_s| at_s <= end_s + FOLD_AFTER_END_S);
    let present = |it: &Untold| {
        let under = it.incident.folded_under.as_ref()?;
        hosts.iter().filter(is_live).find(|known| known.host == *under).map(|it| it.host.clone())
    };
    let mut assigned: Vec<Option<Host>> = untold.iter().map(present).collect();
    let open: Vec<usize> = (0..untold.len()).filter(|index| assigned[*index].is_none()).collect();
    let opening = |index: &usize| {
        let it = &untold[*index];
        Opening { service: it.service.clone(), root: it.incident.root(&it.service).clone() }
    };
    let openings: Vec<Opening> = open.iter().map(opening).collect();
    let announced: Vec<Announced> = hosts.iter().map(|it| it.announced.clone()).collect();
    for (position, folded) in fold(&openings, &announced, at_s).into_iter().enumerate() {
        assigned[open[position]] = match folded {
            Folded::Opens => None,
            Folded::JoinsIncident(host) => Some(hosts[host].host.clone()),
            Folded::JoinsOpening(other) => {
                let host = &untold[open[other]];
                let incident_id = host.incident.incident_id.clone();
                Some(Host { service: host.service.clone(), incident_id })
            }
        };
    }
    assigned
}

fn list(members: &mut [Member], untold: &Untold, host: Host) {
    let incident_id = untold.incident.incident_id.clone();
    let since_ms = untold.incident.first_seen_ms;
    let service = untold.service.clone();
    let affected = Affected { service, incident_id: incident_id.clone(), since_ms };
    let above = members.iter_mut().find(|member| member.head.service == host.service);
    if let Some(above) = above {
        above.step.affected.push((host.incident_id.clone(), affected));
    }
    members[untold.member].step.folded_under.push((incident_id, host));
}

#[cfg(test)]
#[path = "cascade_tests.rs"]
mod tests;
