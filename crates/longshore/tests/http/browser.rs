//! The dashboard in a real browser: `python/browser.py` uses it as people do.

use std::path::Path;
use std::process::Command;

use longshore_testkit::skip::skipped;

use crate::python::{program, run, serve};
use crate::support::Home;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/http/python/browser.py");
/// Where pictures of pages go, if anybody wants to look at them.
const PICTURES: &str = "LONGSHORE_TEST_PICTURES";

#[test]
fn people_use_the_dashboard_in_a_browser() {
    let Some(python) = program("python") else {
        return;
    };
    let Some(chromium) = std::env::var_os("LONGSHORE_TEST_CHROMIUM") else {
        skipped("no Chromium (LONGSHORE_TEST_CHROMIUM names one)");
        return;
    };
    let home = Home::new();
    // One that nobody can be told by: there is something on each page.
    let hook = "https://receiver.invalid/hook";
    home.ok(&["webhook", "create", "ci", hook]);
    let (_up, url) = serve(&home, &["up", "--anonymous", "operator"]);
    let kept = std::env::var_os(PICTURES);
    let pictures = kept.map_or_else(|| home.path().join("pictures"), Into::into);
    std::fs::create_dir_all(&pictures).expect("a folder for pictures");
    let said = run(Command::new(python)
        .arg(Path::new(SCRIPT))
        .arg(&url)
        .arg(chromium)
        .args([home.path(), &pictures])
        .env("TMPDIR", home.path()));
    println!("{said}");
    assert!(said.contains("looked at 56 pictures"), "{said}");
}
