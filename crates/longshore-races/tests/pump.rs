//! The output pump under every interleaving.

use longshore_races::explore::explore;
use longshore_races::scenarios::pump;

#[test]
fn every_byte_is_stored_once_and_in_order() {
    explore(
        &["stored while it wrote", "it was heard to its end"],
        pump::every_byte_is_stored_once_and_in_order,
    );
}

#[test]
fn a_lost_reply_stores_nothing_twice() {
    explore(
        &[
            "a call failed",
            "a reply was lost",
            "a number came again",
            "it was heard to its end",
        ],
        pump::a_lost_reply_stores_nothing_twice,
    );
}

#[test]
fn the_end_stores_what_is_pending() {
    explore(
        &[
            "the stream broke",
            "the stream stayed open",
            "it was heard to its end",
        ],
        pump::the_end_stores_what_is_pending,
    );
}

#[test]
fn a_lost_lease_ends_it() {
    explore(&["it was stopped"], pump::a_lost_lease_ends_it);
}
