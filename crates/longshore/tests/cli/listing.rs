//! `longshore list`: which jobs, in which form, and as they change.

use std::io::{BufRead as _, BufReader};

use super::support::{Home, wait_until};

fn ids(home: &Home, args: &[&str]) -> Vec<i64> {
    let list = home.json(&[&["list"], args].concat());
    let jobs = list["jobs"].as_array().expect("jobs");
    jobs.iter()
        .map(|job| job["id"].as_i64().expect("an id"))
        .collect()
}

#[test]
fn jobs_are_found_by_what_they_are_like() {
    let home = Home::new();
    let later = ["--at", "2999-01-01T00:00:00Z", "--name", "Nightly backup"];
    home.submit(&[&later[..], &["--", "backup", "--all"]].concat());
    home.submit(&["--hold", "-l", "team=web", "alpine:3.20", "echo", "hello"]);
    home.submit(&[
        "-l", "team=web", "-l", "env=prod", "--hold", "alpine", "true",
    ]);
    let before = home.json(&["show", "last"])["created_at"].clone();
    let before = before.as_str().expect("a time");
    home.submit(&["--hold", "registry.local:5000/alpine@sha256:0000000000000000000000000000000000000000000000000000000000000000"]);
    assert_eq!(home.run(&["run", "--", "sh", "-c", "exit 75"]).code, 75);
    for (args, expected) in [
        (&["--state", "pending,failed"][..], &[5, 4, 3, 2][..]),
        (&["--state", "Failed"], &[5]),
        (&["--queue", "local"], &[5, 1]),
        (&["-l", "team=web"], &[3, 2]),
        (&["-l", "team=web", "-l", "env=prod"], &[3]),
        (&["--name", "backup"], &[1]),
        (&["--name", "nightly"], &[]),
        (&["--image", "alpine"], &[3, 2]),
        (&["--image", "alpine:3.20"], &[2]),
        (&["--image", "registry.local:5000/alpine"], &[4]),
        (&["--search", "hello"], &[2]),
        (&["--search=--all"], &[1]),
        (&["--exit-code", "75"], &[5]),
        (&["--since", "1h"], &[5, 4, 3, 2, 1]),
        (&["--until", "1h"], &[]),
        (&["--since", before, "--state", "pending"], &[4, 3]),
        (&["--until", before], &[2, 1]),
    ] {
        assert_eq!(ids(&home, args), expected, "{args:?}");
    }
    let ran = home.run(&["list", "--since", "1h", "--until", "2h"]);
    assert_eq!(ran.code, 2, "{}", ran.report());
}

#[test]
fn lists_are_paged() {
    let home = Home::new();
    for _ in 0..4 {
        home.submit(&["--", "true"]);
    }
    let ids = |args: &[&str]| ids(&home, args);
    assert_eq!(ids(&["--limit", "2"]), [4, 3]);
    assert_eq!(ids(&["--limit", "2", "--before", "3"]), [2, 1]);
    assert_eq!(ids(&["--all"]), [4, 3, 2, 1]);
}

#[test]
fn a_list_of_many_pages_has_one_head() {
    const JOBS: usize = 2001;
    let home = Home::new();
    let jobs = "{\"command\": [\"true\"]}\n".repeat(JOBS);
    assert_eq!(home.run_with(&["submit", "-f", "-"], &jobs).code, 0);
    let list = home.ok(&["list", "--all"]);
    assert_eq!(list.lines().count(), JOBS + 1);
    let heads = list.lines().filter(|line| line.contains("STATE"));
    assert_eq!(heads.count(), 1);
}

#[test]
fn a_list_is_also_ids_alone_and_csv() {
    let home = Home::new();
    home.submit(&["--name", "a, \"b\"", "-l", "team=web", "--", "echo", "a b"]);
    home.submit(&["--hold", "alpine", "true"]);
    assert_eq!(home.ok(&["list", "-q"]), "2\n1\n");
    let csv = home.ok(&["list", "--csv"]);
    let lines: Vec<&str> = csv.lines().collect();
    let [names, held, other] = lines[..] else {
        panic!("{csv}")
    };
    assert_eq!(
        names,
        "id,state,queue,priority,name,image,command,labels,attempts,exit_code,created_at,due_at,\
         started_at,ended_at"
    );
    assert!(
        held.starts_with("2,pending,default,50,,alpine,true,,0,,"),
        "{held}"
    );
    assert!(
        other.starts_with("1,queued,local,50,\"a, \"\"b\"\"\",,echo 'a b',team=web,0,,"),
        "{other}"
    );
    let both = home.run(&["list", "--csv", "--json"]);
    assert_eq!(both.code, 2, "{}", both.report());
}

#[test]
fn watching_in_a_pipe_writes_a_row_for_each_change() {
    let home = Home::new();
    let job = home.submit(&["--name", "watched", "--", "true"]);
    let mut watch = home.spawn(&["list", "--watch"]);
    let mut lines = BufReader::new(watch.stdout()).lines();
    let mut next = || lines.next().expect("it goes on").expect("it writes text");
    assert!(next().contains("STATE"));
    let row = next();
    assert!(row.contains("queued") && row.contains("watched"), "{row}");
    home.ok(&["cancel", &job]);
    let row = next();
    assert!(row.contains("cancelled"), "{row}");
    home.submit(&["--name", "another", "--", "true"]);
    let row = next();
    assert!(row.contains("another"), "{row}");
    watch.signal("INT");
    assert_eq!(watch.finish().code, 130);
}

#[test]
fn watching_ends_quietly_when_nobody_reads() {
    let home = Home::new();
    home.submit(&["--", "true"]);
    let mut watch = home.spawn(&["list", "--watch"]);
    drop(watch.stdout());
    // It learns of that when it writes next.
    let mut watch = Some(watch);
    wait_until("the watching has ended", || {
        home.submit(&["--", "true"]);
        let running = watch.take().expect("it is still watched");
        match running.poll() {
            Ok(ran) => {
                assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
                true
            }
            Err(running) => {
                watch = Some(running);
                false
            }
        }
    });
}
