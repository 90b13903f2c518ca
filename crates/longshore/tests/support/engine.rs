//! The container engine of the tests, if there is one.

use std::io::Write as _;

/// An engine, and an image with a shell that it has.
pub struct Engine {
    /// As `--docker-host` takes it.
    pub address: String,
    /// A small image with a shell.
    pub image: String,
}

/// The engine that the tests were given; without one, says so by the test's name. On CI there has
/// to be one.
pub fn or_skip() -> Option<Engine> {
    if let Ok(address) = std::env::var("LONGSHORE_TEST_DOCKER") {
        let image = "busybox:local".to_owned();
        return Some(Engine { address, image });
    }
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    assert!(
        std::env::var_os("CI").is_none(),
        "{test} needs a container engine: `cargo xtask docker -- cargo test` brings one"
    );
    // Past the test harness, which shows what passing tests print to nobody.
    let said = format!("skipped: {test}: no container engine (LONGSHORE_TEST_DOCKER names one)\n");
    let said = std::io::stderr().write_all(said.as_bytes());
    said.expect("standard error can be written to");
    None
}
