//! The programs by which tests try what is in `deploy/`.

use std::env;

use anyhow::Result;

use crate::debian::{Tool, provide};
use crate::engine::tools::{on_path, without_services};

const TOOLS: [(&str, Tool); 2] = [
    (
        "docker-compose",
        Tool {
            what: "Docker Compose (`docker-compose`)",
            packages: &["docker-compose"],
            elsewhere: "install it and try again",
        },
    ),
    (
        "systemd-analyze",
        Tool {
            what: "`systemd-analyze`",
            packages: &["systemd"],
            elsewhere: "install systemd and try again",
        },
    ),
];

/// Installs what is missing; without, on CI, a failure, and elsewhere a line that says why tests will report
/// themselves as skipped.
pub fn find_or_install() -> Result<()> {
    for (program, tool) in &TOOLS {
        if on_path(program).is_some() {
            continue;
        }
        match without_services(|| provide(tool)) {
            Ok(()) => {}
            Err(error) if env::var_os("CI").is_some() => return Err(error),
            Err(error) => eprintln!("tests of deploy/ are skipped: {error:#}"),
        }
    }
    Ok(())
}
