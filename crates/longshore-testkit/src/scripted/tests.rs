//! The scripted executor keeps to its own script.

use std::time::Duration;

use futures_util::StreamExt;
use longshore_core::attempt::Usage;
use longshore_core::executor::{ContainerIdentity, Ended, Ensured, Executor, Fate, Watch};
use longshore_core::output::{ResumePoint, Stream};
use longshore_core::{InstanceId, JobSpec};

use super::*;

fn request(job: i64, token: i64) -> LaunchRequest {
    LaunchRequest {
        identity: ContainerIdentity {
            instance: InstanceId("test".to_owned()),
            job: JobId(job),
            attempt: AttemptNumber(1),
            token: Token(token),
        },
        spec: JobSpec::process(["true"]),
        env: BTreeMap::new(),
    }
}

async fn created(executor: &ScriptedExecutor, job: i64) -> Handle {
    match executor.ensure(&request(job, 1)).await.expect("ensure") {
        Ensured::Created(handle) => handle,
        other => panic!("expected a new container, got {other:?}"),
    }
}

async fn launched(executor: &ScriptedExecutor, job: i64) -> (Handle, Watch) {
    let handle = created(executor, job).await;
    let watch = executor.watch(&handle, None).await.expect("watch");
    executor.start(&handle).await.expect("start");
    (handle, watch)
}

#[tokio::test]
async fn a_job_writes_and_ends_as_its_script_says() {
    let usage = Usage {
        cpu_micros: Some(5),
        peak_memory_bytes: None,
    };
    let executor = ScriptedExecutor::scripted(move |_| {
        Script::exits(3)
            .writing(Stream::Stdout, "one")
            .writing(Stream::Stderr, "two")
            .using(usage)
    });
    let (handle, watch) = launched(&executor, 1).await;
    assert_eq!(
        watch.end.await.expect("it ends"),
        Ended {
            exit: Exit::with_code(3),
            usage
        }
    );
    let output: Vec<_> = watch
        .output
        .map(|chunk| chunk.expect("a chunk").bytes)
        .collect()
        .await;
    assert_eq!(output, [b"one".to_vec(), b"two".to_vec()]);
    let rest = executor
        .watch(&handle, Some(&ResumePoint("1".to_owned())))
        .await
        .expect("watch");
    let rest: Vec<_> = rest
        .output
        .map(|chunk| chunk.expect("a chunk").bytes)
        .collect()
        .await;
    assert_eq!(rest, [b"two".to_vec()], "from where it left off");
}

#[tokio::test]
async fn live_jobs_are_witnessed_at_every_instant() {
    let executor = ScriptedExecutor::run_until_released();
    for job in 1..=3 {
        launched(&executor, job).await;
    }
    assert_eq!((executor.live().len(), executor.max_live()), (3, 3));
    executor.release(JobId(2));
    executor.wait_until_live(2).await;
    assert!(executor.live().iter().all(|run| run.job != JobId(2)));
    launched(&executor, 4).await;
    executor.release_all();
    executor.wait_until_live(0).await;
    assert_eq!(executor.max_live(), 3);
    let starts: Vec<_> = executor.starts().iter().map(|run| run.job.0).collect();
    assert_eq!(starts, [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_launch_fails_where_its_script_says() {
    let executor = ScriptedExecutor::scripted(|request| match request.identity.job.0 {
        1 => Script::cannot_be_created(ErrorClass::Permanent, "no such image"),
        _ => Script::cannot_start(ErrorClass::Transient, "engine busy"),
    });
    let refused = executor
        .ensure(&request(1, 1))
        .await
        .expect_err("it can't be created");
    assert_eq!(refused.class, ErrorClass::Permanent);
    let handle = created(&executor, 2).await;
    let refused = executor.start(&handle).await.expect_err("it can't start");
    assert!(refused.is_transient());
    assert_eq!(executor.max_live(), 0);
    executor.forget(&handle).await.expect("it never ran");
}

#[tokio::test]
async fn a_second_start_is_refused_and_noted() {
    let executor = ScriptedExecutor::run_until_released();
    let (handle, _watch) = launched(&executor, 1).await;
    executor.start(&handle).await.expect_err("a second start");
    let misuse = |happening: &Happening| matches!(happening, Happening::Misuse(..));
    assert_eq!(
        executor
            .happenings()
            .iter()
            .filter(|happening| misuse(happening))
            .count(),
        1
    );
    assert_eq!(executor.starts().len(), 1);
}

#[tokio::test]
async fn an_attempts_container_is_found_again_by_later_tokens_only() {
    let executor = ScriptedExecutor::run_until_released();
    let first = created(&executor, 1).await;
    let Ensured::Created(second) = executor.ensure(&request(1, 2)).await.expect("ensure") else {
        panic!("one that never ran is created anew");
    };
    assert_ne!(first, second);
    assert_eq!(
        executor.ensure(&request(1, 1)).await.expect("ensure"),
        Ensured::Superseded
    );
    executor.start(&second).await.expect("start");
    let running = executor.ensure(&request(1, 3)).await.expect("ensure");
    assert_eq!(running, Ensured::Running(second.clone()));
    executor.forget(&second).await.expect_err("it runs");
    executor.release(JobId(1));
    executor.wait_until_live(0).await;
    let exited = executor.ensure(&request(1, 3)).await.expect("ensure");
    assert_eq!(exited, Ensured::Exited(second.clone()));
    executor.forget(&second).await.expect("it has ended");
    assert_eq!(
        executor
            .list(&InstanceId("test".to_owned()))
            .await
            .expect("list"),
        []
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_that_ignores_term_is_killed_after_its_grace() {
    let executor = ScriptedExecutor::scripted(|request| match request.identity.job.0 {
        1 => Script::runs_until_released(),
        _ => Script::runs_until_released().ignoring_term(),
    });
    for (job, signal, waited) in [(1, 15, 0), (2, 9, 10)] {
        let (handle, watch) = launched(&executor, job).await;
        let began = tokio::time::Instant::now();
        executor
            .stop(&handle, Duration::from_secs(10))
            .await
            .expect("stop");
        assert_eq!(began.elapsed().as_secs(), waited);
        assert_eq!(
            watch.end.await.expect("it ended").exit,
            Exit::by_signal(signal)
        );
    }
}

#[tokio::test]
async fn gates_hold_a_launch_where_they_stand() {
    let (create, start, end) = (Gate::closed(), Gate::closed(), Gate::closed());
    let executor = {
        let gates = (create.clone(), start.clone(), end.clone());
        ScriptedExecutor::scripted(move |_| {
            let (create, start, end) = gates.clone();
            Script::exits(0)
                .created_behind(create)
                .starts_behind(start)
                .ends_behind(end)
        })
    };
    let launching = tokio::spawn({
        let executor = executor.clone();
        async move {
            launched(&executor, 1)
                .await
                .1
                .end
                .await
                .expect("it ends")
                .exit
        }
    });
    assert_eq!(executor.happenings(), []);
    create.open();
    executor
        .wait_until(|executor| executor.happenings().len() == 1)
        .await;
    assert_eq!(executor.max_live(), 0);
    start.open();
    executor.wait_until_live(1).await;
    end.open();
    assert_eq!(
        launching.await.expect("it is not cancelled"),
        Exit::with_code(0)
    );
}

#[tokio::test]
async fn a_container_stopped_before_its_start_never_runs() {
    let executor = ScriptedExecutor::new();
    let handle = created(&executor, 1).await;
    executor
        .stop(&handle, Duration::ZERO)
        .await
        .expect("nothing of it runs");
    assert!(executor.start(&handle).await.is_err());
    assert!(executor.starts().is_empty());
}

#[tokio::test]
async fn a_container_forgotten_while_its_start_is_on_its_way_never_runs() {
    let gate = Gate::closed();
    let held = gate.clone();
    let executor =
        ScriptedExecutor::scripted(move |_| Script::exits(0).starts_behind(held.clone()));
    let handle = created(&executor, 1).await;
    let starting = {
        let (executor, handle) = (executor.clone(), handle.clone());
        tokio::spawn(async move { executor.start(&handle).await })
    };
    tokio::task::yield_now().await;
    executor.forget(&handle).await.expect("it never ran");
    gate.open();
    assert!(starting.await.expect("no panic").is_err());
    assert!(executor.live().is_empty());
    assert!(executor.starts().is_empty());
}

#[tokio::test]
async fn the_fate_of_a_container_is_told_in_each_phase_and_of_another_hosts_nothing() {
    let executor = ScriptedExecutor::run_until_released();
    let host = executor.host().await.expect("host").identity;
    let identity = request(1, 1).identity;
    let handle = created(&executor, 1).await;
    let fate = async |host: &str| {
        let fate = executor.fate(&handle, &identity, host).await;
        fate.expect("fate")
    };
    assert_eq!(fate(&host).await, Fate::Created);
    executor.start(&handle).await.expect("start");
    assert_eq!(fate(&host).await, Fate::Running);
    assert!(matches!(fate("elsewhere").await, Fate::Unknown(_)));
    let stopped = executor.stop(&handle, Duration::ZERO).await;
    stopped.expect("stop");
    assert_eq!(fate(&host).await, Fate::Exited);
    executor.forget(&handle).await.expect("forget");
    assert_eq!(fate(&host).await, Fate::Gone);
}
