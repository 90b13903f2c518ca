//! What is generated from the command line's own words: completions and manual pages.

use std::process::Command;

use crate::support::Home;

#[test]
fn every_shell_gets_a_script_that_knows_the_commands() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = home.ok(&["completions", shell]);
        assert!(
            script.contains("dequeue") && script.contains("max-concurrent"),
            "{shell}"
        );
        assert!(!script.contains("process-shim"), "{shell}");
    }
    let ran = home.run(&["completions", "tcsh"]);
    assert_eq!(ran.code, 2, "{}", ran.report());
}

#[test]
fn bash_completes_commands_and_the_words_of_a_flag() {
    let home = Home::new();
    let script = home.file("completions", &home.ok(&["completions", "bash"]));
    let complete = |words: &str, current: usize| {
        let ask = format!(
            "source {script}; COMP_WORDS=({words}); COMP_CWORD={current}; \
             _longshore longshore \"${{COMP_WORDS[$COMP_CWORD]}}\" \
             \"${{COMP_WORDS[$((COMP_CWORD - 1))]}}\"; echo \"${{COMPREPLY[@]}}\""
        );
        let ran = Command::new("bash").args(["-c", &ask]).output();
        let ran = ran.expect("there is a bash");
        String::from_utf8(ran.stdout).expect("it writes text")
    };
    assert_eq!(complete("longshore que", 1), "queue\n");
    assert!(complete("longshore queue s", 2).contains("set"));
    assert!(complete("longshore list --state ''", 3).contains("timed_out"));
}

#[test]
fn every_command_has_a_manual_page() {
    let home = Home::new();
    let main = home.ok(&["man"]);
    assert!(main.contains(".TH longshore 1"), "{main}");
    assert!(
        main.contains("longshore\\-queue(1)"),
        "it names the pages below"
    );
    let folder = home.path().join("man1");
    home.ok(&[
        "man",
        "--out",
        folder.to_str().expect("temporary paths are UTF-8"),
    ]);
    let page = |name: &str| {
        let text = std::fs::read_to_string(folder.join(name));
        text.unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    assert!(page("longshore-queue-set.1").contains(".TH longshore-queue-set 1"));
    assert!(page("longshore-submit.1").contains("idempotency"));
    assert!(!folder.join("longshore-process-shim.1").exists());
    let nowhere = home.file("taken", "");
    let ran = home.run(&["man", "--out", &nowhere]);
    assert_eq!(ran.code, 1, "{}", ran.report());
}
