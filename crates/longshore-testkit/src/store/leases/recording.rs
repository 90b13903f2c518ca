//! What is kept of an attempt (promise S11).

use longshore_core::State;
use longshore_core::attempt::{AttemptError, AttemptRecord, Exit, Outcome, Usage};
use longshore_core::classify::ErrorClass;
use longshore_core::disposition::Disposition;
use longshore_core::state::TerminalState;
use longshore_core::store::FinishOutcome;

use crate::store::StoreHarness;
use crate::store::scene::{Scene, handle_of};
use crate::store::seed::Seed;

const FAILED: Disposition = Disposition::Settle(TerminalState::Failed);

pub async fn everything_that_was_recorded_reads_back(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let full = AttemptRecord {
        outcome: Outcome::Exited,
        exit: Some(Exit {
            code: Some(137),
            signal: None,
            oom_killed: true,
        }),
        started: true,
        error: Some(AttemptError {
            class: ErrorClass::Unknown,
            text: "zwölf \"Boxkämpfer\"\n\\ 🚢".to_owned(),
        }),
        usage: Usage {
            cpu_micros: Some(123_456_789_012),
            peak_memory_bytes: Some(1 << 40),
        },
        template_versions: [("base".to_owned(), 3), ("region.eu".to_owned(), 41)].into(),
        omitted_bytes: [5, 7_000_000_000],
    };
    let killed = AttemptRecord::exited(Exit::by_signal(9));
    let never_ran = AttemptRecord::launch_failed(ErrorClass::Permanent, "no such image");
    for record in [full, killed, never_ran] {
        let key = scene.running(Seed::job()).await;
        let record = AttemptRecord {
            started: true,
            ..record
        };
        let outcome = scene.finish(key, record.clone(), FAILED).await;
        assert_eq!(outcome, FinishOutcome::Finished);
        let detail = scene.show(key.job).await;
        let attempt = &detail.attempts_made[0];
        assert_eq!(attempt.record.as_ref(), Some(&record));
        assert_eq!(attempt.worker, scene.worker);
        assert_eq!(attempt.host, Some(scene.host));
        assert_eq!(attempt.handle, Some(handle_of(key).0));
        assert_eq!((attempt.attempt, attempt.token), (key.attempt, key.token));
        let (started, ended) = (attempt.started_at, attempt.ended_at);
        assert!(
            started >= Some(attempt.claimed_at) && ended >= started,
            "{attempt:?}"
        );
        assert_eq!(
            detail.summary.exit_code,
            record.exit.and_then(|exit| exit.shell_code())
        );
        assert_eq!(detail.summary.started_at, started);
    }
}

pub async fn every_outcome_and_class_reads_back(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let outcomes = [
        Outcome::Exited,
        Outcome::LaunchFailed,
        Outcome::RunTimeout,
        Outcome::OutputTimeout,
        Outcome::Cancelled,
        Outcome::HandedBack,
        Outcome::HostLost,
        Outcome::Vanished,
    ];
    let classes = [
        ErrorClass::Transient,
        ErrorClass::Permanent,
        ErrorClass::Unknown,
    ];
    for (outcome, class) in outcomes.into_iter().zip(classes.into_iter().cycle()) {
        let error = Some(AttemptError {
            class,
            text: "why".to_owned(),
        });
        let record = AttemptRecord {
            error,
            ..AttemptRecord::of(outcome)
        };
        let key = scene.leased(Seed::job()).await;
        scene.finish(key, record.clone(), FAILED).await;
        let stored = scene.show(key.job).await.attempts_made.remove(0).record;
        assert_eq!(stored, Some(record));
    }
}

pub async fn an_exit_that_says_nothing_reads_back_as_none(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = scene.running(Seed::job()).await;
    let record = AttemptRecord::exited(Exit::default());
    let outcome = scene.finish(key, record.clone(), FAILED).await;
    assert_eq!(outcome, FinishOutcome::Finished);
    let stored = scene.show(key.job).await.attempts_made.remove(0).record;
    let expected = AttemptRecord {
        exit: None,
        ..record
    };
    assert_eq!(stored, Some(expected));
}

pub async fn an_attempt_that_never_started_says_so(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = scene.leased(Seed::job()).await;
    let record = AttemptRecord::launch_failed(ErrorClass::Transient, "engine away");
    scene.finish(key, record, FAILED).await;
    let detail = scene.show(key.job).await;
    assert_eq!(detail.summary.state, State::Failed);
    assert_eq!(detail.summary.exit_code, None);
    assert_eq!(detail.summary.started_at, None);
    let attempt = &detail.attempts_made[0];
    assert_eq!(
        (attempt.started_at, attempt.host, &attempt.handle),
        (None, None, &None)
    );
    assert!(attempt.ended_at.is_some());
}

pub async fn an_error_text_that_is_too_long_is_cut_between_characters(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    for unit in ["é", "名", "🚢", "x"] {
        let text = format!("x{}", unit.repeat(5000));
        let key = scene.leased(Seed::job()).await;
        let record = AttemptRecord::launch_failed(ErrorClass::Unknown, text.clone());
        let outcome = scene.finish(key, record, FAILED).await;
        assert_eq!(
            outcome,
            FinishOutcome::Finished,
            "a long text costs nobody the attempt"
        );
        let stored = scene.show(key.job).await.attempts_made.remove(0).record;
        let kept = stored
            .and_then(|record| record.error)
            .expect("it had an error")
            .text;
        assert!(kept.len() <= 4096, "{} bytes kept", kept.len());
        let cut = &text[..text.floor_char_boundary(4000)];
        assert!(
            kept.starts_with(cut),
            "the beginning is kept, nearly all that may be"
        );
    }
}

pub async fn an_error_text_with_a_nul_character_does_not_lose_the_finish(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let key = scene.leased(Seed::job()).await;
    let record = AttemptRecord::launch_failed(ErrorClass::Unknown, "before\0after");
    assert_eq!(
        scene.finish(key, record, FAILED).await,
        FinishOutcome::Finished
    );
    let stored = scene.show(key.job).await.attempts_made.remove(0).record;
    let kept = stored
        .and_then(|record| record.error)
        .expect("it had an error")
        .text;
    assert!(
        kept.starts_with("before") && kept.ends_with("after"),
        "{kept:?}"
    );
}

pub async fn attempts_are_listed_first_to_last_with_the_live_one(h: &dyn StoreHarness) {
    let scene = Scene::open(h).await;
    let twin = scene.twin(h).await;
    let mut key = scene.running(Seed::job()).await;
    for by in [&twin, &scene, &twin] {
        scene.end(key, Disposition::HandBack).await;
        key = by.acquire_one().await.key;
    }
    let detail = scene.show(key.job).await;
    let numbers: Vec<_> = detail.attempts_made.iter().map(|a| a.attempt.0).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    assert!(detail.attempts_made.is_sorted_by(|a, b| a.token < b.token));
    let workers: Vec<_> = detail.attempts_made.iter().map(|a| a.worker).collect();
    assert_eq!(
        workers,
        [scene.worker, twin.worker, scene.worker, twin.worker]
    );
    let live: Vec<_> = detail
        .attempts_made
        .iter()
        .map(|a| a.record.is_none())
        .collect();
    assert_eq!(live, [false, false, false, true]);
    assert_eq!(detail.summary.attempts, 4);
}
