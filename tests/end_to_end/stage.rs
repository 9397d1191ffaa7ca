//! What all trials share: the workspace, its programs (built once) and the tools installed.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};

use crate::journeys::Cloud;
use crate::process;
use crate::receivers::Yesterday;

/// A cold build of everything on two cores, twice over.
const BUILD_LIMIT: Duration = Duration::from_secs(40 * 60);

/// The root of the checkout.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the workspace")
}

/// Shared by all trials; its parts are made when the first trial asks for them.
#[derive(Debug, Default)]
pub(crate) struct Stage {
    programs: OnceLock<Result<PathBuf, String>>,
    cloud: OnceLock<Result<Cloud, String>>,
    yesterday: OnceLock<Result<Yesterday, String>>,
}

impl Stage {
    /// Finds a tool where tests/setup/install.sh puts it: the pinned ones in their own folder
    /// only, so that no other version is taken for them, and the system's on PATH.
    pub(crate) fn tool(&self, name: &str) -> Option<PathBuf> {
        let inherited = env::var_os("PATH").unwrap_or_default();
        let folders: Vec<PathBuf> = match name {
            "victoria-metrics" | "prometheus-alertmanager" => {
                env::split_paths(&inherited).collect()
            }
            _ => tools_folder().into_iter().collect(),
        };
        folders.into_iter().map(|folder| folder.join(name)).find(|file| file.is_file())
    }

    /// PATH with the installed tools in front.
    fn path(&self) -> std::ffi::OsString {
        let inherited = env::var_os("PATH").unwrap_or_default();
        let folders = tools_folder().into_iter().chain(env::split_paths(&inherited));
        env::join_paths(folders).unwrap_or(inherited)
    }

    /// A command with the tools on its PATH, in the root of the checkout.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(root()).env("PATH", self.path()).env("SAM_CLI_TELEMETRY", "0");
        command
    }

    /// Cargo, building into the folder this test was built into.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = self.command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        if let Ok(folder) = profile_folder() {
            command.env("CARGO_TARGET_DIR", folder.parent().unwrap_or(&folder));
        }
        command
    }

    /// The profile this test was built with, as cargo names it.
    pub(crate) fn profile(&self) -> Result<String> {
        let folder = profile_folder()?;
        let name = folder.file_name().and_then(|name| name.to_str()).context("no folder name")?;
        Ok(if name == "debug" { "dev".to_owned() } else { name.to_owned() })
    }

    /// Builds the workspace's programs with the profile of this test, once, and returns the folder
    /// they are in. The whole workspace, as `cargo lambda watch` selects it: fewer packages would
    /// mean other features, and a second build.
    pub(crate) fn programs(&self) -> Result<PathBuf> {
        let built = self.programs.get_or_init(|| {
            let build = || -> Result<PathBuf> {
                let mut command = self.cargo();
                command.args(["build", "--workspace", "--bins", "--offline", "--profile"]);
                command.arg(self.profile()?);
                process::succeed("cargo build", command, BUILD_LIMIT)?;
                profile_folder()
            };
            build().map_err(|error| format!("{error:#}"))
        });
        built.clone().map_err(|error| anyhow!(error))
    }

    /// The `yaga` command.
    pub(crate) fn yaga(&self) -> Result<Command> {
        let program = self.programs()?.join("yaga");
        ensure!(program.is_file(), "the workspace builds no program {}", program.display());
        let mut command = self.command(program);
        command.env_remove("CONFIG_FILE");
        Ok(command)
    }

    /// The servers and functions of the cloud journey, started and trained once.
    pub(crate) fn cloud(&self) -> Result<&Cloud> {
        let cloud =
            self.cloud.get_or_init(|| Cloud::start(self).map_err(|error| format!("{error:#}")));
        cloud.as_ref().map_err(|error| anyhow!("the cloud did not start: {error}"))
    }

    /// An estate on files whose fault was yesterday, simulated and trained once.
    pub(crate) fn yesterday(&self) -> Result<&Yesterday> {
        let make = || Yesterday::make(self).map_err(|error| format!("{error:#}"));
        let made = self.yesterday.get_or_init(make);
        made.as_ref().map_err(|error| anyhow!("there is no estate: {error}"))
    }
}

/// `<target>/<profile>`: this program is `<target>/<profile>/deps/end_to_end-<hash>`.
fn profile_folder() -> Result<PathBuf> {
    let program = env::current_exe().context("asking for this program's path")?;
    let folder = program.ancestors().nth(2).context("this program is not in a target folder")?;
    Ok(folder.to_owned())
}

fn tools_folder() -> Option<PathBuf> {
    let tools = match env::var_os("YAGA_TOOLS") {
        Some(tools) => PathBuf::from(tools),
        None => PathBuf::from(env::var_os("HOME")?).join(".cache/yaga/tools"),
    };
    Some(tools.join("venv/bin"))
}
