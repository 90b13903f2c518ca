//! Environment templates and their versions.

use std::collections::BTreeMap;
use std::sync::Arc;

use longshore_core::store::StoreError;
use longshore_core::template::MAX_TEMPLATE_BYTES;

use crate::store::StoreHarness;
use crate::store::race::all_at_once;

pub async fn a_template_saved_again_with_another_body_is_a_new_version(h: &dyn StoreHarness) {
    let store = h.open().await;
    for (body, version) in [
        ("A=1\n", 1),
        ("A=1\n", 1),
        ("# näme\nA=2\n", 2),
        ("A=1\n", 3),
        ("", 4),
        ("", 4),
    ] {
        let saved = store.save_template("base", body).await.expect("a template");
        assert_eq!((saved.name.as_str(), saved.body.as_str()), ("base", body));
        assert_eq!(saved.version, version, "of {body:?}");
    }
}

pub async fn templates_are_read_by_name_in_their_newest_version(h: &dyn StoreHarness) {
    let store = h.open().await;
    for (name, body) in [("zone", "Z=1"), ("base", "A=1"), ("base", "A=2")] {
        store.save_template(name, body).await.expect("a template");
    }
    let bodies = |templates: Vec<longshore_core::template::Template>| {
        templates
            .into_iter()
            .map(|t| (t.name, t.version, t.body))
            .collect::<Vec<_>>()
    };
    let base = ("base".to_owned(), 2, "A=2".to_owned());
    let zone = ("zone".to_owned(), 1, "Z=1".to_owned());
    let all = store.templates().await.expect("templates");
    assert_eq!(bodies(all), [base.clone(), zone.clone()]);
    let names = ["zone", "base", "zone"].map(str::to_owned);
    let found = store.templates_named(&names).await.expect("known names");
    assert_eq!(
        bodies(found),
        [zone.clone(), base, zone],
        "in the order of the names"
    );
    assert_eq!(store.templates_named(&[]).await.expect("none"), []);
}

pub async fn an_unknown_template_is_an_error_that_suggests(h: &dyn StoreHarness) {
    let store = h.open().await;
    store
        .save_template("base", "A=1")
        .await
        .expect("a template");
    match store
        .templates_named(&["base".to_owned(), "bsae".to_owned()])
        .await
    {
        Err(StoreError::UnknownTemplate { name, hint }) => {
            assert_eq!(name, "bsae");
            assert!(hint.contains("base"), "{hint}");
        }
        other => panic!("expected an unknown template, got {other:?}"),
    }
}

pub async fn an_unknown_template_among_none_is_an_error_that_says_so(h: &dyn StoreHarness) {
    let store = h.open().await;
    match store.templates_named(&["base".to_owned()]).await {
        Err(StoreError::UnknownTemplate { hint, .. }) => assert_eq!(hint, "there are none yet"),
        other => panic!("expected an unknown template, got {other:?}"),
    }
}

pub async fn a_template_that_cannot_be_read_or_kept_is_refused_and_shows_no_value(
    h: &dyn StoreHarness,
) {
    let store = h.open().await;
    let large = format!("PASSWORD=hunter2{}", "x".repeat(MAX_TEMPLATE_BYTES));
    for (name, body, field) in [
        ("Base", "PASSWORD=hunter2", "name"),
        ("base", "hunter2", "body"),
        ("base", "A=1\nMY PASSWORD=hunter2", "body"),
        ("base", "A=hunter2\0", "body"),
        ("base", "# hunter2\0", "body"),
        ("base", &large, "body"),
    ] {
        match store.save_template(name, body).await {
            Err(StoreError::Invalid(refused)) => {
                assert_eq!(refused.field, field, "{refused}");
                assert!(!format!("{refused:?}").contains("hunter2"), "{refused}");
            }
            other => panic!("expected a refusal of {field}, got {other:?}"),
        }
    }
    assert_eq!(store.templates().await.expect("templates"), []);
}

pub async fn twins_that_save_templates_make_a_version_each(h: &dyn StoreHarness) {
    let handles = [
        h.open().await,
        h.open().await,
        h.open().await,
        h.open().await,
    ];
    let store = Arc::clone(&handles[0]);
    let savers = handles.iter().chain(&handles).cloned().zip(0..);
    let saved = all_at_once(
        savers,
        |(store, n): (Arc<dyn longshore_core::store::Store>, i32)| async move {
            store
                .save_template("base", &format!("N={n}"))
                .await
                .expect("a template")
        },
    )
    .await;
    let versions: BTreeMap<i32, String> = saved
        .into_iter()
        .map(|template| (template.version, template.body))
        .collect();
    let numbers: Vec<i32> = versions.keys().copied().collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7, 8]);
    let newest = store.templates().await.expect("templates").remove(0);
    assert_eq!((newest.version, &newest.body), (8, &versions[&8]));
}
