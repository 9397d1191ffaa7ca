//! The command as people run it: the built program, real files, exit codes and texts.

mod bad_input;
mod demo;
mod journey;
mod program;
