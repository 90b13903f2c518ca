//! Lines of the audit log.

use std::sync::Arc;
use std::time::Duration;

use longshore_core::access::{ApiTokenId, AuditEntry, AuditNote};
use longshore_core::store::{Retention, Store};

use super::is_past;
use crate::store::StoreHarness;
use crate::store::race::all_at_once;

const MINUTE: Duration = Duration::from_mins(1);

fn note(subject: impl Into<String>) -> AuditNote {
    AuditNote {
        who: "ci".to_owned(),
        token: Some(ApiTokenId(12)),
        address: "192.0.2.7:51234".to_owned(),
        action: "cancel_job".to_owned(),
        subject: subject.into(),
        status: 200,
    }
}

fn notes(subjects: impl IntoIterator<Item = usize>) -> Vec<AuditNote> {
    let subjects = subjects.into_iter();
    subjects.map(|number| note(number.to_string())).collect()
}

async fn write(store: &Arc<dyn Store>, notes: &[AuditNote]) {
    store.note_audit(notes).await.expect("written");
}

/// The newest page of the largest size.
async fn newest(store: &Arc<dyn Store>) -> Vec<AuditEntry> {
    let page = store.audit_log(None, AuditEntry::MAX_PAGE).await;
    page.expect("a page")
}

/// The whole log, the first line first, read in pages of so many lines.
async fn whole(store: &Arc<dyn Store>, size: u32) -> Vec<AuditEntry> {
    let (mut lines, mut before) = (Vec::<AuditEntry>::new(), None);
    loop {
        let page = store.audit_log(before, size).await.expect("a page");
        assert!(
            page.len() <= size.max(1) as usize,
            "{} of {size}",
            page.len()
        );
        let (Some(first), Some(last)) = (page.first(), page.last()) else {
            lines.reverse();
            return lines;
        };
        let goes_on = before.is_none_or(|before| first.id < before);
        assert!(goes_on, "a page before {before:?} begins with {}", first.id);
        before = Some(last.id);
        lines.extend(page);
    }
}

fn said(lines: Vec<AuditEntry>) -> Vec<AuditNote> {
    lines.into_iter().map(|line| line.note).collect()
}

pub async fn lines_come_back_newest_first_in_pages_as_they_were_written(h: &dyn StoreHarness) {
    let (store, other) = (h.open().await, h.open().await);
    assert_eq!(newest(&store).await, []);
    let anonymous = AuditNote {
        who: "anonymous".to_owned(),
        token: None,
        address: "[2001:db8::1]:80".to_owned(),
        action: "ünlesbar \"'\\\n".to_owned(),
        subject: String::new(),
        status: u16::MAX,
    };
    let calls = [
        notes(0..5),
        vec![anonymous],
        notes(5..25),
        vec![AuditNote {
            status: 0,
            ..note("last")
        }],
    ];
    let mut seen = store.now().await.expect("now");
    for (call, store) in calls.iter().zip([&store, &other].into_iter().cycle()) {
        write(store, call).await;
        let last = newest(store).await.remove(0).at;
        assert!(
            seen <= last && last <= store.now().await.expect("now"),
            "{last}"
        );
        seen = is_past(store, last).await;
    }
    let written = calls.concat();
    for size in [0, 1, 4, 1000] {
        let lines = whole(&other, size).await;
        assert!(
            lines.is_sorted_by(|earlier, later| earlier.id < later.id),
            "by number"
        );
        assert!(lines.is_sorted_by_key(|line| line.at), "by time");
        assert_eq!(said(lines), written, "in pages of {size}");
    }
}

pub async fn lines_that_are_written_at_once_are_all_kept_each_call_in_its_order(
    h: &dyn StoreHarness,
) {
    let handles = [h.open().await, h.open().await];
    let writers = handles.iter().chain(&handles).cloned().zip(0..);
    all_at_once(
        writers,
        |(store, writer): (Arc<dyn Store>, usize)| async move {
            for call in 0..10 {
                let first = writer * 1000 + call * 10;
                write(&store, &notes(first..first + 10)).await;
            }
        },
    )
    .await;
    let lines = said(whole(&handles[0], 50).await);
    assert_eq!(lines.len(), 400);
    for writer in 0..4usize {
        let of_writer = |note: &AuditNote| {
            let number: usize = note.subject.parse().expect("a number");
            (number / 1000 == writer).then_some(number % 1000)
        };
        let order: Vec<usize> = lines.iter().filter_map(of_writer).collect();
        assert!(
            order.iter().copied().eq(0..100),
            "of writer {writer}: {order:?}"
        );
    }
}

pub async fn a_page_of_the_log_has_a_largest_size_and_one_of_none_has_one(h: &dyn StoreHarness) {
    let store = h.open().await;
    let most = AuditEntry::MAX_PAGE as usize;
    write(&store, &notes(0..most + 5)).await;
    for (limit, size) in [
        (0, 1),
        (1, 1),
        (AuditEntry::MAX_PAGE + 1, most),
        (u32::MAX, most),
    ] {
        let page = store.audit_log(None, limit).await.expect("a page");
        assert_eq!(page.len(), size, "of {limit}");
        assert_eq!(
            page[0].note.subject,
            (most + 4).to_string(),
            "the newest first"
        );
    }
}

pub async fn texts_that_not_every_store_could_hold_are_kept_as_far_as_they_can_be(
    h: &dyn StoreHarness,
) {
    let store = h.open().await;
    let long = "ä".repeat(AuditNote::MAX_TEXT_BYTES);
    let odd = AuditNote {
        who: "a\0b\0".to_owned(),
        address: format!("x{long}"),
        action: format!("\0{long}"),
        subject: long,
        ..note("")
    };
    write(&store, &[note("before"), odd.clone(), note("after")]).await;
    let lines = said(whole(&h.open().await, 10).await);
    assert_eq!(lines, [note("before"), odd.clone().kept(), note("after")]);
    assert_ne!(odd.clone().kept(), odd, "there was something to cut");
}

pub async fn an_empty_list_of_notes_writes_nothing(h: &dyn StoreHarness) {
    let store = h.open().await;
    write(&store, &[]).await;
    assert_eq!(newest(&store).await, []);
    write(&store, &[note("one")]).await;
    write(&store, &[]).await;
    assert_eq!(said(newest(&store).await), [note("one")]);
}

pub async fn lines_go_400_days_after_they_were_written_when_the_storage_is_tended(
    h: &dyn StoreHarness,
) {
    let store = h.open().await;
    write(&store, &[note("old"), note("old too")]).await;
    h.age_audit(2 * MINUTE).await;
    write(&store, &[note("younger")]).await;
    h.age_audit(AuditEntry::KEPT.saturating_sub(MINUTE)).await;
    write(&store, &[note("new")]).await;
    // How long jobs are kept says nothing of the log: neither does it keep more of it, nor less.
    for keep in [Retention::FOREVER, Duration::from_hours(1)] {
        let retention = Retention { keep, batch: 1 };
        store.tend_storage(retention).await.expect("tended");
        let left = said(whole(&store, 10).await);
        assert_eq!(left, [note("younger"), note("new")], "with {keep:?}");
    }
    h.age_audit(MINUTE).await;
    let retention = Retention {
        keep: Retention::FOREVER,
        batch: 1,
    };
    store.tend_storage(retention).await.expect("tended");
    assert_eq!(said(newest(&store).await), [note("new")]);
}

pub async fn however_many_lines_are_old_one_pass_takes_them_away(h: &dyn StoreHarness) {
    let store = h.open().await;
    // More than one transaction takes.
    let many = AuditEntry::FORGOTTEN_AT_ONCE as usize + 1;
    write(&store, &notes(0..many)).await;
    h.age_audit(AuditEntry::KEPT + MINUTE).await;
    write(&store, &[note("new")]).await;
    let retention = Retention {
        keep: Retention::FOREVER,
        batch: 1,
    };
    store.tend_storage(retention).await.expect("tended");
    assert_eq!(said(newest(&store).await), [note("new")]);
}
