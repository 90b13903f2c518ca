//! The Docker executor does on podman what the executor suite asks for, but for the differences
//! that `docs/podman.md` names.

mod support;

longshore_testkit::executor_conformance!(perhaps crate::support::Containers::on_podman());

#[test]
fn every_known_difference_is_written_down_for_users() {
    let written = include_str!("../../../docs/podman.md");
    for case in support::DIFFERENCES_OF_PODMAN {
        assert!(written.contains(&format!("`{case}`")), "{case}");
    }
}
