//! What people and workers say of hosts: kept apart from what is said by the other, field by field.

use std::collections::BTreeMap;

use longshore_core::host::{Capacity, Host, HostChange};
use longshore_core::store::NewWorker;
use longshore_core::{HostId, WorkerId};

use super::{change, host, refused_field};
use crate::store::StoreHarness;
use crate::store::race::all_at_once;
use crate::store::scene::{Scene, host_facts, new_worker};

fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    owned.collect()
}

fn relabel(pairs: &[(&str, Option<&str>)]) -> HostChange {
    let owned = pairs
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned)));
    HostChange {
        labels: owned.collect(),
        ..HostChange::default()
    }
}

pub async fn a_new_host_is_enabled_well_and_without_bounds(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let new = host(&scene, scene.host).await;
    assert_eq!(new.capacity, Capacity::default());
    assert_eq!((new.enabled, new.weight), (true, 1));
    assert_eq!((&new.problem, &new.labels), (&None, &labels(&[])));
    let now = scene.store.now().await.expect("now");
    assert!(new.last_seen_at.duration_since(now).abs().as_secs() < 60);
}

/// What a change makes of a host.
type Expect = fn(&mut Host);

pub async fn each_field_of_a_host_changes_alone_and_stays(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let twin = scene.twin(h).await;
    let mut expected = host(&scene, scene.host).await;
    let none = HostChange::default;
    let steps: [(HostChange, Expect); 12] = [
        (none(), |_| {}),
        (
            HostChange {
                enabled: Some(false),
                ..none()
            },
            |host| host.enabled = false,
        ),
        (
            HostChange {
                weight: Some(-7),
                ..none()
            },
            |host| host.weight = -7,
        ),
        (
            relabel(&[("zone", Some("eu")), ("gpu", Some(""))]),
            |host| {
                host.labels = labels(&[("zone", "eu"), ("gpu", "")]);
            },
        ),
        (relabel(&[("zone", Some("us")), ("gpu", None)]), |host| {
            host.labels = labels(&[("zone", "us")]);
        }),
        (
            relabel(&[("none", None), ("disk", Some("a'b\"ü"))]),
            |host| {
                host.labels = labels(&[("zone", "us"), ("disk", "a'b\"ü")]);
            },
        ),
        (
            HostChange {
                slots: Some(Some(i32::MAX as u32)),
                ..none()
            },
            |host| host.capacity.slots = Some(i32::MAX as u32),
        ),
        (
            HostChange {
                memory_bytes: Some(Some(Capacity::MAX)),
                ..none()
            },
            |host| host.capacity.memory_bytes = Some(Capacity::MAX),
        ),
        (
            HostChange {
                millicpus: Some(Some(0)),
                ..none()
            },
            |host| host.capacity.millicpus = Some(0),
        ),
        (
            HostChange {
                slots: Some(None),
                millicpus: Some(Some(1500)),
                ..none()
            },
            |host| {
                host.capacity.slots = None;
                host.capacity.millicpus = Some(1500);
            },
        ),
        (
            HostChange {
                enabled: Some(true),
                memory_bytes: Some(None),
                millicpus: Some(None),
                ..none()
            },
            |host| {
                host.enabled = true;
                host.capacity = Capacity::default();
            },
        ),
        (none(), |_| {}),
    ];
    for (step, expect) in steps {
        expect(&mut expected);
        assert_eq!(change(&scene, step.clone()).await, expected, "{step:?}");
        assert_eq!(host(&twin, scene.host).await, expected, "{step:?}");
    }
}

pub async fn a_change_of_one_host_changes_no_other(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let other = scene.store.register_host(&host_facts("machine-2")).await;
    let other = other.expect("a host");
    let before = host(&scene, other).await;
    let all = HostChange {
        enabled: Some(false),
        weight: Some(3),
        slots: Some(Some(1)),
        memory_bytes: Some(Some(1)),
        millicpus: Some(Some(1)),
        ..relabel(&[("a", Some("b"))])
    };
    change(&scene, all).await;
    let problem = scene.store.note_host_problem(scene.host, "gone").await;
    problem.expect("a known host");
    assert_eq!(host(&scene, other).await, before);
}

pub async fn a_change_that_not_every_store_could_keep_is_refused_by_field(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let before = host(&scene, scene.host).await;
    let fine = || HostChange {
        weight: Some(5),
        ..HostChange::default()
    };
    let long = "x".repeat(201);
    for (field, bad) in [
        (
            "slots",
            HostChange {
                slots: Some(Some(i32::MAX as u32 + 1)),
                ..fine()
            },
        ),
        (
            "memory",
            HostChange {
                memory_bytes: Some(Some(Capacity::MAX + 1)),
                ..fine()
            },
        ),
        (
            "cpus",
            HostChange {
                millicpus: Some(Some(u64::MAX)),
                ..fine()
            },
        ),
        (
            "label",
            HostChange {
                weight: Some(5),
                ..relabel(&[("No Name", Some("x"))])
            },
        ),
        (
            "label",
            HostChange {
                weight: Some(5),
                ..relabel(&[("a", Some("\0"))])
            },
        ),
        (
            "label",
            HostChange {
                weight: Some(5),
                ..relabel(&[("a", Some(&long))])
            },
        ),
    ] {
        let answer = scene.store.change_host(scene.host, &bad).await;
        assert_eq!(refused_field(answer), field, "{bad:?}");
    }
    assert_eq!(host(&scene, scene.host).await, before);
}

pub async fn twins_that_set_labels_of_a_host_set_them_all(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let mut stores = vec![];
    for _ in 0..4 {
        stores.push(h.open().await);
    }
    let id = scene.host;
    let numbered = stores.into_iter().enumerate();
    all_at_once(numbered, |(number, store)| async move {
        for step in 0..5 {
            let key = format!("k{number}.{step}");
            let label = relabel(&[(&key, Some("x"))]);
            store.change_host(id, &label).await.expect("a known host");
        }
    })
    .await;
    assert_eq!(host(&scene, id).await.labels.len(), 20);
}

pub async fn meeting_a_host_again_keeps_what_people_said_of_it(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let said = HostChange {
        enabled: Some(false),
        weight: Some(9),
        slots: Some(Some(4)),
        memory_bytes: Some(Some(5)),
        millicpus: Some(Some(6)),
        ..relabel(&[("zone", Some("eu"))])
    };
    let before = change(&scene, said).await;
    let again = scene.store.register_host(&host_facts("machine-1")).await;
    assert_eq!(again.expect("a host"), scene.host, "the same one");
    let mut after = host(&scene, scene.host).await;
    assert!(after.last_seen_at >= before.last_seen_at);
    after.last_seen_at = before.last_seen_at;
    assert_eq!(after, before);
}

pub async fn a_problem_is_kept_until_the_host_is_met_again(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let before = host(&scene, scene.host).await;
    for problem in ["connection refused", "it's \"gone\": ünreachable"] {
        let noted = scene.store.note_host_problem(scene.host, problem).await;
        noted.expect("a known host");
        let ill = host(&scene, scene.host).await;
        assert_eq!(ill.problem.as_deref(), Some(problem), "the newest");
        assert_eq!(ill.last_seen_at, before.last_seen_at, "it was not seen");
        assert!(ill.enabled, "that is for people to say");
    }
    let changed = change(&scene, HostChange::default()).await;
    assert!(changed.problem.is_some(), "people can't mend it by a word");
    let met = scene.store.register_host(&host_facts("machine-1")).await;
    met.expect("a host");
    let well = host(&scene, scene.host).await;
    assert_eq!(well.problem, None);
    assert!(well.last_seen_at >= before.last_seen_at);
}

pub async fn an_unknown_host_can_neither_change_nor_have_a_problem(h: &dyn StoreHarness) {
    let store = h.open().await;
    let nowhere = HostId(i64::MAX);
    let changed = store.change_host(nowhere, &HostChange::default()).await;
    assert_eq!(refused_field(changed), "host");
    let noted = store.note_host_problem(nowhere, "gone").await;
    assert_eq!(refused_field(noted), "host");
    assert_eq!(store.hosts().await.expect("hosts"), []);
}

pub async fn a_worker_says_which_hosts_it_launches_on_and_says_it_anew(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let other = scene.store.register_host(&host_facts("machine-2")).await;
    let other = other.expect("a host");
    let of = async |worker: WorkerId| {
        let workers = scene.store.workers(true).await.expect("workers");
        let found = workers.into_iter().find(|found| found.id == worker);
        let mut hosts = found.expect("a known worker").hosts;
        hosts.sort_unstable();
        hosts
    };
    let with = NewWorker {
        hosts: vec![scene.host],
        ..new_worker(&[scene.queue.id])
    };
    let worker = scene.store.register_worker(&with).await.expect("a worker");
    assert_eq!(of(worker).await, [scene.host]);
    assert_eq!(of(scene.worker).await, []);
    for hosts in [vec![scene.host, other], vec![other], vec![]] {
        for _ in 0..2 {
            let queues = [scene.queue.id];
            let set = scene.store.set_worker_reach(worker, &hosts, &queues).await;
            set.expect("a known worker");
            assert_eq!(of(worker).await, hosts);
        }
    }
    assert_eq!(of(scene.worker).await, [], "no other worker's");
    let nobody = WorkerId(i64::MAX);
    let answer = scene.store.set_worker_reach(nobody, &[other], &[]).await;
    assert_eq!(refused_field(answer), "worker");
    let served = async || {
        let workers = scene.store.workers(false).await.expect("workers");
        let found = workers.into_iter().find(|found| found.id == worker);
        found.expect("a known worker").queues
    };
    assert_eq!(served().await.concat(), scene.queue.name);
    let set = scene.store.set_worker_reach(worker, &[], &[]).await;
    set.expect("a known worker");
    assert_eq!(served().await, Vec::<String>::new());
}
