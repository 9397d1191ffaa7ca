//! The inference function: says every two minutes what is wrong now.
//!
//! - [`context`]: what a cold start makes once
//! - [`handler`]: one invocation
//!
//! The work itself is `pipeline::infer`.

mod context;
mod handler;

use context::Context;
use lambda_runtime::{LambdaEvent, run, service_fn};
use wiring::event::Event;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let context = &Context::default();
    let handle = move |event: LambdaEvent<Event>| {
        let deadline = event.context.deadline();
        handler::handle(event.payload, context, deadline)
    };
    run(service_fn(handle)).await
}
