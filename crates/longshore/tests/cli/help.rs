//! Help says what, when, and one example; a change of it is seen in review.

use crate::support::Home;

const COMMANDS: [&[&str]; 24] = [
    &[],
    &["run"],
    &["submit"],
    &["list"],
    &["show"],
    &["logs"],
    &["wait"],
    &["cancel"],
    &["retry"],
    &["hold"],
    &["release"],
    &["queue"],
    &["queue", "list"],
    &["queue", "show"],
    &["queue", "create"],
    &["queue", "limit"],
    &["template"],
    &["template", "save"],
    &["worker"],
    &["workers"],
    &["stats"],
    &["doctor"],
    &["migrate"],
    &["template", "show"],
];

#[test]
fn every_command_has_help_with_an_example() {
    let home = Home::new();
    for command in COMMANDS {
        let name = if command.is_empty() {
            "longshore".to_owned()
        } else {
            command.join(" ")
        };
        let help = home.ok(&[command, &["--help"]].concat());
        assert!(help.contains("Example: longshore "), "{name}: {help}");
        insta::with_settings!({ snapshot_suffix => name.replace(' ', "-"), omit_expression => true }, {
            insta::assert_snapshot!("help", help);
        });
    }
}

#[test]
fn the_version_is_one_line_on_stdout() {
    let version = Home::new().ok(&["--version"]);
    assert_eq!(
        version,
        format!("longshore {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn the_process_shim_is_not_shown_to_people() {
    let help = Home::new().ok(&["--help"]);
    assert!(!help.contains("shim"), "{help}");
}
