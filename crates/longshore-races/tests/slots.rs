//! The launch slots of a worker under every interleaving.

use longshore_races::explore::explore;
use longshore_races::scenarios::slots;

#[test]
fn no_more_are_held_than_there_are() {
    explore(
        &["several were free at once", "more jobs than slots"],
        slots::no_more_are_held_than_there_are,
    );
}

#[test]
fn a_wait_that_is_cut_short_takes_no_slot_along() {
    explore(
        &[
            "a drain came before a slot",
            "a slot came before the drain",
            "a wait was cut short",
        ],
        slots::a_wait_that_is_cut_short_takes_no_slot_along,
    );
}
