//! Which bug is planted, if any: `LONGSHORE_BUG` names it, for the whole process.

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::NAMES;
use crate::edits::{EDITS, Edit};

/// Names the planted bug.
const VARIABLE: &str = "LONGSHORE_BUG";

/// The planted bug. One that does not exist is refused: a run without any would look like one that
/// no test catches.
fn planted() -> Option<&'static str> {
    static PLANTED: OnceLock<Option<String>> = OnceLock::new();
    let planted = PLANTED.get_or_init(|| {
        let name = std::env::var(VARIABLE).ok().filter(|name| !name.is_empty());
        if let Some(name) = &name {
            assert!(
                NAMES.contains(&name.as_str()),
                "{VARIABLE}={name}: no such bug"
            );
        }
        name
    });
    planted.as_deref()
}

/// Whether this bug is planted.
#[must_use]
pub fn is_planted(name: &'static str) -> bool {
    debug_assert!(NAMES.contains(&name), "{name} is not among the names");
    planted() == Some(name)
}

/// A statement as the planted bug has it. Each is edited once and kept for as long as the process
/// lives, since statements are known by their text.
///
/// # Panics
/// If what is to be replaced does not occur exactly once: then the bug would not be planted.
pub fn edited(place: &'static str, sql: &'static str) -> &'static str {
    static EDITED: OnceLock<Mutex<HashMap<&'static str, &'static str>>> = OnceLock::new();
    let edits: Vec<&Edit> = edits_of(place).collect();
    if edits.is_empty() {
        return sql;
    }
    let known = EDITED.get_or_init(Mutex::default);
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    known.entry(place).or_insert_with(|| {
        let apply = |text: String, edit: &&Edit| edit.apply(&text);
        Box::leak(edits.iter().fold(sql.to_owned(), apply).into_boxed_str())
    })
}

/// The functions of the database that the planted bug changes, each with its edits in order.
#[must_use]
pub fn function_edits() -> Vec<(&'static str, Vec<&'static Edit>)> {
    let mut functions: Vec<(&'static str, Vec<&'static Edit>)> = Vec::new();
    for edit in EDITS.iter().filter(|edit| planted() == Some(edit.bug)) {
        let Some(name) = edit.place.strip_prefix("function ") else {
            continue;
        };
        match functions.iter_mut().find(|(known, _)| *known == name) {
            Some((_, edits)) => edits.push(edit),
            None => functions.push((name, vec![edit])),
        }
    }
    functions
}

fn edits_of(place: &'static str) -> impl Iterator<Item = &'static Edit> {
    EDITS
        .iter()
        .filter(move |edit| edit.place == place && planted() == Some(edit.bug))
}
