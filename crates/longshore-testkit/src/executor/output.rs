//! Everything that a job writes arrives, as it was written.

use std::fmt::Write as _;
use std::time::Duration;

use super::scene::{Scene, collect, in_time};

pub async fn stdout_and_stderr_come_apart_and_in_order(scene: &Scene) {
    let script = "i=0; while [ $i -lt 500 ]; do echo out $i; echo err $i >&2; i=$((i+1)); done";
    let finished = scene.run(scene.shell(script)).await;
    let lines = |word: &str| {
        (0..500).fold(String::new(), |mut text, i| {
            writeln!(text, "{word} {i}").expect("writing to a string works");
            text
        })
    };
    assert_eq!(String::from_utf8_lossy(&finished.stdout), lines("out"));
    assert_eq!(String::from_utf8_lossy(&finished.stderr), lines("err"));
}

pub async fn the_last_line_is_delivered_without_its_end(scene: &Scene) {
    let script = "printf 'first\\nlast'; printf 'also last' >&2";
    let finished = scene.run(scene.shell(script)).await;
    assert_eq!(finished.stdout, b"first\nlast");
    assert_eq!(finished.stderr, b"also last");
}

pub async fn every_byte_value_is_delivered(scene: &Scene) {
    let script = "i=0; while [ $i -lt 256 ]; do printf \"\\\\$(printf %03o $i)\"; i=$((i+1)); done";
    let finished = scene.run(scene.shell(script)).await;
    let every: Vec<u8> = (0..=255).collect();
    assert_eq!(finished.stdout, every);
}

pub async fn a_silent_job_has_empty_output(scene: &Scene) {
    let finished = scene.run(scene.shell(":")).await;
    assert_eq!((finished.stdout, finished.stderr), (vec![], vec![]));
}

pub async fn output_is_delivered_while_the_job_runs(scene: &Scene) {
    let mut launched = scene
        .launch(scene.shell("echo early; exec sleep 1000"))
        .await;
    launched.await_output("early\n").await;
    scene.stop(&launched.handle, Duration::ZERO).await;
}

pub async fn output_written_before_the_end_is_delivered_after_it(scene: &Scene) {
    let launched = scene
        .launch(scene.shell("echo said; echo complained >&2; exit 4"))
        .await;
    let (mut output, end) = (launched.output, launched.end);
    let ended = in_time("the end", end)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ended.exit.code, Some(4));
    let (stdout, stderr) = in_time("the output", collect(&mut output)).await;
    assert_eq!(stdout, b"said\n");
    assert_eq!(stderr, b"complained\n");
}

pub async fn a_job_that_closes_its_output_ends_with_its_own_code(scene: &Scene) {
    let finished = scene
        .run(scene.shell("echo bye; exec >&- 2>&-; exit 7"))
        .await;
    assert_eq!((finished.text(), finished.code()), ("bye\n", 7));
}
