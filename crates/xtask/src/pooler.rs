//! `PgBouncer`, which tests of the store's outages start before the tests' server.

use std::env;

use anyhow::Result;

use crate::debian::{Tool, provide};
use crate::engine::tools::{on_path, without_services};

const PGBOUNCER: Tool = Tool {
    what: "PgBouncer (`pgbouncer`)",
    packages: &["pgbouncer"],
    elsewhere: "install it and try again",
};

/// Installs it where it is missing; without, on CI, a failure, and elsewhere a line that says why its
/// tests will report themselves as skipped.
pub fn find_or_install() -> Result<()> {
    if on_path("pgbouncer").is_some() {
        return Ok(());
    }
    match without_services(|| provide(&PGBOUNCER)) {
        Err(error) if env::var_os("CI").is_none() => {
            eprintln!("tests behind a pooler are skipped: {error:#}");
            Ok(())
        }
        installed => installed,
    }
}
