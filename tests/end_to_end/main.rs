//! End to end: the real programs against real servers, and the rules of the workspace.
//!
//! One binary, so that servers are started once and stopped whatever happens. A trial whose real
//! part is not installed is ignored, and the last lines printed say which, and why; nothing is
//! replaced by an imitation. `tests/setup/install.sh` installs the real parts.
//!
//! - `rules`: the dependency direction and where certain words may appear, from cargo's own graph.
//! - `template`: the deployment template, linted as written and as expanded.
//! - `servers`: that the real parts do what the journeys rely on.
//! - `conformance`: the ports' suites, on the adapters in front of real servers.
//! - `races`: overlapping writers of incident state, in front of a real server.
//! - `journeys::folder`: simulate, train, infer with files only.
//! - `journeys::cloud`: the same through VictoriaMetrics, S3 and the functions themselves.
//! - `journeys::incident`: an incident's life on a real table, with a receiver that is told.
//! - `journeys::overlap`: two processes of the command at once, on one table.
//! - `journeys::killed`: the command, killed at any moment, with a receiver that often fails.
//! - `receivers`: what a real Alertmanager, SNS and VictoriaMetrics make of what they are sent.
//!
//! Supporting parts: [`process`] bounds every child process, [`http`] is a client of a hundred
//! lines, [`stage`] knows the workspace, its programs and tools.

mod conformance;
mod http;
mod journeys;
mod labels;
mod process;
mod races;
mod receivers;
mod recording;
mod response;
mod rules;
mod servers;
mod stage;
mod template;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::stage::Stage;

fn main() -> ExitCode {
    let args = Arguments::from_args();
    let stage = Arc::new(Stage::default());
    let cases = all_cases(&stage);
    let not_run: Vec<String> = cases.iter().filter_map(Case::not_run).collect();
    let listing = args.list;

    let conclusion =
        libtest_mimic::run(&args, cases.into_iter().map(|case| case.trial(&stage)).collect());
    if !listing {
        print_not_run(&not_run);
    }
    conclusion.exit_code()
}

fn all_cases(stage: &Stage) -> Vec<Case> {
    let mut cases = rules::cases();
    cases.extend(template::cases(stage));
    cases.extend(servers::cases(stage));
    cases.extend(conformance::cases(stage));
    cases.extend(races::cases(stage));
    cases.extend(receivers::cases(stage));
    cases.extend(journeys::cases(stage));
    cases
}

#[expect(clippy::print_stdout, reason = "a test's report goes where the harness prints")]
fn print_not_run(not_run: &[String]) {
    for line in not_run {
        println!("not run: {line}");
    }
    if !not_run.is_empty() {
        println!("run tests/setup/install.sh to install what is missing");
    }
}

/// A trial and what it needs that may not be there.
struct Case {
    name: &'static str,
    missing: Vec<&'static str>,
    run: fn(&Stage) -> anyhow::Result<()>,
}

impl Case {
    fn new(name: &'static str, run: fn(&Stage) -> anyhow::Result<()>) -> Self {
        Self { name, missing: Vec::new(), run }
    }

    /// Names the tools the case cannot do without; those not installed make it ignored.
    fn needs(mut self, stage: &Stage, tools: &[&'static str]) -> Self {
        self.missing = tools.iter().copied().filter(|tool| stage.tool(tool).is_none()).collect();
        self
    }

    /// Why the case cannot run here, if it cannot.
    fn reason(&self) -> Option<String> {
        let missing = self.missing.join(" and ");
        let verb = if self.missing.len() == 1 { "is" } else { "are" };
        (!missing.is_empty()).then(|| format!("{missing} {verb} not installed"))
    }

    fn not_run(&self) -> Option<String> {
        Some(format!("end_to_end::{} because {}", self.name, self.reason()?))
    }

    fn trial(self, stage: &Arc<Stage>) -> Trial {
        let stage = Arc::clone(stage);
        Trial::ignorable_test(self.name, move || match self.reason() {
            Some(reason) => Ok(Completion::ignored_with(reason)),
            None => (self.run)(&stage)
                .map(|()| Completion::Completed)
                .map_err(|error| Failed::from(format!("{error:#}"))),
        })
    }
}
