//! Lists of those jobs that are asked for.

use longshore_core::state::TerminalState;
use longshore_core::store::JobFilter;
use longshore_core::{JobId, State};

use super::listing::mixed;
use crate::store::StoreHarness;
use crate::store::scene::{Scene, new_queue};
use crate::store::seed::Seed;

async fn list(scene: &Scene, filter: JobFilter) -> Vec<JobId> {
    let limit = if filter.limit == 0 { 100 } else { filter.limit };
    let filter = JobFilter { limit, ..filter };
    let page = scene.store.list_jobs(&filter).await.expect("a page");
    page.jobs.iter().map(|job| job.id).collect()
}

pub async fn a_list_is_filtered_by_each_state_and_by_several(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let mut jobs = mixed(&scene).await;
    jobs.reverse();
    let of = |states: &[State]| -> Vec<JobId> {
        jobs.iter()
            .filter(|(_, state)| states.contains(state))
            .map(|(job, _)| *job)
            .collect()
    };
    let mut asked: Vec<Vec<State>> = State::ALL.into_iter().map(|state| vec![state]).collect();
    asked.push(vec![State::Failed, State::TimedOut]);
    asked.push(vec![
        State::Queued,
        State::Running,
        State::Completed,
        State::Pending,
    ]);
    for states in asked {
        let filter = JobFilter {
            states: states.clone(),
            ..JobFilter::default()
        };
        assert_eq!(list(&scene, filter).await, of(&states), "{states:?}");
        let filter = JobFilter {
            states: states.clone(),
            limit: 1,
            ..JobFilter::default()
        };
        let first = scene.store.list_jobs(&filter).await.expect("a page");
        let newest = of(&states)[0];
        assert_eq!(first.jobs[0].id, newest);
        let filter = JobFilter {
            before: Some(newest),
            ..filter
        };
        assert_eq!(
            list(&scene, filter).await,
            of(&states)[1..2],
            "the next of {states:?}"
        );
    }
}

pub async fn a_list_is_filtered_by_queue(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    scene
        .store
        .create_queue(&new_queue("other"))
        .await
        .expect("a new name");
    let other = scene.submit(Seed::job().queue("other")).await;
    let ended = scene.job_in(State::Completed).await;
    let waiting = scene.submit(Seed::job()).await;
    let filter = |name: &str| JobFilter {
        queue: Some(name.to_owned()),
        ..JobFilter::default()
    };
    assert_eq!(list(&scene, filter("other")).await, [other]);
    assert_eq!(list(&scene, filter("line")).await, [waiting, ended]);
    let states = vec![State::Completed];
    assert_eq!(
        list(
            &scene,
            JobFilter {
                states,
                ..filter("line")
            }
        )
        .await,
        [ended]
    );
    let states = vec![State::Completed];
    assert_eq!(
        list(
            &scene,
            JobFilter {
                states,
                ..filter("other")
            }
        )
        .await,
        []
    );
}

pub async fn a_list_is_filtered_by_all_of_the_labels_given(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let plain = scene.submit(Seed::job()).await;
    let red = scene.submit(Seed::job().label("colour", "red")).await;
    let both = scene
        .submit(
            Seed::job()
                .label("colour", "red")
                .label("size", "'l\" %_\\"),
        )
        .await;
    let filter = |labels: &[(&str, &str)]| JobFilter {
        labels: labels
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect(),
        ..JobFilter::default()
    };
    assert_eq!(list(&scene, filter(&[])).await, [both, red, plain]);
    assert_eq!(
        list(&scene, filter(&[("colour", "red")])).await,
        [both, red]
    );
    assert_eq!(
        list(&scene, filter(&[("colour", "red"), ("size", "'l\" %_\\")])).await,
        [both]
    );
    assert_eq!(list(&scene, filter(&[("colour", "blue")])).await, []);
    assert_eq!(list(&scene, filter(&[("colour", "re")])).await, []);
    assert_eq!(list(&scene, filter(&[("red", "colour")])).await, []);
}

pub async fn a_list_is_filtered_by_labels_and_states_page_by_page(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let red = |count| (0..count).map(|_| Seed::job().label("colour", "red"));
    let first = scene.submit_all(red(3)).await;
    scene.submit_all(Seed::jobs(3)).await;
    for lease in scene.acquire(2).await {
        scene.start(lease.key).await;
    }
    let last = scene.submit_all(red(700)).await;
    let met = async |states: &[State]| {
        let mut filter = JobFilter {
            states: states.to_vec(),
            labels: [("colour".to_owned(), "red".to_owned())].into(),
            limit: 2,
            ..JobFilter::default()
        };
        let mut met = Vec::new();
        loop {
            let page = scene.store.list_jobs(&filter).await.expect("a page");
            met.extend(page.jobs.iter().map(|job| job.id));
            filter.before = page.next;
            if page.next.is_none() {
                return met;
            }
        }
    };
    assert_eq!(met(&[State::Running]).await, [first[1], first[0]]);
    assert_eq!(met(&[State::Completed]).await, []);
    let mut waiting = last;
    waiting.insert(0, first[2]);
    waiting.reverse();
    assert!(met(&[State::Queued]).await == waiting, "all that wait");
    waiting.extend([first[1], first[0]]);
    let both = [State::Running, State::Queued];
    assert!(met(&both).await == waiting, "in either state");
}

pub async fn a_list_is_filtered_by_what_jobs_look_like(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let of = |name: &str, image: Option<&str>, word: &str| {
        let mut spec = longshore_core::JobSpec::process(["echo", word]);
        spec.name = Some(name.to_owned());
        spec.image = image.map(str::to_owned);
        Seed::of(spec)
    };
    let plain = scene.submit(of("nightly%", None, "it's")).await;
    let tagged = scene.submit(of("a", Some("host:5000/a:1"), "b")).await;
    let nameless = scene.submit(Seed::job()).await;
    let failed = scene.running(Seed::job().priority(100)).await;
    scene.settle(failed, TerminalState::Failed).await;
    let failed = failed.job;
    let any = JobFilter::default;
    let text = |text: &str| Some(text.to_owned());
    let created = scene.show(tagged).await.summary.created_at;
    for (what, filter, expected) in [
        (
            "name",
            JobFilter {
                name: text("ight"),
                ..any()
            },
            vec![plain],
        ),
        (
            "no wildcard",
            JobFilter {
                name: text("%"),
                ..any()
            },
            vec![plain],
        ),
        (
            "case",
            JobFilter {
                name: text("NIGHT"),
                ..any()
            },
            vec![],
        ),
        (
            "image",
            JobFilter {
                image: text("host:5000/a"),
                ..any()
            },
            vec![tagged],
        ),
        (
            "tag",
            JobFilter {
                image: text("host:5000/a:1"),
                ..any()
            },
            vec![tagged],
        ),
        (
            "host",
            JobFilter {
                image: text("host"),
                ..any()
            },
            vec![],
        ),
        (
            "word",
            JobFilter {
                search: text("t's"),
                ..any()
            },
            vec![plain],
        ),
        (
            "in image",
            JobFilter {
                search: text("5000"),
                ..any()
            },
            vec![tagged],
        ),
        (
            "since",
            JobFilter {
                since: Some(created),
                ..any()
            },
            vec![failed, nameless, tagged],
        ),
        (
            "until",
            JobFilter {
                until: Some(created),
                ..any()
            },
            vec![plain],
        ),
        (
            "beginning",
            JobFilter {
                until: Some(longshore_core::Timestamp::MIN),
                ..any()
            },
            vec![],
        ),
        (
            "state",
            JobFilter {
                states: vec![State::Queued],
                since: Some(created),
                ..any()
            },
            vec![nameless, tagged],
        ),
        (
            "ended",
            JobFilter {
                states: vec![State::Failed],
                since: Some(created),
                ..any()
            },
            vec![failed],
        ),
        (
            "queue",
            JobFilter {
                queue: text("line"),
                search: text("true"),
                ..any()
            },
            vec![failed, nameless],
        ),
        (
            "no code",
            JobFilter {
                exit_code: Some(77),
                ..any()
            },
            vec![],
        ),
    ] {
        assert_eq!(list(&scene, filter).await, expected, "{what}");
    }
    let code = scene.show(failed).await.summary.exit_code;
    let by_code = JobFilter {
        exit_code: code,
        ..any()
    };
    assert!(code.is_some(), "a failed job that ran has a code");
    assert_eq!(list(&scene, by_code).await, [failed]);
}
