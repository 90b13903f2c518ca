//! What is told with a take-over, and told again.

use longshore_core::AttemptNumber;
use longshore_core::disposition::Disposition;
use longshore_core::output::{ResumePoint, StoredUpTo, Stream};
use longshore_core::state::TerminalState;
use longshore_core::store::{LeaseStatus, TakeOverRequest};
use longshore_core::{JobId, Token};

use super::{
    MANY, ask, falls_silent, jobs_of, part, request, says_goodbye, successor, take_one, take_over,
};
use crate::store::StoreHarness;
use crate::store::scene::Scene;
use crate::store::seed::Seed;

pub async fn a_take_over_whose_reply_was_lost_is_told_again_under_another_token(
    h: &dyn StoreHarness,
) {
    let scene = Scene::open(h).await;
    let next = successor(h, &scene).await;
    let other = successor(h, &scene).await;
    let of_other = other.leased(Seed::job()).await;
    let own = next.leased(Seed::job()).await;
    scene.submit_all(Seed::jobs(2)).await;
    assert_eq!(scene.acquire(2).await.len(), 2);
    falls_silent(h, &scene).await;
    let lost = take_over(&next, MANY).await;
    let again = TakeOverRequest {
        again: lost.iter().map(|taken| taken.lease.key).collect(),
        ..request(&next, MANY)
    };
    let told = ask(&next, &again).await;
    assert_eq!(jobs_of(&told), jobs_of(&lost));
    for (told, lost) in told.iter().zip(&lost) {
        let key = told.lease.key;
        assert!(key.token > lost.lease.key.token);
        assert_eq!(
            (told.last_token, told.from),
            (lost.lease.key.token, next.worker)
        );
        assert_eq!(told.orphaned, 1, "taken once from the dead");
        assert_eq!(next.status(lost.lease.key).await, LeaseStatus::Lost);
        assert_eq!(next.status(key).await, LeaseStatus::Held);
    }
    let held = next.store.leases_of(next.worker).await.expect("leases");
    let of_again = held
        .iter()
        .filter(|held| held.acquire_number == again.acquire_number && held.is_taken_over);
    assert_eq!(of_again.count(), 2, "{held:?}");

    // What is not its own, what has another token by now, and what it did not ask for.
    let keys = [of_other, lost[0].lease.key];
    for key in keys {
        let stale = TakeOverRequest {
            again: vec![key],
            ..request(&next, MANY)
        };
        assert_eq!(ask(&next, &stale).await, [], "{key:?}");
    }
    assert_eq!(other.status(of_other).await, LeaseStatus::Held);
    assert_eq!(next.status(own).await, LeaseStatus::Held);
    // Also what it acquired itself.
    let acquired = TakeOverRequest {
        again: vec![own],
        ..request(&next, MANY)
    };
    assert_eq!(jobs_of(&ask(&next, &acquired).await), [own.job]);
    let drained = next.store.drain_worker(next.worker).await;
    drained.expect("a known worker");
    let late = TakeOverRequest {
        again: vec![told[0].lease.key],
        ..request(&next, MANY)
    };
    assert_eq!(ask(&next, &late).await, [], "it drains");
}

pub async fn how_much_output_is_stored_goes_with_a_take_over(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let silent = scene.running(Seed::job()).await;
    let key = scene.running(Seed::job()).await;
    let far = 9_000_000_000_000;
    let mut unnumbered = part(key, 3, Stream::Stdout, 10, b"\xff\0");
    unnumbered.resume = None;
    let appends = [
        part(key, 0, Stream::Stdout, 0, b"0123456789"),
        part(key, 2, Stream::Stderr, far, b"tail"),
        part(key, 1, Stream::Stderr, 5, b"early"),
        unnumbered,
    ];
    let stored = scene.store.append_output(&appends).await;
    assert_eq!(stored.expect("append"), [LeaseStatus::Held; 4]);
    falls_silent(h, &scene).await;
    let next = successor(h, &scene).await;
    let taken = take_over(&next, MANY).await;
    let [none, some] = &taken[..] else {
        panic!("two leases: {taken:?}")
    };
    assert_eq!(
        (none.lease.key.job, &none.output),
        (silent.job, &StoredUpTo::default())
    );
    let expected = StoredUpTo {
        resume: Some(ResumePoint(format!("{} after 2", key.token))),
        ends: [12, far + 4],
        bytes: [12, 9],
    };
    assert_eq!(some.output, expected);

    // The newest place is the newest token's, whatever its number.
    let held = some.lease.key;
    let more = part(held, 0, Stream::Stdout, 12, b"more");
    let stored = next.store.append_output(&[more]).await;
    assert_eq!(stored.expect("append"), [LeaseStatus::Held]);
    next.settle(none.lease.key, TerminalState::Completed).await;
    says_goodbye(&next).await;
    let last = successor(h, &scene).await;
    let expected = StoredUpTo {
        resume: Some(ResumePoint(format!("{} after 0", held.token))),
        ends: [16, far + 4],
        bytes: [16, 9],
    };
    assert_eq!(take_one(&last).await.output, expected);
}

pub async fn output_of_an_earlier_attempt_is_none_of_this_one(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let first = scene.running(Seed::job()).await;
    let appends = [part(first, 0, Stream::Stdout, 0, b"first")];
    scene.store.append_output(&appends).await.expect("append");
    scene.end(first, Disposition::HandBack).await;
    let second = scene.acquire_one().await.key;
    assert_eq!(second.job, first.job);
    says_goodbye(&scene).await;
    let next = successor(h, &scene).await;
    let taken = take_one(&next).await;
    assert_eq!(taken.lease.key.attempt, second.attempt);
    assert_eq!(taken.output, StoredUpTo::default());
}

pub async fn what_the_last_holder_said_of_its_launch_is_no_longer_said(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = scene.leased(Seed::job()).await;
    let told = scene.store.note_launch(key, "pulling").await;
    assert_eq!(told.expect("note the launch"), LeaseStatus::Held);
    says_goodbye(&scene).await;
    let next = successor(h, &scene).await;
    take_one(&next).await;
    assert_eq!(next.show(key.job).await.why_waiting, None);
}

pub async fn attempts_are_live_while_anybody_has_their_lease(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let next = successor(h, &scene).await;
    let are_live = async |attempts: &[(JobId, AttemptNumber)]| {
        let answer = next.store.are_live(attempts).await;
        answer.expect("look for live attempts")
    };
    assert_eq!(are_live(&[]).await, [] as [bool; 0]);
    let running = scene.running(Seed::job()).await;
    let ended = scene.running(Seed::job()).await;
    scene.settle(ended, TerminalState::Completed).await;
    let back = scene.leased(Seed::job()).await;
    scene.end(back, Disposition::HandBack).await;
    let again = scene.acquire_one().await.key;
    let waiting = scene.submit(Seed::job()).await;
    let attempts = [
        (ended.job, ended.attempt),
        (running.job, running.attempt),
        (JobId(i64::MAX), running.attempt),
        (again.job, again.attempt),
        (back.job, back.attempt),
        (running.job, AttemptNumber(running.attempt.0 + 1)),
        (waiting, AttemptNumber(1)),
        (running.job, running.attempt),
    ];
    let expected = [false, true, false, true, false, false, false, true];
    assert_eq!(are_live(&attempts).await, expected);
    falls_silent(h, &scene).await;
    assert_eq!(are_live(&attempts).await, expected, "dead or not");
    let taken = take_over(&next, MANY).await;
    assert_eq!(are_live(&attempts).await, expected, "whosoever they are");
    assert_ne!(taken[0].lease.key.token, Token(0));
    next.settle(taken[0].lease.key, TerminalState::Completed)
        .await;
    assert!(!are_live(&attempts).await[1]);
}
