//! The permit pool of an engine under every interleaving.

use longshore_races::explore::explore;
use longshore_races::scenarios::permits;

#[test]
fn granted_is_what_is_in_use_and_what_is_free() {
    explore(
        &["down to one", "up to the most"],
        permits::granted_is_what_is_in_use_and_what_is_free,
    );
}

#[test]
fn nobody_waits_for_ever_at_the_least() {
    explore(&[], permits::nobody_waits_for_ever_at_the_least);
}

#[test]
fn a_wait_that_is_cut_short_takes_no_permit_along() {
    explore(
        &["cut short"],
        permits::a_wait_that_is_cut_short_takes_no_permit_along,
    );
}

#[test]
fn it_never_grows_past_the_most() {
    explore(&[], permits::it_never_grows_past_the_most);
}
