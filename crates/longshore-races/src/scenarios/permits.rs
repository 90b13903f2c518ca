//! The permit pool of an engine: what it says that it granted is what there is.

use std::sync::Arc;
use std::time::Duration;

use shuttle::future::{spawn, yield_now};

use super::{Count, all};
use crate::chance;
use crate::explore::reached;
use crate::permits::Launches;
use crate::time::sleep;

/// As the source says: at the least one, at the most sixteen.
const MOST: usize = 16;

/// How a launch goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Goes {
    Well,
    Slowly,
    Wrong,
    /// Its caller is gone before the engine has answered: the permit is dropped.
    Unfinished,
}

/// One launch more, while it lives.
struct UnderWay(Count);

impl UnderWay {
    fn count(under_way: &Count) -> Self {
        let now = under_way.add(1);
        assert!(now <= MOST, "{now} launches at once");
        Self(under_way.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.take(1);
    }
}

/// The pool, and how many launches are under way.
#[derive(Clone)]
struct Counted {
    launches: Arc<Launches>,
    under_way: Count,
}

impl Counted {
    fn new(launches: Launches) -> Self {
        Self {
            launches: Arc::new(launches),
            under_way: Count::default(),
        }
    }

    async fn launch(&self, goes: Goes) {
        let permit = self.launches.acquire().await;
        // Declared after the permit, so that a launch that is cut short leaves the count first.
        let counted = UnderWay::count(&self.under_way);
        match goes {
            Goes::Slowly => sleep(Duration::from_secs(5)).await,
            _ => yield_now().await,
        }
        drop(counted);
        if goes == Goes::Unfinished {
            drop(permit);
        } else {
            self.launches.finish(permit, goes == Goes::Wrong);
        }
    }

    fn launching(&self, goes: Goes, times: usize) -> shuttle::future::JoinHandle<()> {
        let counted = self.clone();
        spawn(async move {
            for _ in 0..times {
                counted.launch(goes).await;
            }
        })
    }

    /// With so many permits held and nothing else going on.
    fn check_at_rest(&self, held: usize) {
        let granted = self.launches.granted();
        assert!((1..=MOST).contains(&granted), "{granted} granted");
        assert_eq!(granted, held + self.launches.available(), "lost, or made");
    }
}

/// Launches that go well, slowly, wrong and nowhere, from any number that the pool may have come to.
pub async fn granted_is_what_is_in_use_and_what_is_free() {
    let start = chance::of(&[1, 2, 4, 15, 16]);
    let counted = Counted::new(Launches::adapted_to(start));
    let tasks = [0, 1, 2, 3].map(|_| {
        let goes = chance::of(&[Goes::Well, Goes::Slowly, Goes::Wrong, Goes::Unfinished]);
        counted.launching(goes, 2)
    });
    all(tasks).await;
    counted.check_at_rest(0);
    match counted.launches.granted() {
        1 => reached("down to one"),
        MOST => reached("up to the most"),
        _ => {}
    }
    let permit = counted.launches.acquire().await;
    counted.check_at_rest(1);
    counted.launches.finish(permit, chance::below(2) == 0);
    counted.check_at_rest(0);
}

/// With every launch failing, down to room for one, each still gets its turn.
pub async fn nobody_waits_for_ever_at_the_least() {
    let counted = Counted::new(Launches::new());
    let tasks = [0, 1, 2, 3].map(|_| counted.launching(Goes::Wrong, 1));
    all(tasks).await;
    counted.check_at_rest(0);
    assert_eq!(counted.launches.granted(), 1, "four failures");
    // It can rise again: who waits meanwhile is let in.
    let tasks = [0, 1].map(|_| counted.launching(Goes::Well, 1));
    all(tasks).await;
    counted.check_at_rest(0);
}

/// Waits that are cut short, before, while and after the permit is theirs.
pub async fn a_wait_that_is_cut_short_takes_no_permit_along() {
    let counted = Counted::new(Launches::adapted_to(chance::of(&[1, 2])));
    let cut = [0, 1].map(|_| counted.launching(Goes::Well, 1));
    let tasks = [Goes::Wrong, Goes::Well].map(|goes| counted.launching(goes, 1));
    for task in &cut {
        task.abort();
    }
    for task in cut {
        if task.await.is_err() {
            reached("cut short");
        }
    }
    all(tasks).await;
    counted.check_at_rest(0);
    drop(counted.launches.acquire().await);
}

/// At the most, with everything going well, it grows no further.
pub async fn it_never_grows_past_the_most() {
    // From below, and from where one more round would go past it.
    let counted = Counted::new(Launches::adapted_to(chance::of(&[15, 16])));
    let tasks = [0, 1, 2].map(|_| counted.launching(Goes::Well, 6));
    all(tasks).await;
    counted.check_at_rest(0);
    assert_eq!(counted.launches.granted(), MOST);
}
