//! One machine without a server and without a cloud.
//!
//! - [`Recording`]: a file of exported metrics as metric source
//! - [`write_recording`]: makes such a file
//! - [`Folder`]: a folder of the file system as object store
//! - [`JsonLines`]: messages as lines, on standard output
//!
//! The port's methods are asynchronous, the file system is not: they block for the time of a read
//! or write of a file. On one machine nothing else waits for the thread meanwhile.

mod folder;
mod json_lines;
mod key;
mod line;
mod recording;
mod recording_file;
mod write;

pub use folder::Folder;
pub use json_lines::JsonLines;
pub use recording::{Contents, Recording};
pub use write::{RecordedSeries, WriteError, write_recording};
