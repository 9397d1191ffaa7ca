//! The training function: learns models on a schedule and puts them in force.
//!
//! - [`context`]: what a cold start makes once
//! - [`handler`]: one invocation
//!
//! The work itself is `pipeline::train`.

mod context;
mod handler;

use context::Context;
use lambda_runtime::{LambdaEvent, run, service_fn};
use wiring::event::Event;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let context = &Context::default();
    run(service_fn(move |event: LambdaEvent<Event>| handler::handle(event.payload, context))).await
}
