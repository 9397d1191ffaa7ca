//! Messages as lines of JSON, on whatever can be written to: standard output, or a file.

use std::io::Write;
use std::sync::Mutex;

use async_trait::async_trait;
use payload::message::{Message, MessageKind};
use pipeline::ports::{Outcome, Publisher};

/// One line a message: its body, as it would be sent.
pub struct JsonLines {
    writer: Mutex<Box<dyn Write + Send>>,
    name: &'static str,
}

impl JsonLines {
    /// `name` says what is written to.
    pub fn new(writer: Box<dyn Write + Send>, name: &'static str) -> JsonLines {
        JsonLines { writer: Mutex::new(writer), name }
    }

    /// Whole lines only, so that a line is never mixed with another writer's.
    fn write(&self, message: &Message) -> std::io::Result<()> {
        let line = format!("{}\n", message.body.replace(['\n', '\r'], " "));
        let mut writer =
            self.writer.lock().map_err(|_| std::io::Error::other("another write broke off"))?;
        writer.write_all(line.as_bytes())?;
        writer.flush()
    }
}

#[async_trait]
impl Publisher for JsonLines {
    async fn send(&self, batch: &[Message]) -> Vec<Outcome> {
        let written = |message| match self.write(message) {
            Ok(()) => Outcome::Delivered,
            Err(error) => Outcome::Retry { after: None, reason: error.to_string() },
        };
        batch.iter().map(written).collect()
    }

    fn takes(&self, _kind: MessageKind) -> bool {
        true
    }

    fn describe(&self) -> String {
        self.name.to_owned()
    }
}

impl std::fmt::Debug for JsonLines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "JsonLines({})", self.name)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use testkit::conformance::resolution;

    use super::*;

    #[derive(Clone, Default)]
    struct Paper(Arc<Mutex<Vec<u8>>>);

    impl Write for Paper {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_message_is_a_line() {
        let paper = Paper::default();
        let lines = JsonLines::new(Box::new(paper.clone()), "paper");
        let batch = [resolution(1), resolution(2)];
        assert_eq!(lines.send(&batch).await, vec![Outcome::Delivered; 2]);
        let text = String::from_utf8(paper.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text, format!("{}\n{}\n", batch[0].body, batch[1].body));
    }

    #[tokio::test]
    async fn a_closed_pipe_is_tried_again() {
        let lines = JsonLines::new(Box::new(Closed), "closed");
        let sent = lines.send(&[resolution(1)]).await;
        assert!(matches!(sent[..], [Outcome::Retry { .. }]), "{sent:?}");
    }
}
