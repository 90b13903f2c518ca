//! The pages for users, run as they are written: every command in a block of shell, in order, in one
//! shell and a home of its own. What stands for an image, a server or an installation of the reader's own
//! is replaced by those of the tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use longshore_postgres::testing::TestDatabase;
use tokio::runtime::Runtime;

use crate::support::{Home, Running, engine};

const INSTALLATION: &str = "cargo install --path crates/longshore";
const IMAGE: &str = "alpine:3.20";
const SERVER: &str = "postgres://longshore@db.example/longshore";
/// What stands before what an answer must hold.
const EXPECTS: &str = "# →";

/// Pages say the usual port, so one runs at a time.
static PORT: Mutex<()> = Mutex::new(());

/// Each page that has commands in blocks of shell, and the least of answers that it checks.
macro_rules! pages {
    ($($test:ident $path:literal $checked:literal;)*) => {
        const PAGES: &[&str] = &[$($path),*];
        $(#[test]
        fn $test() {
            goes_as_it_is_written($path, $checked);
        })*
    };
}

pages! {
    the_tour_of_the_readme_goes_as_it_is_written "README.md" 15;
    getting_started_goes_as_it_is_written "docs/getting-started.md" 30;
    concepts_go_as_they_are_written "docs/concepts.md" 20;
    coming_from_others_goes_as_it_is_written "docs/coming-from.md" 12;
    moving_to_a_fleet_goes_as_it_is_written "docs/fleet.md" 12;
    http_goes_as_it_is_written "docs/http.md" 6;
    operating_goes_as_it_is_written "docs/operating.md" 12;
    security_goes_as_it_is_written "docs/security.md" 12;
    webhooks_go_as_they_are_written "docs/webhooks.md" 6;
}

/// The root of the repository.
pub fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.ancestors().nth(2);
    root.expect("two folders below the root").to_owned()
}

fn text_of(page: &str) -> String {
    let text = std::fs::read_to_string(repository().join(page)).expect("the page is there");
    if page == "README.md" {
        // The two commands of the project itself are run by whoever runs this.
        let tour = text.split("\n## A tour").nth(1).expect("there is a tour");
        return tour
            .split("\n## ")
            .next()
            .expect("it has a text")
            .to_owned();
    }
    text
}

/// The code blocks of a page in one language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(&fence) {
        let (block, after) = after.split_once("\n```").expect("a block ends");
        blocks.push(block.to_owned());
        rest = after;
    }
    blocks
}

/// A command as the shell reads it, over as many lines as it takes, and what its answer must hold.
struct Step {
    command: String,
    expected: Option<String>,
}

fn steps(block: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut command = String::new();
    for line in block.lines() {
        if line.is_empty() && command.is_empty() {
            continue;
        }
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
        .stdout(Stdio::null())
        .output();
    let read = read.expect("there is a bash");
    // Of a document that does not end it only warns, and a line that goes on it takes for the last.
    read.status.success() && read.stderr.is_empty() && !command.ends_with("\\\n")
}

/// One script of all steps, in one shell as a reader would have it; each step's answer goes to a file.
fn script(steps: &[Step], folder: &Path) -> String {
    // The workers that it starts end with the shell, however it ends.
    let mut script = "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n".to_owned();
    for (index, step) in steps.iter().enumerate() {
        let (command, at) = (&step.command, folder.join(index.to_string()));
        let at = at.display();
        writeln!(script, "{{ {command}\n}} >{at}.out 2>{at}.err")
            .expect("writing to a string succeeds");
    }
    script
}

fn goes_as_it_is_written(page: &str, at_least: usize) {
    let Some(engine) = engine::or_skip() else {
        return;
    };
    let _alone = PORT.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = Runtime::new().expect("a runtime can be had");
    let _entered = runtime.enter();
    let database = runtime.block_on(TestDatabase::create_empty());
    let text = text_of(page);
    let mut steps: Vec<Step> = blocks(&text, "sh")
        .iter()
        .flat_map(|block| steps(block))
        .collect();
    steps.retain(|step| step.command.trim() != INSTALLATION);
    for step in &mut steps {
        step.command = step.command.replace(IMAGE, &engine.image);
        step.command = step.command.replace(SERVER, &database.url());
    }
    let checked = steps.iter().filter(|step| step.expected.is_some()).count();
    assert!(checked >= at_least, "{page}: {checked} answers are checked");

    let home = Home::new();
    let answers = tempfile::tempdir().expect("a temporary folder can be made");
    let path = std::env::var("PATH").expect("there is a PATH");
    let binary = Path::new(env!("CARGO_BIN_EXE_longshore"));
    let folder = binary.parent().expect("a file has a folder");
    let mut shell = Command::new("bash");
    shell
        .args(["-c", &script(&steps, answers.path())])
        .env_clear()
        .env("HOME", home.path())
        .env("PATH", format!("{}:{path}", folder.display()))
        .env("DOCKER_HOST", &engine.address)
        .current_dir(home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let ran = Running::start(&mut shell).finish_within(crate::support::DEADLINE * 8);
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
            "{page}: {command}should say {expected:?}, and says:\n{out}{err}"
        );
    }
    if page == "README.md" {
        for sql in blocks(&text, "sql") {
            let asked = Command::new("psql")
                .args([&database.url(), "-Atc", &sql])
                .output();
            let asked = asked.expect("there is a psql");
            let id = String::from_utf8(asked.stdout).expect("it writes text");
            assert!(id.trim().parse::<i64>().is_ok(), "{sql}: {id:?}");
        }
    }
}

/// All pages for people, by their paths.
fn every_page() -> Vec<String> {
    let mut pages = vec!["README.md".to_owned()];
    for entry in std::fs::read_dir(repository().join("docs")).expect("there are docs") {
        let name = entry.expect("it can be read").file_name();
        let name = name.into_string().expect("a name in UTF-8");
        if Path::new(&name).extension().is_some_and(|end| end == "md") {
            pages.push(format!("docs/{name}"));
        }
    }
    pages
}

#[test]
fn no_page_with_commands_is_left_out() {
    let with_commands: BTreeSet<String> = every_page()
        .into_iter()
        .filter(|page| !blocks(&text_of(page), "sh").is_empty())
        .collect();
    let run: BTreeSet<String> = PAGES.iter().map(|page| (*page).to_owned()).collect();
    assert_eq!(with_commands, run);
}

/// What is between single back quotes outside of blocks.
fn spans(text: &str) -> Vec<String> {
    let outside: String = text.split("```").step_by(2).collect::<Vec<_>>().join("\n");
    let spans = outside.split('`').skip(1).step_by(2);
    spans
        .map(|span| span.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn every_command_that_a_page_names_is_there_with_its_flags() {
    let home = Home::new();
    let mut helps: BTreeMap<String, String> = BTreeMap::new();
    let mut named = 0;
    for page in every_page() {
        for span in spans(&text_of(&page)) {
            let Some(rest) = span.strip_prefix("longshore ") else {
                continue;
            };
            let words: Vec<&str> = rest.split(' ').take_while(|word| *word != "--").collect();
            // A verb of a group, then the group's own.
            let is_name = |word: &&&str| {
                word.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
            };
            let verbs: Vec<&str> = words
                .iter()
                .skip_while(|word| word.starts_with("--"))
                .take_while(|word| !word.starts_with('-') && is_name(word))
                .take(2)
                .copied()
                .collect();
            let mut help = None;
            for length in [2, 1] {
                let Some(verbs) = verbs.get(..length) else {
                    continue;
                };
                let key = verbs.join(" ");
                let known = helps.entry(key).or_insert_with(|| {
                    let ran = home.run(&[verbs, &["--help"]].concat());
                    if ran.code == 0 {
                        ran.stdout
                    } else {
                        String::new()
                    }
                });
                if !known.is_empty() {
                    help = Some(known.clone());
                    break;
                }
            }
            let Some(help) = help else {
                assert!(
                    verbs.is_empty() || verbs == ["help"],
                    "{page}: there is no `{span}`"
                );
                continue;
            };
            named += 1;
            for flag in words.iter().filter(|word| word.starts_with("--")) {
                let flag = flag.split(['=', ',']).next().unwrap_or(flag);
                assert!(help.contains(flag), "{page}: `{span}` has no {flag}");
            }
        }
    }
    assert!(named > 100, "{named} commands are named");
}
