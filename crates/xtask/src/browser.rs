//! The browser that tests of the dashboard use.

use std::env;
use std::path::PathBuf;

use anyhow::Result;

use crate::debian::{Tool, provide};
use crate::engine::tools::{on_path, without_services};

/// Where tests find it.
pub const VARIABLE: &str = "LONGSHORE_TEST_CHROMIUM";

const CHROMIUM: Tool = Tool {
    what: "Chromium",
    packages: &["chromium"],
    elsewhere: "install it and try again",
};

/// Installs it where it is missing; without, on CI, a failure, and elsewhere a line that says why its tests
/// will report themselves as skipped.
pub fn find_or_install() -> Result<Option<PathBuf>> {
    if let Some(chromium) = on_path("chromium") {
        return Ok(Some(chromium));
    }
    match without_services(|| provide(&CHROMIUM)) {
        Ok(()) => Ok(on_path("chromium")),
        Err(error) if env::var_os("CI").is_some() => Err(error),
        Err(error) => {
            eprintln!("tests of the dashboard in a browser are skipped: {error:#}");
            Ok(None)
        }
    }
}
