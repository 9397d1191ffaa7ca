//! From messages to the outbox: one copy for each receiver.

use payload::message::Message;

use super::Receiver;

/// Between the id of a message and the name of its receiver.
const OF_RECEIVER: char = '@';

/// A copy of each message for each receiver that takes its kind, in the order of the messages.
///
/// One message per receiver, not one with a status per receiver: each copy is claimed, tried
/// again and given up by itself, so the outbox knows nothing of receivers. In the outbox a copy is
/// called `id@receiver`.
pub fn copies(messages: &[Message], receivers: &[Receiver]) -> Vec<(Message, Option<String>)> {
    let copy = |message: &Message, receiver: &Receiver| {
        let id = format!("{}{OF_RECEIVER}{}", message.id, receiver.name);
        (Message { id, ..message.clone() }, Some(receiver.name.to_owned()))
    };
    let mut copies = Vec::new();
    for message in messages {
        let takers = receivers.iter().filter(|it| it.publisher.takes(message.kind));
        copies.extend(takers.map(|receiver| copy(message, receiver)));
    }
    copies
}

/// The message as it is sent, under the id that its body bears: a receiver that gets it twice, or
/// in two ways, knows it by that.
pub(super) fn as_sent(copy: &Message) -> Message {
    let id = copy.id.split(OF_RECEIVER).next().unwrap_or(&copy.id);
    Message { id: id.to_owned(), ..copy.clone() }
}
