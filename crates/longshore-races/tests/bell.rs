//! The bell under every interleaving.

use longshore_races::explore::explore;
use longshore_races::scenarios::bell;

#[test]
fn a_ring_while_the_listener_looks_is_not_lost() {
    explore(
        &["every ring was heard alone", "many rings were one"],
        bell::a_ring_while_the_listener_looks_is_not_lost,
    );
}

#[test]
fn whoever_asks_whether_it_rang_is_told_of_each_ring() {
    explore(
        &["it had not rung", "it had rung at each look"],
        bell::whoever_asks_whether_it_rang_is_told_of_each_ring,
    );
}
