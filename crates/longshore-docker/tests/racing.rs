//! Removal without force against a start, on a real engine (PROTOCOL, section 6): where the removal
//! succeeds, nothing of the job runs, then or ever. The whole rule of taking over rests on it.
//!
//! 60 races, or as many as `LONGSHORE_TEST_RACES` says.

mod support;

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use bollard::Docker;
use bollard::errors::Error as EngineError;
use bollard::query_parameters::{
    InspectContainerOptions, RemoveContainerOptions, RemoveContainerOptionsBuilder,
    StartContainerOptions,
};
use futures_util::StreamExt as _;
use futures_util::stream;
use longshore_core::JobSpec;
use longshore_core::spec::{Mount, MountKind};
use longshore_docker::AllowList;
use longshore_testkit::executor::scene::Scene;
use tokio::time::sleep;

use support::on_an_engine_with;

const USUAL_RACES: u64 = 60;
/// An engine of two cores starts no more than this at once without delay.
const AT_ONCE: usize = 4;
/// A start takes about so long; a removal that comes within it waits for it, and is refused.
const START_TAKES: u64 = 250;
/// So who is sent first decides most races: they are sent this far apart at most, in steps.
const SKEW_STEPS: u64 = 20;
const SKEW_STEP: Duration = Duration::from_micros(200);

/// What came of one race.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Won {
    Start,
    Removal,
    Neither,
}

/// How long the start waits, and the removal: in each run spread evenly, one first or the other, and
/// in every fifth race the removal at some moment of the start.
fn waits(number: u64) -> (Duration, Duration) {
    let step = number * 7 % (2 * SKEW_STEPS + 1);
    let skew = |steps: u64| SKEW_STEP * u32::try_from(steps).expect("it is small");
    if number % 5 == 4 {
        let within = Duration::from_millis(number * 37 % START_TAKES);
        (Duration::ZERO, within)
    } else if step > SKEW_STEPS {
        (skew(step - SKEW_STEPS), Duration::ZERO)
    } else {
        (Duration::ZERO, skew(step))
    }
}

async fn race(scene: &Scene, docker: &Docker, folder: &Path, number: u64) -> Won {
    let script = format!("echo ran > /mnt/{number}; exec sleep 1000");
    let spec = JobSpec {
        mounts: vec![Mount {
            kind: MountKind::Bind,
            source: Some(folder.to_str().expect("its path is text").to_owned()),
            target: "/mnt".to_owned(),
            read_only: false,
        }],
        user: Some("0".to_owned()),
        ..scene.shell(&script)
    };
    let id = scene.create(&scene.request(spec)).await.0;
    let (start_waits, removal_waits) = waits(number);
    let start = async {
        sleep(start_waits).await;
        let options = None::<StartContainerOptions>;
        docker.start_container(&id, options).await
    };
    let remove = async {
        sleep(removal_waits).await;
        let options = None::<RemoveContainerOptions>; // without force
        docker.remove_container(&id, options).await
    };
    let (started, removed) = tokio::join!(start, remove);
    let found = docker.inspect_container(&id, None::<InspectContainerOptions>);
    let found = found.await;
    let ran = folder.join(number.to_string()).exists();
    let said = format!("race {number}: start {started:?}, removal {removed:?}, ran: {ran}");
    if removed.is_ok() {
        assert!(started.is_err(), "{said}");
        assert!(is_absent(&found.map(drop)), "{said}");
        assert!(!ran, "{said}");
        return Won::Removal;
    }
    let running = found.ok().and_then(|found| found.state?.running);
    let options = RemoveContainerOptionsBuilder::new().force(true).build();
    let cleared = docker.remove_container(&id, Some(options)).await;
    assert!(
        cleared.is_ok() || is_absent(&cleared),
        "{said}: {cleared:?}"
    );
    if started.is_ok() {
        assert_eq!(running, Some(true), "{said}");
        Won::Start
    } else {
        Won::Neither
    }
}

fn is_absent(answer: &Result<(), EngineError>) -> bool {
    let Err(EngineError::DockerResponseServerError { status_code, .. }) = answer else {
        return false;
    };
    *status_code == 404
}

#[test]
fn a_container_that_was_removed_without_force_never_runs() {
    let races = std::env::var("LONGSHORE_TEST_RACES").ok();
    let races = races.map_or(USUAL_RACES, |text| text.parse().expect("a number"));
    let folder = tempfile::tempdir().expect("a folder of our own");
    let allow = AllowList {
        bind_prefixes: vec![folder.path().display().to_string()],
        ..AllowList::default()
    };
    on_an_engine_with(
        |containers| containers.allowing(allow),
        async |containers, scene| {
            let docker = containers.client();
            let all = stream::iter(0..races)
                .map(|number| race(scene, &docker, folder.path(), number))
                .buffer_unordered(AT_ONCE)
                .collect::<Vec<_>>();
            let won = all.await;
            let count = |who| won.iter().filter(|won| **won == who).count();
            let (start, removal) = (count(Won::Start), count(Won::Removal));
            let neither = count(Won::Neither);
            // Seen by whoever runs it, as a measurement is.
            let line =
                format!("{races} races: start {start}, removal {removal}, neither {neither}\n");
            let written = std::io::stderr().write_all(line.as_bytes());
            written.expect("standard error can be written to");
            assert!(start > 0 && removal > 0, "no race: {line}");
        },
    );
}
