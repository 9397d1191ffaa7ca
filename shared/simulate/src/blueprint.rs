//! Names, categories and calls of the services. The seed plays no part, so that a caller can name
//! a service before simulating.
//!
//! The first twelve are a small shop; beyond that come teams of eight, each the same shape, wired
//! to the shop and to the team before.

use crate::estate::Category;
use crate::params::MAX_SERVICES;

/// One service before the seed gives it numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outline {
    pub(crate) name: String,
    pub(crate) category: Category,
    pub(crate) has_database: bool,
    /// Estate indexes of the services it calls.
    pub(crate) callees: Vec<usize>,
}

type Row = (&'static str, Category, bool, &'static [&'static str]);

const SHOP: [Row; 12] = [
    (FRONT, Category::Critical, false, &["storefront", "search", "order", "customer"]),
    (STORE, Category::Critical, false, &["product", "pricing", "search", "stock"]),
    ("search", Category::Core, true, &["product"]),
    ("product", Category::Core, true, &["pricing"]),
    ("order", Category::Core, true, &["payment", "stock", "customer", "mailer"]),
    ("payment", Category::Critical, true, &[]),
    ("stock", Category::Standard, true, &[]),
    ("customer", Category::Standard, true, &[]),
    ("pricing", Category::Micro, false, &[]),
    ("mailer", Category::Background, false, &[]),
    ("backoffice", Category::Admin, true, &["order", "customer", "product"]),
    ("settlement", Category::Background, true, &["payment"]),
];
const FRONT: &str = "front-door";
const STORE: &str = "storefront";

/// Parts of a team; callees are parts of the same team.
const PARTS: [Row; 8] = [
    (API, Category::Core, false, &[QUERY, "writer", "rules"]),
    (QUERY, Category::Micro, true, &["archive"]),
    ("writer", Category::Standard, true, &["events"]),
    ("rules", Category::Micro, false, &[]),
    ("events", Category::Background, false, &[]),
    ("admin", Category::Admin, true, &["writer"]),
    ("import", Category::Background, true, &["writer"]),
    ("archive", Category::Standard, true, &[]),
];
const API: &str = "api";
const QUERY: &str = "query";

const TEAMS: [&str; 24] = [
    "loyalty",
    "returns",
    "delivery",
    "invoice",
    "review",
    "wishlist",
    "support",
    "tax",
    "fraud",
    "partner",
    "campaign",
    "segment",
    "media",
    "address",
    "currency",
    "ticket",
    "venue",
    "seating",
    "survey",
    "wording",
    "warehouse",
    "consent",
    "identity",
    "gift",
];

const _: () = assert!(SHOP.len() + TEAMS.len() * PARTS.len() >= MAX_SERVICES);

/// Names of an estate's services, in estate order. Smaller estates are prefixes of larger ones.
pub fn service_names(services: usize) -> Vec<String> {
    outline(services).into_iter().map(|service| service.name).collect()
}

/// The first `services` of the blueprint; calls to services beyond are left out.
pub(crate) fn outline(services: usize) -> Vec<Outline> {
    let wanted = services.min(MAX_SERVICES);
    let mut rows: Vec<(String, Row, Vec<String>)> =
        SHOP.iter().map(|row| (row.0.to_owned(), *row, owned(row.3))).collect();
    for team in 0..TEAMS.len() {
        rows.extend(PARTS.iter().map(|part| (part_name(team, part.0), *part, calls(team, part))));
    }
    for (team, name) in TEAMS.iter().enumerate() {
        let caller = team % 2;
        rows[caller].2.push(format!("{name}-{API}"));
    }
    rows.truncate(wanted);
    let names: Vec<String> = rows.iter().map(|(name, _, _)| name.clone()).collect();
    let find = |callee: &String| names.iter().position(|name| name == callee);
    rows.iter()
        .map(|(name, row, callees)| Outline {
            name: name.clone(),
            category: row.1,
            has_database: row.2,
            callees: callees.iter().filter_map(find).collect(),
        })
        .collect()
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn part_name(team: usize, part: &str) -> String {
    format!("{}-{part}", TEAMS[team])
}

fn calls(team: usize, part: &Row) -> Vec<String> {
    let mut callees: Vec<String> = part.3.iter().map(|callee| part_name(team, callee)).collect();
    if part.0 == API {
        callees.push(if team.is_multiple_of(2) { "customer" } else { "pricing" }.to_owned());
        if team > 0 {
            callees.push(part_name(team - 1, QUERY));
        }
    }
    callees
}

/// Estate indexes ordered so that callers come before the services they call.
pub(crate) fn callers_first(outline: &[Outline]) -> Vec<usize> {
    let mut callers_left = vec![0_usize; outline.len()];
    for &callee in outline.iter().flat_map(|service| &service.callees) {
        callers_left[callee] += 1;
    }
    let mut order: Vec<usize> = (0..outline.len()).filter(|&i| callers_left[i] == 0).collect();
    let mut next = 0;
    while next < order.len() {
        for &callee in &outline[order[next]].callees {
            callers_left[callee] -= 1;
            if callers_left[callee] == 0 {
                order.push(callee);
            }
        }
        next += 1;
    }
    debug_assert_eq!(order.len(), outline.len(), "the call graph has a cycle");
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estates_of_every_size_are_prefixes_without_cycles() {
        let largest = outline(MAX_SERVICES);
        assert_eq!(largest.len(), MAX_SERVICES);
        for size in 1..=MAX_SERVICES {
            let estate = outline(size);
            assert_eq!(estate.len(), size);
            assert_eq!(callers_first(&estate).len(), size);
            for (part, whole) in estate.iter().zip(&largest) {
                assert_eq!(part.name, whole.name);
                assert!(part.callees.iter().all(|callee| whole.callees.contains(callee)));
            }
        }
    }

    #[test]
    fn names_are_unique() {
        let mut names = service_names(MAX_SERVICES);
        names.sort();
        names.dedup();
        assert_eq!(names.len(), MAX_SERVICES);
    }

    #[test]
    fn callers_come_first() {
        let estate = outline(60);
        let order = callers_first(&estate);
        let place = |service| order.iter().position(|&each| each == service);
        for (caller, service) in estate.iter().enumerate() {
            for &callee in &service.callees {
                assert!(place(caller) < place(callee));
            }
        }
    }
}
