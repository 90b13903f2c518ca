//! The Docker executor does what the executor suite asks for.

mod support;

longshore_testkit::executor_conformance!(perhaps crate::support::Containers::found());

#[test]
fn a_skip_is_seen_though_the_test_passes() {
    let this = std::env::current_exe().expect("it has a file");
    let ran = std::process::Command::new(this)
        .args(["--exact", "ending::exit_codes_are_the_jobs_own"])
        .env_remove(support::ENGINE)
        .env_remove("CI")
        .output()
        .expect("it can be run");
    assert!(ran.status.success());
    let said = String::from_utf8_lossy(&ran.stderr);
    let expected = "skipped: ending::exit_codes_are_the_jobs_own: LONGSHORE_TEST_DOCKER is not set";
    assert!(said.contains(expected), "{said}");
}
