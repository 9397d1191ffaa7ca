//! `yaga config`: checks the configuration, and describes it.

use domain::config::{Level, Problem, Setting, Source};
use serde::Serialize;
use wiring::{Settings, SettingsError};

use crate::exit::{Done, Failure, Outcome};
use crate::shell::Shell;
use crate::terminal::{Tone, cell, count, paint, table};

/// What to do with the configuration.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Check the document and the environment; every problem is told at once.
    Check {
        /// Print every setting with its value and where it comes from.
        #[arg(long)]
        effective: bool,
    },
    /// Print the JSON Schema of the document, for editors.
    Schema,
}

/// The verdict for machines.
#[derive(Debug, Serialize)]
struct Verdict<'a> {
    valid: bool,
    document: Option<&'a str>,
    errors: Vec<Told<'a>>,
    warnings: Vec<Told<'a>>,
    /// SHA-256 of the settings, as models record it; absent if they are not valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<Vec<Effective<'a>>>,
}

#[derive(Debug, Serialize)]
struct Told<'a> {
    code: &'a str,
    path: &'a str,
    message: &'a str,
}

#[derive(Debug, Serialize)]
struct Effective<'a> {
    path: &'a str,
    value: serde_json::Value,
    source: String,
}

/// Runs the command.
pub fn run(shell: &Shell, command: &Command) -> Outcome {
    match command {
        Command::Check { effective } => check(shell, *effective),
        Command::Schema => {
            shell.say_json(&domain::config::schema())?;
            Ok(Done::Whole)
        }
    }
}

fn check(shell: &Shell, effective: bool) -> Outcome {
    let env = |name: &str| shell.env(name);
    match shell.block_on(Settings::load(&env))? {
        Ok(settings) if shell.json => shell.say_json(&verdict(&settings, effective))?,
        Ok(settings) => tell(shell, &settings, effective),
        Err(error) => {
            if let (true, SettingsError::Invalid { place, problems }) = (shell.json, &error) {
                shell.say_json(&refusal(place, &problems.0))?;
            }
            return Err(Failure::Usage(error.into()));
        }
    }
    Ok(Done::Whole)
}

fn verdict(settings: &Settings, effective: bool) -> Verdict<'_> {
    Verdict {
        valid: true,
        document: settings.document.as_deref(),
        errors: Vec::new(),
        warnings: settings.warnings.iter().map(told).collect(),
        digest: Some(&settings.digest),
        settings: effective.then(|| settings.effective.iter().map(for_machines).collect()),
    }
}

fn refusal<'a>(place: &'a str, problems: &'a [Problem]) -> Verdict<'a> {
    let of = |level| problems.iter().filter(move |problem| problem.level == level);
    Verdict {
        valid: false,
        document: Some(place),
        errors: of(Level::Error).map(told).collect(),
        warnings: of(Level::Warning).map(told).collect(),
        digest: None,
        settings: None,
    }
}

fn told(problem: &Problem) -> Told<'_> {
    Told { code: problem.code, path: &problem.path, message: &problem.message }
}

fn for_machines(setting: &Setting) -> Effective<'_> {
    let as_text = || serde_json::Value::String(setting.value.clone());
    Effective {
        path: &setting.path,
        value: serde_json::from_str(&setting.value).unwrap_or_else(|_| as_text()),
        source: source(&setting.source),
    }
}

fn source(source: &Source) -> String {
    match source {
        Source::Default => "default".to_owned(),
        Source::Document => "document".to_owned(),
        Source::Environment(variable) => variable.clone(),
    }
}

fn tell(shell: &Shell, settings: &Settings, effective: bool) {
    if effective {
        shell.say(&settings_table(&settings.effective));
        shell.say("");
    }
    for warning in &settings.warnings {
        shell.warn(warning.to_string().trim_start_matches("warning "));
    }
    let place = settings.document.as_deref().unwrap_or("no document");
    let of = |is: fn(&Source) -> bool| {
        settings.effective.iter().filter(|setting| is(&setting.source)).count()
    };
    shell.say(&format!(
        "{}: {place}, {} from the document, {} from the environment, {}",
        paint(Tone::Good, "valid"),
        count(of(|source| *source == Source::Document), "setting"),
        of(|source| matches!(source, Source::Environment(_))),
        count(settings.warnings.len(), "warning"),
    ));
    if !effective {
        shell.say(&paint(Tone::Faint, "Every setting: yaga config check --effective"));
    }
}

/// Defaults are faint, so that what somebody decided stands out.
fn settings_table(settings: &[Setting]) -> String {
    let mut table = table(&["setting", "value", "from"]);
    for setting in settings {
        let tone = match setting.source {
            Source::Default => Tone::Faint,
            Source::Document | Source::Environment(_) => Tone::Strong,
        };
        table.add_row([
            cell(tone, &setting.path),
            cell(tone, &setting.value),
            cell(tone, &source(&setting.source)),
        ]);
    }
    table.trim_fmt()
}
