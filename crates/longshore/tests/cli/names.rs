//! The binary that people run contains no fault point and no planted bug: not even the name of one.
//!
//! It searches the binary that these tests have built anyway, so it costs no build: what takes the
//! points away is the feature of `longshore-fault`, the same in every profile. The release binary is
//! searched by `cargo xtask teeth --release`. In a build with `--features faults` the same search must
//! find the names, which shows that it can.

use std::collections::HashMap;

use longshore_fault::NAMES;

/// Those of the names that are somewhere in these bytes: one pass, by their first four bytes.
fn found_in(bytes: &[u8]) -> Vec<&'static str> {
    let mut by_start: HashMap<&[u8], Vec<&'static str>> = HashMap::new();
    for name in NAMES {
        by_start
            .entry(&name.as_bytes()[..4])
            .or_default()
            .push(*name);
    }
    // Told apart by three bytes before anything is hashed: there are a hundred million places.
    let index = |at: &[u8]| usize::from(at[0]) << 16 | usize::from(at[1]) << 8 | usize::from(at[2]);
    let mut begins = vec![false; 1 << 24];
    for name in NAMES {
        begins[index(name.as_bytes())] = true;
    }
    let mut found = Vec::new();
    for at in 0..bytes.len().saturating_sub(4) {
        if !begins[index(&bytes[at..])] {
            continue;
        }
        for name in by_start.get(&bytes[at..at + 4]).into_iter().flatten() {
            if bytes[at..].starts_with(name.as_bytes()) {
                found.push(*name);
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

#[test]
fn the_binary_contains_names_of_points_and_bugs_only_when_it_was_built_with_them() {
    let binary = std::fs::read(env!("CARGO_BIN_EXE_longshore")).expect("the binary is there");
    let found = found_in(&binary);
    if cfg!(feature = "faults") {
        let points = NAMES.iter().filter(|name| name.contains('.'));
        let missing: Vec<_> = points.filter(|name| !found.contains(name)).collect();
        assert!(missing.is_empty(), "the search does not find {missing:?}");
    } else {
        assert!(found.is_empty(), "the binary contains {found:?}");
    }
}
