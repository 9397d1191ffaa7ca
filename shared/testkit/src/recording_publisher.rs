//! A receiver that remembers what it got, and misbehaves on demand.

use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use payload::message::{Message, MessageKind};
use pipeline::ports::{Outcome, Publisher};

type Script = Box<dyn FnMut(&Message) -> Outcome + Send>;

/// Takes every message, unless a test says otherwise.
#[derive(Default)]
pub struct RecordingPublisher {
    taken: Mutex<Vec<Message>>,
    script: Mutex<Option<Script>>,
    hangs: Mutex<bool>,
    takes_heartbeats: bool,
}

impl RecordingPublisher {
    /// A receiver that takes everything.
    pub fn new() -> RecordingPublisher {
        RecordingPublisher::default()
    }

    /// The same, and it takes heartbeats too.
    pub fn with_heartbeats() -> RecordingPublisher {
        RecordingPublisher { takes_heartbeats: true, ..RecordingPublisher::default() }
    }

    /// From now on this says what becomes of each message; only delivered ones are remembered.
    pub fn answer(&self, script: impl FnMut(&Message) -> Outcome + Send + 'static) {
        *self.script.lock().expect("nobody panicked") = Some(Box::new(script));
    }

    /// From now on it takes everything again.
    pub fn heal(&self) {
        *self.script.lock().expect("nobody panicked") = None;
        *self.hangs.lock().expect("nobody panicked") = false;
    }

    /// From now on it never answers.
    pub fn hang(&self) {
        *self.hangs.lock().expect("nobody panicked") = true;
    }

    /// What it took, in order.
    pub fn taken(&self) -> Vec<Message> {
        self.recorded().clone()
    }

    fn recorded(&self) -> MutexGuard<'_, Vec<Message>> {
        self.taken.lock().expect("nobody panicked")
    }

    fn take(&self, message: &Message) -> Outcome {
        let outcome = match self.script.lock().expect("nobody panicked").as_mut() {
            Some(script) => script(message),
            None => Outcome::Delivered,
        };
        if outcome == Outcome::Delivered {
            self.recorded().push(message.clone());
        }
        outcome
    }
}

#[async_trait]
impl Publisher for RecordingPublisher {
    async fn send(&self, batch: &[Message]) -> Vec<Outcome> {
        let hangs = *self.hangs.lock().expect("nobody panicked");
        if hangs {
            std::future::pending::<()>().await;
        }
        batch.iter().map(|message| self.take(message)).collect()
    }

    fn takes(&self, kind: MessageKind) -> bool {
        self.takes_heartbeats || kind != MessageKind::Heartbeat
    }

    fn describe(&self) -> String {
        "a recording receiver".to_owned()
    }
}

impl std::fmt::Debug for RecordingPublisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RecordingPublisher({} taken)", self.recorded().len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::conformance::{Behaviour, ReceiverBench, is_poison, publisher};

    #[derive(Default)]
    struct Bench(Mutex<Arc<RecordingPublisher>>);

    #[async_trait]
    impl ReceiverBench for Bench {
        async fn publisher(&self, behaviour: Behaviour) -> Arc<dyn Publisher> {
            let fake = Arc::new(RecordingPublisher::new());
            let retry = |after| Outcome::Retry { after, reason: "busy".to_owned() };
            let refused = || Outcome::Refused { reason: "no".to_owned() };
            fake.answer(move |message| match behaviour {
                Behaviour::Takes => Outcome::Delivered,
                Behaviour::Busy { seconds } => retry(Some(Duration::from_secs(seconds))),
                Behaviour::RefusesPoison if !is_poison(message) => Outcome::Delivered,
                Behaviour::RefusesPoison | Behaviour::RedirectsAway => refused(),
                _ => retry(None),
            });
            *self.0.lock().unwrap() = Arc::clone(&fake);
            fake
        }

        async fn received(&self) -> Vec<String> {
            self.0.lock().unwrap().taken().into_iter().map(|it| it.body).collect()
        }
    }

    #[tokio::test]
    async fn it_is_a_publisher() {
        publisher(&Bench::default()).await;
    }
}
