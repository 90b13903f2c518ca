//! After a worker's jobs are over nothing of them is left in it. Alone in its process: it counts
//! all of this process's children and descriptors.

mod support;

use std::fs;
use std::time::Duration;

use futures_util::future::join_all;
use longshore_testkit::executor::scene::Scene;

use support::scene;

#[tokio::test]
async fn no_process_no_zombie_and_no_descriptor_is_left() {
    let scene = scene();
    every_kind_of_life(&scene).await; // the runtime makes what it needs only once
    scene.clear().await;
    let before = descriptors();
    for _ in 0..3 {
        every_kind_of_life(&scene).await;
        scene.clear().await;
        assert_eq!(children(), Vec::<String>::new());
    }
    assert_eq!(descriptors(), before);
}

async fn every_kind_of_life(scene: &Scene) {
    join_all((0..10).map(|code| async move {
        let ended = scene
            .run(scene.shell(&format!("echo $$; exit {code}")))
            .await;
        assert_eq!(ended.code(), code);
        scene
            .run(scene.shell("sleep 1000 & (setsid sleep 1000 &) ; exit 0"))
            .await;
        scene
            .fail_to_start(scene.command(&["/no/such/program"]))
            .await;
        let created = scene.prepare(scene.shell(":")).await;
        scene.forget(&created.handle).await;
        let stopped = scene.launch(scene.shell("exec sleep 1000")).await;
        scene.stop(&stopped.handle, Duration::from_mins(1)).await;
        scene.prepare(scene.shell(":")).await; // left to be cleared
    }))
    .await;
}

/// All children of this process, zombies too, as `/proc` shows them.
fn children() -> Vec<String> {
    let me = format!(" {} ", std::process::id());
    let processes = fs::read_dir("/proc").expect("this machine has /proc");
    processes
        .filter_map(|process| fs::read_to_string(process.ok()?.path().join("stat")).ok())
        // "pid (name) state parent …"
        .filter(|stat| {
            stat.rsplit_once(") ")
                .is_some_and(|(_, rest)| rest[1..].starts_with(&me))
        })
        .collect()
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd")
        .expect("this machine has /proc")
        .count()
}
