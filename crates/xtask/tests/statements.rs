//! Both stores keep a verb's statements under the same name: `sql/VERB.sql`, and
//! `sql/VERB_PART.sql` where a store needs several. So the two can be read side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Names that stand for no verb of the trait: parts that verbs share, and what only whoever migrates
/// or measures asks of a store.
const SHARED: &[(&str, &[&str])] = &[
    (
        "longshore-sqlite",
        &[
            "checkpoint",
            "data_version",
            "migrate",
            "place",
            "renew_instance",
            "spec_of",
        ],
    ),
    (
        "longshore-postgres",
        &["activity", "notify", "renew_instance", "session", "spec_of"],
    ),
];

/// Verbs that SQLite's store puts together of `place_*` steps in Rust, where PostgreSQL's has a
/// statement of their own: inside one transaction of one writer a step costs no round trip.
const BY_STEPS_ON_SQLITE: &[&str] = &["dequeue_job", "queue_job", "reprioritise", "states"];

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("crates/xtask lies in crates")
        .to_owned()
}

fn names_in(folder: &Path) -> Vec<(String, String)> {
    fs::read_dir(folder)
        .expect("the folder is there")
        .map(|entry| entry.expect("its entries can be read").path())
        .filter(|path| path.is_file())
        .map(|path| {
            let stem = path.file_stem().expect("a file has a name");
            let text = fs::read_to_string(&path).expect("a text");
            (stem.to_string_lossy().into_owned(), text)
        })
        .collect()
}

/// The verbs of the trait, as its source names them.
fn verbs() -> BTreeSet<String> {
    names_in(&crates().join("longshore-core/src/store"))
        .iter()
        .flat_map(|(_, text)| text.split("async fn ").skip(1))
        .filter_map(|rest| rest.split('(').next().map(str::to_owned))
        .collect()
}

/// Which verbs a store has statements for, and which of its files are named for nothing.
fn statements(store: &str) -> (BTreeSet<String>, Vec<String>) {
    let mut known: BTreeMap<String, bool> = verbs().into_iter().map(|verb| (verb, true)).collect();
    let (_, shared) = SHARED
        .iter()
        .find(|(name, _)| *name == store)
        .expect("a store of ours");
    known.extend(shared.iter().map(|name| ((*name).to_owned(), false)));
    let (mut served, mut stray) = (BTreeSet::new(), Vec::new());
    for (name, _) in names_in(&crates().join(store).join("sql")) {
        let named_for = known
            .keys()
            .filter(|word| name == **word || name.starts_with(&format!("{word}_")))
            .max_by_key(|word| word.len());
        match named_for {
            Some(verb) if known[verb] => _ = served.insert(verb.clone()),
            Some(_) => {}
            None => stray.push(name),
        }
    }
    (served, stray)
}

#[test]
fn every_statement_is_named_for_its_verb() {
    for (store, _) in SHARED {
        let (_, stray) = statements(store);
        assert!(stray.is_empty(), "{store}: named for no verb: {stray:?}");
    }
}

#[test]
fn both_stores_have_statements_for_the_same_verbs() {
    let (sqlite, _) = statements("longshore-sqlite");
    let (mut postgres, _) = statements("longshore-postgres");
    for verb in BY_STEPS_ON_SQLITE {
        assert!(
            postgres.remove(*verb) && !sqlite.contains(*verb),
            "{verb} is no exception any more: take it off the list"
        );
    }
    assert_eq!(sqlite, postgres);
}
