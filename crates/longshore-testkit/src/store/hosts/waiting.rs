//! How hosts hold jobs up, in words.

use std::collections::BTreeMap;

use longshore_core::host::{Capacity, HostChange, HostFacts};
use longshore_core::queue::{NewQueue, QueueChange};
use longshore_core::state::TerminalState;
use longshore_core::store::NewWorker;
use longshore_core::waiting::WhyWaiting;
use longshore_core::{HostId, JobId, JobSpec};

use super::{bound, demand, enable, leases, slots};
use crate::store::StoreHarness;
use crate::store::scene::{QUEUE, Scene, host_facts, new_queue, new_worker};
use crate::store::seed::Seed;

/// What the scene's host is called.
const FIRST: &str = "machine-1.example";
const SECOND: &str = "machine-2.example";

async fn why(scene: &Scene, job: JobId) -> WhyWaiting {
    scene.show(job).await.why_waiting.expect("it waits")
}

fn in_line() -> WhyWaiting {
    WhyWaiting::InLine {
        queue: QUEUE.to_owned(),
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// A scene whose worker launches on its host and on a second one.
async fn on_two_hosts(h: &dyn StoreHarness) -> (Scene, HostId) {
    let scene = Scene::open(h).await;
    let second = scene.store.register_host(&host_facts("machine-2")).await;
    let second = second.expect("a host");
    let both = [scene.host, second];
    let queues = [scene.queue.id];
    let set = scene.store.set_worker_reach(scene.worker, &both, &queues);
    let set = set.await;
    set.expect("a known worker");
    (scene, second)
}

async fn change(scene: &Scene, host: HostId, change: HostChange) {
    let changed = scene.store.change_host(host, &change).await;
    changed.expect("a known host");
}

async fn fall_ill(scene: &Scene, host: HostId, problem: &str) {
    let noted = scene.store.note_host_problem(host, problem).await;
    noted.expect("a known host");
}

fn disabled() -> HostChange {
    HostChange {
        enabled: Some(false),
        ..HostChange::default()
    }
}

pub async fn a_job_whose_hosts_are_all_disabled_says_so(h: &dyn StoreHarness) {
    let (scene, second) = on_two_hosts(h).await;
    let job = scene.submit(Seed::job()).await;
    assert_eq!(why(&scene, job).await, in_line());
    change(&scene, second, disabled()).await;
    assert_eq!(why(&scene, job).await, in_line(), "one is left");
    enable(&scene, false).await;
    let hosts = names(&[FIRST, SECOND]);
    assert_eq!(why(&scene, job).await, WhyWaiting::HostsDisabled { hosts });
    enable(&scene, true).await;
    assert_eq!(why(&scene, job).await, in_line());
}

pub async fn a_job_whose_hosts_cannot_be_reached_says_so_and_why(h: &dyn StoreHarness) {
    let (scene, second) = on_two_hosts(h).await;
    let job = scene.submit(Seed::job()).await;
    fall_ill(&scene, scene.host, "connection refused").await;
    assert_eq!(why(&scene, job).await, in_line(), "one is left");
    fall_ill(&scene, second, "no route").await;
    let hosts = names(&[
        "machine-1.example: connection refused",
        "machine-2.example: no route",
    ]);
    let unreachable = WhyWaiting::HostsUnreachable { hosts };
    assert_eq!(why(&scene, job).await, unreachable);
    // One that gets no jobs anyway is not what they wait for.
    change(&scene, second, disabled()).await;
    let hosts = names(&["machine-1.example: connection refused"]);
    let unreachable = WhyWaiting::HostsUnreachable { hosts };
    assert_eq!(why(&scene, job).await, unreachable);
    let met = scene.store.register_host(&host_facts("machine-1")).await;
    met.expect("a host");
    assert_eq!(why(&scene, job).await, in_line());
}

pub async fn a_job_that_no_host_has_room_for_says_what_each_lacks(h: &dyn StoreHarness) {
    let (scene, second) = on_two_hosts(h).await;
    bound(&scene, slots(1)).await;
    let small = HostChange {
        memory_bytes: Some(Some(4 << 20)),
        ..HostChange::default()
    };
    change(&scene, second, small).await;
    let runs = leases(&scene, 1).await[0];
    scene.start_on(runs, demand(0, 0)).await;
    let large = JobSpec {
        memory: Some(8 << 20),
        ..JobSpec::process(["true"])
    };
    let large = scene.submit(Seed::of(large)).await;
    let plain = scene.submit(Seed::job()).await;
    let hosts = names(&[
        "machine-1.example: all 1 slots are taken",
        "machine-2.example: 4 MiB of 4 MiB of memory are free and the job asks for 8 MiB",
    ]);
    assert_eq!(why(&scene, large).await, WhyWaiting::HostsFull { hosts });
    assert_eq!(why(&scene, plain).await, in_line(), "it fits the second");
    scene.settle(runs, TerminalState::Completed).await;
    assert_eq!(why(&scene, large).await, in_line());
}

pub async fn a_job_says_what_of_its_cpus_a_host_lacks(h: &dyn StoreHarness) {
    let (scene, second) = on_two_hosts(h).await;
    change(&scene, second, disabled()).await;
    let two = Capacity {
        millicpus: Some(2000),
        ..Capacity::default()
    };
    bound(&scene, two).await;
    let runs = leases(&scene, 1).await[0];
    scene.start_on(runs, demand(0, 500)).await;
    let wide = JobSpec {
        cpus: Some(1.75),
        ..JobSpec::process(["true"])
    };
    let wide = scene.submit(Seed::of(wide)).await;
    let hosts = names(&["machine-1.example: 1.5 of 2 CPUs are free and the job asks for 1.75"]);
    assert_eq!(why(&scene, wide).await, WhyWaiting::HostsFull { hosts });
}

pub async fn only_hosts_of_workers_that_would_take_the_job_hold_it_up(h: &dyn StoreHarness) {
    let (scene, second) = on_two_hosts(h).await;
    let job = scene.submit(Seed::job()).await;
    enable(&scene, false).await;
    change(&scene, second, disabled()).await;
    let third = scene.store.register_host(&host_facts("machine-3")).await;
    let third = third.expect("a host");
    let with_third = NewWorker {
        hosts: vec![third],
        ..new_worker(&[scene.queue.id])
    };
    let another = scene.store.create_queue(&new_queue("another")).await;
    let elsewhere = NewWorker {
        queues: vec![another.expect("a new name").id],
        ..with_third.clone()
    };
    let other = scene.store.register_worker(&elsewhere).await;
    other.expect("a worker");
    let held_up = WhyWaiting::HostsDisabled {
        hosts: names(&[FIRST, SECOND]),
    };
    assert_eq!(why(&scene, job).await, held_up, "it serves another queue");
    let helper = scene.store.register_worker(&with_third).await;
    let helper = helper.expect("a worker");
    assert_eq!(why(&scene, job).await, in_line(), "the third is well");
    scene.store.drain_worker(helper).await.expect("known");
    assert_eq!(why(&scene, job).await, held_up, "it takes nothing more");
    let helper = scene.store.register_worker(&with_third).await;
    let helper = helper.expect("a worker");
    assert_eq!(why(&scene, job).await, in_line(), "another has come");
    scene.store.stop_worker(helper).await.expect("known");
    assert_eq!(why(&scene, job).await, held_up, "it is gone");
}

pub async fn only_hosts_of_the_queues_executor_and_labels_hold_its_jobs_up(h: &dyn StoreHarness) {
    let mut scene = Scene::open(h).await;
    let select = BTreeMap::from([("zone".to_owned(), "eu".to_owned())]);
    let new = NewQueue {
        host_selector: select,
        ..new_queue("eu")
    };
    scene.queue = scene.store.create_queue(&new).await.expect("a new name");
    let engine = HostFacts {
        executor: "docker".to_owned(),
        ..host_facts("engine")
    };
    let engine = scene.store.register_host(&engine).await.expect("a host");
    let second = scene.store.register_host(&host_facts("machine-2")).await;
    let second = second.expect("a host");
    let worker = NewWorker {
        hosts: vec![scene.host, second, engine],
        ..new_worker(&[scene.queue.id])
    };
    scene.store.register_worker(&worker).await.expect("known");
    for (host, zone) in [(scene.host, "us"), (second, "eu"), (engine, "eu")] {
        let labels = BTreeMap::from([("zone".to_owned(), Some(zone.to_owned()))]);
        let label = HostChange {
            labels,
            ..HostChange::default()
        };
        change(&scene, host, label).await;
    }
    let job = scene.submit(Seed::job()).await;
    let in_line = WhyWaiting::InLine {
        queue: "eu".to_owned(),
    };
    assert_eq!(why(&scene, job).await, in_line);
    // Neither the one of another zone nor the engine is a place for it.
    change(&scene, second, disabled()).await;
    let hosts = names(&[SECOND]);
    assert_eq!(why(&scene, job).await, WhyWaiting::HostsDisabled { hosts });
}

pub async fn labels_that_no_host_of_the_workers_carries_hold_a_job_up(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let worker = NewWorker {
        hosts: vec![scene.host],
        ..new_worker(&[scene.queue.id])
    };
    scene.store.register_worker(&worker).await.expect("known");
    let job = scene.submit(Seed::job()).await;
    let in_line = WhyWaiting::InLine {
        queue: scene.queue.name.clone(),
    };
    assert_eq!(why(&scene, job).await, in_line);
    let select = |zone: Option<&str>| QueueChange {
        host_selector: [("zone".to_owned(), zone.map(str::to_owned))].into(),
        ..QueueChange::default()
    };
    let name = &scene.queue.name;
    let changed = scene.store.change_queue(name, &select(Some("eu"))).await;
    changed.expect("known");
    let nowhere = WhyWaiting::NoHostFits {
        queue: name.clone(),
        labels: vec!["zone=eu".to_owned()],
    };
    assert_eq!(why(&scene, job).await, nowhere);
    let label = HostChange {
        labels: [("zone".to_owned(), Some("eu".to_owned()))].into(),
        ..HostChange::default()
    };
    change(&scene, scene.host, label).await;
    assert_eq!(why(&scene, job).await, in_line);
    let changed = scene.store.change_queue(name, &select(Some("us"))).await;
    changed.expect("known");
    assert!(matches!(
        why(&scene, job).await,
        WhyWaiting::NoHostFits { .. }
    ));
    let changed = scene.store.change_queue(name, &select(None)).await;
    changed.expect("known");
    assert_eq!(why(&scene, job).await, in_line);
}
