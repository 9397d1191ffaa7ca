//! Runs the built command in a folder of its own, without the caller's environment.

#![allow(dead_code, reason = "each test program uses a part of it")]

pub(crate) mod registry;

use std::path::Path;
use std::process::Command;

/// What the command printed, and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs `yaga` in `folder`; words of `arguments` are separated by blanks.
pub(crate) fn yaga(folder: &Path, arguments: &str) -> Ran {
    yaga_with(folder, arguments, &[])
}

/// Runs `yaga` with variables of the environment.
pub(crate) fn yaga_with(folder: &Path, arguments: &str, variables: &[(&str, &str)]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_yaga"))
        .args(arguments.split_whitespace())
        .current_dir(folder)
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .expect("the built command starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the command prints UTF-8");
    Ran {
        code: output.status.code().expect("the command was not killed"),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

impl Ran {
    /// What was printed for machines.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("{error}\n{}\n{}", self.out, self.err))
    }

    /// Code and both texts, for snapshots.
    pub(crate) fn all(&self) -> String {
        format!("[{}]\n{}{}", self.code, self.out, self.err)
    }
}
