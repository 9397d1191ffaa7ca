//! Placeholder.
#[derive(Debug, clap::Subcommand)]
pub enum Command {}
pub fn run(_: &crate::shell::Shell, _: &Command) -> crate::exit::Outcome {
    Ok(crate::exit::Done::Whole)
}
