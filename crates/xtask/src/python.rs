//! The Python that tests of the HTTP API ask it with: an API tester and a generator of clients.
//!
//! Owns a virtual environment below the target folder, made once for each list of requirements. Nothing is
//! installed into the machine's own Python.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::debian::{Tool, provide};
use crate::engine::tools::on_path;
use crate::process::check;

/// Where tests find the environment's Python.
pub const VARIABLE: &str = "LONGSHORE_TEST_PYTHON";

const REQUIREMENTS: &str = "crates/longshore/tests/http/python/requirements.txt";

const PYTHON: Tool = Tool {
    what: "Python with virtual environments",
    packages: &["python3", "python3-venv"],
    elsewhere: "install Python 3.11 or newer with `venv`, and try again",
};

/// The environment's Python; without, on CI, a failure, and elsewhere a line that says why the tests will
/// report themselves as skipped.
pub fn find_or_install(root: &Path) -> Result<Option<PathBuf>> {
    match environment(root) {
        Ok(python) => Ok(Some(python)),
        Err(error) if env::var_os("CI").is_some() => Err(error),
        Err(error) => {
            eprintln!("no Python for tests of the HTTP API, so they are skipped: {error:#}");
            Ok(None)
        }
    }
}

fn environment(root: &Path) -> Result<PathBuf> {
    let requirements = root.join(REQUIREMENTS);
    let asked = fs::read_to_string(&requirements).context("reading the requirements")?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let folder = target.join("python");
    let python = folder.join("bin/python");
    // Written last: an environment without it is half made.
    let made = folder.join("requirements.txt");
    if fs::read_to_string(&made).is_ok_and(|made| made == asked) && python.exists() {
        return Ok(python);
    }
    let of_machine = of_machine()?;
    if folder.exists() {
        fs::remove_dir_all(&folder).context("removing an older environment")?;
    }
    check(Command::new(of_machine).args(["-m", "venv"]).arg(&folder))?;
    let mut pip = Command::new(&python);
    pip.args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]);
    check(pip.arg("-r").arg(&requirements))?;
    fs::write(&made, asked).context("noting what was installed")?;
    Ok(python)
}

/// A Python that can make environments. Debian's has `venv` in a package of its own.
fn of_machine() -> Result<PathBuf> {
    let can = |python: &Path| {
        let asked = Command::new(python)
            .args([
                "-c",
                "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))",
            ])
            .output();
        asked.is_ok_and(|asked| asked.status.success())
    };
    let find = || on_path("python3").filter(|python| can(python));
    if let Some(python) = find() {
        return Ok(python);
    }
    provide(&PYTHON)?;
    find().context("python3 can make no virtual environment, or is older than 3.11")
}
