//! Lists of what is rare among more jobs than a store looks at in one go.

use longshore_core::store::{JobFilter, NewJob};
use longshore_core::{JobId, State};

use crate::store::StoreHarness;
use crate::store::scene::{Scene, new_queue};
use crate::store::seed::Seed;

/// More than any store looks at for one page.
const MANY: usize = 12_500;
/// Which of them are rare, in the order of submission.
const RARE: [usize; 3] = [0, 7000, MANY - 2];
const OTHER: &str = "other";

/// Many jobs, all with a label, a few of which have another one, another queue and another name.
async fn many(scene: &Scene) -> Vec<JobId> {
    let other = new_queue(OTHER);
    scene.store.create_queue(&other).await.expect("a new name");
    let job = |place: usize| -> NewJob {
        let seed = Seed::job().label("team", "a");
        if RARE.contains(&place) {
            let rare = seed.label("special", "yes").named("the-needle");
            return rare.build_in(OTHER);
        }
        seed.build_in(&scene.queue.name)
    };
    let mut ids = Vec::new();
    for first in (0..MANY).step_by(2500) {
        let jobs: Vec<NewJob> = (first..first + 2500).map(job).collect();
        let submitted = scene.store.submit(&jobs).await.expect("valid jobs");
        ids.extend(submitted.iter().map(|submitted| submitted.job));
    }
    ids
}

fn labelled(key: &str, value: &str) -> JobFilter {
    JobFilter {
        labels: [(key.to_owned(), value.to_owned())].into(),
        ..JobFilter::default()
    }
}

/// All that pages of a filter hold, and how many pages there were.
async fn paged(scene: &Scene, mut filter: JobFilter, limit: u32) -> (Vec<JobId>, usize) {
    filter.limit = limit;
    let mut met = Vec::new();
    for pages in 1..=MANY {
        let page = scene.store.list_jobs(&filter).await.expect("a page");
        assert!(page.jobs.len() <= limit as usize, "{filter:?}");
        met.extend(page.jobs.iter().map(|job| job.id));
        assert!(
            page.next < filter.before.or(Some(JobId(i64::MAX))),
            "it goes on"
        );
        filter.before = page.next;
        if page.next.is_none() {
            return (met, pages);
        }
    }
    panic!("the pages do not end: {filter:?}");
}

pub async fn what_is_rare_among_many_jobs_is_met_once_whatever_is_asked_for(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let ids = many(&scene).await;
    let rare: Vec<JobId> = RARE.iter().rev().map(|place| ids[*place]).collect();
    let of_queue = || JobFilter {
        queue: Some(OTHER.to_owned()),
        ..JobFilter::default()
    };
    let searched = || JobFilter {
        search: Some("needle".to_owned()),
        ..JobFilter::default()
    };
    let queued = |filter: JobFilter| JobFilter {
        states: vec![State::Queued],
        ..filter
    };
    let asked = [
        of_queue(),
        labelled("special", "yes"),
        searched(),
        queued(of_queue()),
        queued(labelled("special", "yes")),
        queued(searched()),
        JobFilter {
            queue: Some(OTHER.to_owned()),
            ..labelled("team", "a")
        },
        JobFilter {
            queue: Some(OTHER.to_owned()),
            ..searched()
        },
    ];
    for filter in asked {
        for limit in [2, 100] {
            let (met, pages) = paged(&scene, filter.clone(), limit).await;
            assert_eq!(met, rare, "{filter:?}, {limit} at a time");
            assert!(pages <= 6, "{pages} pages of {filter:?}");
        }
    }
    for filter in [
        labelled("special", "no"),
        JobFilter {
            states: vec![State::Failed],
            ..of_queue()
        },
        JobFilter {
            exit_code: Some(77),
            ..JobFilter::default()
        },
    ] {
        let (met, pages) = paged(&scene, filter.clone(), 100).await;
        assert_eq!(met, [], "{filter:?}");
        assert!(pages <= 3, "{pages} pages of {filter:?}");
    }
}

pub async fn what_is_common_among_many_jobs_fills_its_pages(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let mut ids = many(&scene).await;
    ids.reverse();
    let common = ids.iter().copied();
    let common: Vec<JobId> = common
        .enumerate()
        .filter(|(place, _)| !RARE.contains(&(MANY - 1 - place)))
        .map(|(_, id)| id)
        .collect();
    let of_queue = JobFilter {
        queue: Some(scene.queue.name.clone()),
        ..JobFilter::default()
    };
    for (filter, expected) in [(labelled("team", "a"), &ids), (of_queue, &common)] {
        let (met, pages) = paged(&scene, filter.clone(), 1000).await;
        assert_eq!(met, *expected, "{filter:?}");
        assert_eq!(pages, MANY.div_ceil(1000), "{filter:?}");
    }
}
