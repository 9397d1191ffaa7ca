//! What surrounds a command: environment, logging, and whether a person is looking.

use std::future::Future;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

use adapter_embedded::{EmbeddedDynamo, Owner};
use adapter_local::JsonLines;
use anyhow::Context;
use chrono::Utc;
use owo_colors::{OwoColorize, Stream};
use pipeline::registry::Registry;
use wiring::state::Engine;
use wiring::{Incidents, Settings, Source};

use crate::exit::Failure;
use crate::terminal;

/// The surroundings of a command.
#[derive(Debug)]
pub struct Shell {
    config: Option<String>,
    pub json: bool,
    pub verbose: bool,
}

impl Shell {
    /// Surroundings as the global arguments want them.
    pub fn new(config: Option<String>, json: bool, verbose: bool) -> Shell {
        let level = if verbose { "info" } else { "error" };
        let filter = std::env::var("LOG_LEVEL").unwrap_or_else(|_| level.to_owned());
        tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::new(filter))
            .with_writer(std::io::stderr)
            .with_target(false)
            .without_time()
            .init();
        Shell { config, json, verbose }
    }

    /// An environment variable; `--config` goes before `CONFIG_FILE`.
    pub fn env(&self, name: &str) -> Option<String> {
        if name == "CONFIG_FILE" && self.config.is_some() {
            return self.config.clone();
        }
        std::env::var(name).ok()
    }

    /// How a further command is told the same configuration: empty, or ` --config FILE`.
    pub fn config_argument(&self) -> String {
        let named = self.env("CONFIG_FILE").filter(|path| !path.is_empty());
        named.map_or_else(String::new, |path| format!(" --config {}", terminal::shell_word(&path)))
    }

    /// True if progress bars make sense: a person watches, and no machine reads.
    pub fn shows_progress(&self) -> bool {
        !self.json && std::io::stderr().is_terminal()
    }

    /// Runs a future to its end.
    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> Result<T, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("the asynchronous runtime cannot be started")?;
        Ok(runtime.block_on(future))
    }

    /// The configuration; its warnings are told.
    pub async fn settings(&self) -> Result<Settings, Failure> {
        let env = |name: &str| self.env(name);
        let settings = Settings::load(&env).await.map_err(|error| Failure::Usage(error.into()))?;
        for warning in &settings.warnings {
            self.warn(&warning.to_string());
        }
        Ok(settings)
    }

    /// The metric source of the settings.
    pub fn source(&self, settings: &Settings) -> Result<Source, Failure> {
        let env = |name: &str| self.env(name);
        wiring::source(&settings.config, &env).map_err(|error| Failure::Source(error.into()))
    }

    /// The registry of the settings.
    pub fn registry(&self, settings: &Settings) -> Registry {
        let env = |name: &str| self.env(name);
        wiring::registry(&settings.config, &env)
    }

    /// Incidents where the settings keep them; `None` if they keep none. A file is made if need be.
    pub async fn incidents(&self, settings: &Settings) -> Result<Option<Incidents>, Failure> {
        let env = |name: &str| self.env(name);
        let opened = Incidents::from_settings(&settings.config, &env, Some(&open_file)).await;
        let mut opened = opened.map_err(|error| Failure::State(error.into()))?;
        // With `--json`, standard output is one document.
        let receivers = opened.iter_mut().filter(|_| self.json).flat_map(|it| &mut it.receivers);
        for receiver in receivers.filter(|it| it.name == "stdout") {
            let lines = JsonLines::new(Box::new(std::io::stderr()), "standard error");
            receiver.publisher = Arc::new(lines);
        }
        Ok(opened)
    }

    /// A text for people on standard error.
    pub fn warn(&self, text: &str) {
        let label = "warning:".if_supports_color(Stream::Stderr, |it| it.yellow()).to_string();
        self.tell_error(&format!("{label} {text}"));
    }

    /// A failure, told on standard error.
    pub fn complain(&self, text: &str) {
        let label = "error:".if_supports_color(Stream::Stderr, |it| it.red()).to_string();
        self.tell_error(&format!("{label} {text}"));
    }

    #[expect(clippy::print_stderr, reason = "this is where the command speaks")]
    fn tell_error(&self, text: &str) {
        eprintln!("{text}");
    }

    /// A line on standard output.
    ///
    /// A reader that has seen enough (`yaga models list | head`) ends the command quietly.
    pub fn say(&self, text: &str) {
        if writeln!(std::io::stdout(), "{text}").is_err() {
            std::process::exit(0);
        }
    }

    /// A JSON document on standard output, indented.
    pub fn say_json(&self, value: &impl serde::Serialize) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(value).context("the answer is not JSON")?;
        self.say(&text);
        Ok(())
    }
}

/// Opens a file of incident state; who finds it open is told what holds it, and since when.
fn open_file(path: &str) -> Result<Arc<dyn Engine>, String> {
    let words = std::env::args().skip(1).take_while(|word| !word.starts_with('-'));
    let command: Vec<String> = std::iter::once("yaga".to_owned()).chain(words.take(2)).collect();
    let owner = Owner { command: command.join(" "), since: payload::instant(Utc::now()) };
    match EmbeddedDynamo::open(Path::new(path), &owner) {
        Ok(engine) => Ok(Arc::new(engine)),
        Err(error) => Err(error.to_string()),
    }
}
