//! Orders to a supervising task under every interleaving.

use longshore_races::explore::explore;
use longshore_races::scenarios::orders;

#[test]
fn the_weightiest_order_is_heard_and_stands() {
    explore(
        &["several orders were heard"],
        orders::the_weightiest_order_is_heard_and_stands,
    );
}
