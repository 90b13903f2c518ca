//! The tour of `README.md`, run as it is written: only the installation is left out, and what stands
//! for an image and a server of the reader's own is replaced by those of the tests.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use longshore_postgres::testing::TestDatabase;
use tokio::runtime::Runtime;

use crate::support::{Home, Running, engine};

const README: &str = include_str!("../../../../README.md");
const INSTALLATION: &str = "cargo install --path crates/longshore";
const IMAGE: &str = "alpine:3.20";
const SERVER: &str = "postgres://longshore@db.example/longshore";
/// What stands before what an answer must hold.
const EXPECTS: &str = "# →";

/// The code blocks of the tour in one language.
fn blocks(language: &str) -> Vec<&'static str> {
    let tour = README.split("\n## A tour").nth(1).expect("there is a tour");
    let tour = tour.split("\n## ").next().expect("it has a text");
    let fence = format!("```{language}\n");
    let blocks = tour.split(&fence).skip(1);
    blocks
        .map(|block| block.split("```").next().expect("a block ends"))
        .collect()
}

/// A command as the shell reads it, over as many lines as it takes, and what its answer must hold.
struct Step {
    command: String,
    expected: Option<String>,
}

fn steps(block: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut command = String::new();
    for line in block.lines().filter(|line| !line.is_empty()) {
        command.push_str(line);
        command.push('\n');
        if is_whole(&command) {
            let expected = line.split(EXPECTS).nth(1);
            let expected = expected.map(|text| text.trim().to_owned());
            steps.push(Step {
                command: std::mem::take(&mut command),
                expected,
            });
        }
    }
    assert_eq!(command, "", "a command that does not end");
    steps
}

fn is_whole(command: &str) -> bool {
    let read = Command::new("bash")
        .args(["-n", "-c", command])
        .stderr(Stdio::null())
        .status();
    read.expect("there is a bash").success()
}

/// One script of all steps, in one shell as a reader would have it; each step's answer goes to a file.
fn script(steps: &[Step], folder: &Path) -> String {
    let mut script = String::new();
    for (index, step) in steps.iter().enumerate() {
        let (command, at) = (&step.command, folder.join(index.to_string()));
        let at = at.display();
        writeln!(script, "{{ {command} }} >{at}.out 2>{at}.err")
            .expect("writing to a string succeeds");
    }
    script
}

#[test]
fn the_tour_of_the_readme_goes_as_it_is_written() {
    let Some(engine) = engine::or_skip() else {
        return;
    };
    let runtime = Runtime::new().expect("a runtime can be had");
    let _entered = runtime.enter();
    let database = runtime.block_on(TestDatabase::create_empty());
    let mut steps: Vec<Step> = blocks("sh").into_iter().flat_map(steps).collect();
    assert!(steps.iter().any(|step| step.command.trim() == INSTALLATION));
    steps.retain(|step| step.command.trim() != INSTALLATION);
    for step in &mut steps {
        step.command = step.command.replace(IMAGE, &engine.image);
        step.command = step.command.replace(SERVER, &database.url());
    }
    let checked = steps.iter().filter(|step| step.expected.is_some()).count();
    assert!(checked >= 15, "{checked} answers are checked");

    let home = Home::new();
    let answers = tempfile::tempdir().expect("a temporary folder can be made");
    let path = std::env::var("PATH").expect("there is a PATH");
    let binary = Path::new(env!("CARGO_BIN_EXE_longshore"));
    let folder = binary.parent().expect("a file has a folder");
    // The workers that it starts end with the shell, however it ends.
    let ending = "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n";
    let text = format!("{ending}{}", script(&steps, answers.path()));
    let mut shell = Command::new("bash");
    shell
        .args(["-c", &text])
        .env_clear()
        .env("HOME", home.path())
        .env("PATH", format!("{}:{path}", folder.display()))
        .env("DOCKER_HOST", &engine.address)
        .current_dir(home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let ran = Running::start(&mut shell).finish_within(crate::support::DEADLINE * 5);
    let said = (ran.stdout.as_str(), ran.stderr.as_str());
    assert_eq!(said, ("", ""), "the shell itself has nothing to say");

    let answer = |index: usize, part: &str| {
        let file = answers.path().join(format!("{index}.{part}"));
        std::fs::read_to_string(file).unwrap_or_default()
    };
    for (index, Step { command, expected }) in steps.iter().enumerate() {
        let (out, err) = (answer(index, "out"), answer(index, "err"));
        let Some(expected) = expected else {
            continue;
        };
        let squeezed = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            squeezed(&out).contains(&squeezed(expected)),
            "{command}should say {expected:?}, and says:\n{out}{err}"
        );
    }
    for sql in blocks("sql") {
        let asked = Command::new("psql")
            .args([&database.url(), "-Atc", sql])
            .output();
        let asked = asked.expect("there is a psql");
        let id = String::from_utf8(asked.stdout).expect("it writes text");
        assert!(id.trim().parse::<i64>().is_ok(), "{sql}: {id:?}");
    }
}
