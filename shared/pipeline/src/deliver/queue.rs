//! From messages to the outbox: one copy for each receiver.

use payload::message::{Message, message_id};

use super::Receiver;

/// A copy of each message for each receiver that takes its kind, in the order of the messages.
///
/// One message per receiver, not one with a status per receiver: each copy is claimed, tried
/// again and given up by itself, so the outbox knows nothing of receivers.
pub fn copies(messages: &[Message], receivers: &[Receiver]) -> Vec<(Message, Option<String>)> {
    let copy = |message: &Message, receiver: &Receiver| {
        let subject = format!("{}@{}", message.id, receiver.name);
        let id = message_id(&message.service, message.cycle_id, &subject);
        (Message { id, ..message.clone() }, Some(receiver.name.to_owned()))
    };
    let mut copies = Vec::new();
    for message in messages {
        let takers = receivers.iter().filter(|it| it.publisher.takes(message.kind));
        copies.extend(takers.map(|receiver| copy(message, receiver)));
    }
    copies
}
