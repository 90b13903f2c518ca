//! Queues: made, found and changed.

use longshore_core::limit::Limit;
use longshore_core::queue::{NewQueue, Queue, QueueChange};
use longshore_core::spec::{DEFAULT_QUEUE, LOCAL_QUEUE};
use longshore_core::store::{StoreError, StoreResult};

use crate::store::StoreHarness;
use crate::store::race::all_at_once;
use crate::store::scene::{Scene, new_queue};

pub async fn a_queue_reads_back_as_it_was_made(h: &dyn StoreHarness) {
    let store = h.open().await;
    let new = NewQueue {
        name: "gpu.large_1-a".to_owned(),
        executor: "docker".to_owned(),
        host_selector: [
            ("gpu".to_owned(), "a100".to_owned()),
            ("zone".to_owned(), "ü".to_owned()),
        ]
        .into(),
        max_concurrent: Some(Limit(7)),
    };
    let made = store.create_queue(&new).await.expect("a new name");
    assert_eq!((&made.name, &made.executor), (&new.name, &new.executor));
    assert_eq!(
        (&made.host_selector, made.max_concurrent),
        (&new.host_selector, Some(Limit(7)))
    );
    assert!(!made.paused);
    assert_eq!(h.open().await.queue(&new.name).await.expect("made"), made);
}

pub async fn queues_are_listed_by_name(h: &dyn StoreHarness) {
    let store = h.open().await;
    for name in ["zebra", "ant", "middle"] {
        store
            .create_queue(&new_queue(name))
            .await
            .expect("a new name");
    }
    let queues = store.queues().await.expect("queues");
    let names: Vec<_> = queues.iter().map(|queue| queue.name.as_str()).collect();
    assert_eq!(
        names,
        ["ant", DEFAULT_QUEUE, LOCAL_QUEUE, "middle", "zebra"]
    );
}

pub async fn a_queue_of_the_same_name_is_refused(h: &dyn StoreHarness) {
    let store = h.open().await;
    let made = store
        .create_queue(&new_queue("ant"))
        .await
        .expect("a new name");
    let again = NewQueue {
        max_concurrent: Some(Limit(1)),
        ..new_queue("ant")
    };
    match store.create_queue(&again).await {
        Err(StoreError::QueueExists(name)) => assert_eq!(name, "ant"),
        other => panic!("expected that it exists, got {other:?}"),
    }
    assert_eq!(
        store.queue("ant").await.expect("made"),
        made,
        "the first one stays as it is"
    );
}

pub async fn twins_that_make_a_queue_make_it_once(h: &dyn StoreHarness) {
    let mut handles = Vec::new();
    for _ in 0..4 {
        handles.push(h.open().await);
    }
    let answers = all_at_once(handles, |store| async move {
        store.create_queue(&new_queue("ant")).await
    })
    .await;
    let made = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(made, 1, "{answers:?}");
    for refused in answers.into_iter().filter_map(Result::err) {
        assert!(matches!(refused, StoreError::QueueExists(_)), "{refused:?}");
    }
}

pub async fn a_name_that_is_none_makes_no_queue(h: &dyn StoreHarness) {
    let store = h.open().await;
    let before = store.queues().await.expect("queues").len();
    for name in ["", "Upper", "with space", "-dash", &"x".repeat(64)] {
        let error = store.create_queue(&new_queue(name)).await.expect_err(name);
        assert!(!error.is_systems_fault(), "{name:?}: {error:?}");
    }
    assert_eq!(store.queues().await.expect("queues").len(), before);
}

pub async fn a_queue_that_not_every_store_could_keep_is_refused_by_field(h: &dyn StoreHarness) {
    let store = h.open().await;
    let before = store.queues().await.expect("queues").len();
    let selector = |key: &str, value: &str| [(key.to_owned(), value.to_owned())].into();
    let too_much = Limit(Limit::MAX.0 + 1);
    for (field, new) in [
        (
            "max_concurrent",
            NewQueue {
                max_concurrent: Some(too_much),
                ..new_queue("ant")
            },
        ),
        (
            "host_selector",
            NewQueue {
                host_selector: selector("a\0", "x"),
                ..new_queue("ant")
            },
        ),
        (
            "host_selector",
            NewQueue {
                host_selector: selector("a", "\0"),
                ..new_queue("ant")
            },
        ),
    ] {
        assert_eq!(refused_field(store.create_queue(&new).await), field);
    }
    assert_eq!(store.queues().await.expect("queues").len(), before);
}

pub async fn the_largest_limit_is_kept_and_a_larger_one_refused(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let name = &scene.queue.name;
    let change = |limit| QueueChange {
        max_concurrent: Some(Some(limit)),
        paused: None,
        ..QueueChange::default()
    };
    let changed = scene.store.change_queue(name, &change(Limit::MAX)).await;
    let changed = changed.expect("it fits");
    assert_eq!(changed.max_concurrent, Some(Limit::MAX));
    for too_much in [Limit(Limit::MAX.0 + 1), Limit(u32::MAX)] {
        let refused = scene.store.change_queue(name, &change(too_much)).await;
        assert_eq!(refused_field(refused), "max_concurrent");
    }
    assert_eq!(scene.store.queue(name).await.expect("known"), changed);
}

fn refused_field(answer: StoreResult<Queue>) -> String {
    match answer {
        Err(StoreError::Invalid(refused)) => refused.field,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

pub async fn an_unknown_queue_is_an_error_that_suggests(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let asked = scene.store.queue("defualt").await;
    let changed = scene
        .store
        .change_queue("defualt", &QueueChange::default())
        .await;
    for answer in [asked, changed] {
        match answer {
            Err(StoreError::UnknownQueue { name, hint }) => {
                assert_eq!(name, "defualt");
                assert!(hint.contains(DEFAULT_QUEUE), "{hint}");
            }
            other => panic!("expected an unknown queue, got {other:?}"),
        }
    }
}

pub async fn every_change_of_limit_or_pause_raises_the_epoch(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let mut last = scene.queue.clone();
    for limit in [Some(3), Some(5), None, Some(0)] {
        let queue = scene.set_limit(limit).await;
        assert_eq!(queue.max_concurrent, limit.map(Limit));
        assert!(
            queue.epoch > last.epoch,
            "{} then {}",
            last.epoch,
            queue.epoch
        );
        assert_eq!(scene.store.queue(&queue.name).await.expect("known"), queue);
        last = queue;
    }
    for paused in [true, false] {
        let queue = scene.pause(paused).await;
        assert_eq!(
            (queue.paused, queue.max_concurrent),
            (paused, Some(Limit(0)))
        );
        assert!(
            queue.epoch > last.epoch,
            "{} then {}",
            last.epoch,
            queue.epoch
        );
        last = queue;
    }
}

pub async fn labels_that_a_queue_asks_of_its_hosts_are_set_and_taken_away(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let mut last = scene.queue.clone();
    for (change, selector) in [
        (
            &[("zone", Some("eu")), ("gpu", Some("a\"1"))][..],
            &[("gpu", "a\"1"), ("zone", "eu")][..],
        ),
        (&[("zone", Some(""))], &[("gpu", "a\"1"), ("zone", "")]),
        (&[("gpu", None), ("never", None)], &[("zone", "")]),
        (&[], &[("zone", "")]),
        (&[("zone", None)], &[]),
    ] {
        let own = |text: &str| text.to_owned();
        let host_selector = change.iter().map(|(k, v)| (own(k), v.map(own))).collect();
        let change = QueueChange {
            host_selector,
            ..QueueChange::default()
        };
        let changed = scene.store.change_queue(&last.name, &change).await;
        let changed = changed.expect("known");
        let expected = selector.iter().map(|(k, v)| (own(k), own(v))).collect();
        assert_eq!(changed.host_selector, expected);
        assert!(changed.epoch > last.epoch);
        assert_eq!(scene.store.queue(&last.name).await.expect("known"), changed);
        last = changed;
    }
    let nul = QueueChange {
        host_selector: [("a\0".to_owned(), None)].into(),
        ..QueueChange::default()
    };
    let refused = scene.store.change_queue(&last.name, &nul).await;
    assert_eq!(refused_field(refused), "host_selector");
}
