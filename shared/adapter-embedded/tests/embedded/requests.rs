//! What a cycle costs, in requests to DynamoDB.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use adapter_aws::{DynamoIncidents, Engine, Reply};
use adapter_embedded::EmbeddedDynamo;
use async_trait::async_trait;
use domain::ServiceName;
use incident::{Rules, ServiceHead};
use pipeline::incidents::{Attempt, Outcome, Retention, Writer, commit_service};
use pipeline::ports::incidents::IncidentStore;
use testkit::FixedClock;
use testkit::plan::{Seen, cycle_at, cycle_at_ms, plan, service, step};

/// An engine around an engine, that counts what is asked of it.
#[derive(Debug)]
struct Counting {
    inner: EmbeddedDynamo,
    asked: Mutex<BTreeMap<String, usize>>,
}

#[async_trait]
impl Engine for Counting {
    async fn answer(&self, operation: &str, body: &str) -> Reply {
        *self.asked.lock().unwrap().entry(operation.to_owned()).or_insert(0) += 1;
        self.inner.answer(operation, body).await
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }
}

impl Counting {
    /// What was asked since the last look.
    fn taken(&self) -> Vec<(String, usize)> {
        std::mem::take(&mut *self.asked.lock().unwrap()).into_iter().collect()
    }
}

fn counted(operation: &str, count: usize) -> Vec<(String, usize)> {
    vec![(operation.to_owned(), count)]
}

async fn commit(store: &DynamoIncidents, head: ServiceHead, cycle: i64, seen: Seen) -> Outcome {
    let writer = Writer { name: "count".to_owned(), retention: Retention::of_hours(72) };
    let attempt = Attempt { writer: &writer, at_ms: cycle_at_ms(cycle), is_cycle: true };
    let (step, rules) = (step(cycle, seen), Rules::default());
    let clock = FixedClock::at(cycle_at(cycle));
    let planned = |head: &ServiceHead| plan(head, &step, &rules);
    commit_service(store, &clock, attempt, head, &planned).await.unwrap()
}

#[tokio::test]
async fn quiet_services_cost_ten_reads_and_an_incident_one_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let inner = EmbeddedDynamo::open(&folder.path().join("state.db"), &super::owner()).unwrap();
    let engine = Arc::new(Counting { inner, asked: Mutex::default() });
    let store = DynamoIncidents::inside(Arc::clone(&engine) as Arc<dyn Engine>);
    store.ensure_table().await.unwrap();
    engine.taken();

    let services: Vec<ServiceName> = (0..1_000).map(|i| service(&format!("s-{i}"))).collect();
    let heads = store.heads(&services).await.unwrap();
    assert!(heads.is_empty());
    assert_eq!(engine.taken(), counted("BatchGetItem", 10), "heads of a thousand services");

    for name in &services {
        let outcome = commit(&store, ServiceHead::new(name.clone()), 1, Seen::Nothing).await;
        assert!(matches!(outcome, Outcome::Quiet { .. }), "{outcome:?}");
    }
    assert_eq!(engine.taken(), [], "a quiet service writes nothing");

    let mut head = ServiceHead::new(service("s-1"));
    for (cycle, seen) in [(2, Seen::Patterns(&["latency_high"])), (3, Seen::Nothing)] {
        let outcome = commit(&store, head, cycle, seen).await;
        let Outcome::Committed { plan, tries: 1 } = outcome else { panic!("{outcome:?}") };
        head = plan.advance.head;
        assert_eq!(engine.taken(), counted("TransactWriteItems", 1), "one transaction a cycle");
    }
}
