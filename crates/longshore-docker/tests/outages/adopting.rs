//! What another worker finds of a job whose engine went away, before it takes it over or after.

use std::sync::Arc;

use longshore_core::classify::ErrorClass;
use longshore_core::executor::{Executor, Fate, Phase};
use longshore_testkit::executor::scene::{Launched, Scene, in_time};
use tokio::time::timeout;

use super::{RESTART, end_of, lost, on_its_own_engine};
use futures_util::StreamExt as _;
use longshore_core::output::{ResumePoint, Stream};

/// A line every tenth of a second, for so long.
fn ticking(lines: u32) -> String {
    format!("i=0; while [ $i -lt {lines} ]; do i=$((i+1)); echo $i; sleep 0.1; done; exit 7")
}

async fn identity(executor: &Arc<dyn Executor>) -> String {
    let host = in_time("host", executor.host()).await;
    host.expect("the engine answers").identity
}

async fn adopt(scene: &Scene, launched: &Launched, from: Option<&ResumePoint>) -> Launched {
    let executor = scene.another_executor();
    let watch = in_time("watch", executor.watch(&launched.handle, from)).await;
    let watch = watch.expect("it is there");
    Launched {
        handle: launched.handle.clone(),
        identity: launched.identity.clone(),
        output: watch.output,
        end: watch.end,
    }
}

/// Everything up to the end: standard output, and what is said of it at last.
async fn read_out(launched: &mut Launched) -> (String, Option<String>) {
    let (mut text, mut problem) = (Vec::new(), None);
    let read = async {
        while let Some(next) = launched.output.next().await {
            match next {
                Ok(chunk) if chunk.stream == Stream::Stdout => text.extend(chunk.bytes),
                Ok(_) => {}
                Err(error) => problem = Some(error.to_string()),
            }
        }
    };
    let read = timeout(RESTART, read).await;
    read.unwrap_or_else(|_late| panic!("waited {RESTART:?} in vain: the output"));
    (String::from_utf8_lossy(&text).into_owned(), problem)
}

#[test]
fn nothing_is_concluded_of_a_job_while_its_engine_is_away_and_its_end_is_not_its_own() {
    on_its_own_engine("", async |engine, scene| {
        let mut launched = scene.launch(scene.shell("echo on; sleep 1000")).await;
        let created = scene.prepare(scene.shell("echo ran")).await;
        launched.await_line().await;
        let other = scene.another_executor();
        let host = identity(&other).await;
        let fate = async |of: &Launched| {
            let asked = other.fate(&of.handle, &of.identity, &host);
            in_time("fate", asked).await
        };
        engine.end_by("KILL").await;
        for of in [&launched, &created] {
            let error = fate(of).await.expect_err("nobody answers");
            assert_eq!(error.class, ErrorClass::Transient, "{error}");
        }
        engine.start_again().await;
        assert_eq!(fate(&launched).await.expect("it answers"), Fate::Exited);
        assert_eq!(fate(&created).await.expect("it answers"), Fate::Created);
        assert_eq!(identity(&other).await, host);
        // Whoever takes it over hears what its own worker hears.
        let problem = lost(adopt(scene, &launched, None).await).await;
        assert!(problem.contains("restarted"), "{problem}");
        let problem = lost(launched).await;
        assert!(problem.contains("restarted"), "{problem}");
    });
}

#[test]
fn a_job_that_its_engine_let_live_is_adopted_and_what_it_wrote_meanwhile_is_said_to_be_missing() {
    on_its_own_engine("--live-restore", async |engine, scene| {
        let mut launched = scene.launch(scene.shell(&ticking(80))).await;
        launched.await_output("10\n").await;
        engine.end_by("KILL").await;
        // An outage that lasts: the job writes on meanwhile, and how much decides nothing.
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        engine.start_again().await;
        let mut adopted = adopt(scene, &launched, None).await;
        let (of_watcher, of_adopter) =
            tokio::join!(read_out(&mut launched), read_out(&mut adopted));
        for ((text, problem), who) in [(of_watcher, "watcher"), (of_adopter, "adopter")] {
            assert!(text.ends_with("80\n"), "{who}: {text}");
            let problem = problem.unwrap_or_else(|| panic!("{who}: nothing is said: {text}"));
            assert!(problem.contains("may be missing"), "{who}: {problem}");
            let times: Vec<_> = problem
                .split_ascii_whitespace()
                .filter_map(|word| word.parse::<longshore_core::Timestamp>().ok())
                .collect();
            assert!(times.len() == 2 && times[0] < times[1], "{who}: {problem}");
        }
        for watch in [launched, adopted] {
            let ended = end_of(watch).await.expect("it is the job's own");
            assert_eq!(ended.exit.code, Some(7));
        }
    });
}

#[test]
fn an_engine_that_nobody_can_reach_for_a_while_loses_nothing_and_nothing_is_said() {
    on_its_own_engine("--live-restore", async |engine, scene| {
        let mut launched = scene.launch(scene.shell(&ticking(60))).await;
        launched.await_output("5\n").await;
        let other = scene.another_executor();
        let host = identity(&other).await;
        engine.hide_socket();
        let asked = other.fate(&launched.handle, &launched.identity, &host);
        let error = in_time("fate", asked).await.expect_err("nobody answers");
        assert_eq!(error.class, ErrorClass::Transient, "{error}");
        // An outage that lasts: the time that passes is what is tested, and no verdict hangs on its length.
        tokio::time::sleep(std::time::Duration::from_secs(3)).await;
        engine.show_socket();
        let mut adopted = adopt(scene, &launched, None).await;
        let (of_watcher, of_adopter) =
            tokio::join!(read_out(&mut launched), read_out(&mut adopted));
        let lines: Vec<_> = (1..=60).map(|line| line.to_string()).collect();
        let whole = lines.join("\n") + "\n";
        assert_eq!(of_adopter, (whole.clone(), None));
        let (text, problem) = of_watcher;
        assert!(whole.ends_with(&text) && problem.is_none(), "{problem:?}");
        for watch in [launched, adopted] {
            let ended = end_of(watch).await.expect("it is the job's own");
            assert_eq!(ended.exit.code, Some(7));
        }
    });
}

#[test]
fn a_container_that_was_never_started_is_made_anew_after_its_engine_was_killed() {
    on_its_own_engine("", async |engine, scene| {
        let request = scene.request(scene.shell("echo ran"));
        let first = scene.create(&request).await;
        engine.end_by("KILL").await;
        engine.start_again().await;
        let started = in_time("start", scene.executor.start(&first)).await;
        let error = started.expect_err("an end under another run would not be believed");
        assert_eq!(error.class, ErrorClass::Transient, "{error}");
        let second = scene.create(&request).await;
        let launched = scene.watch(second.clone(), request.identity).await;
        scene.start(&second).await;
        assert_eq!(launched.finish().await.text(), "ran\n");
        assert_eq!(scene.phase(&second).await, Some(Phase::Exited));
        assert_eq!(scene.list().await.len(), 1);
    });
}
