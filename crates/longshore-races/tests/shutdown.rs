//! `GracefulShutdown` under every interleaving.

use longshore_races::explore::explore;
use longshore_races::scenarios::shutdown;

#[test]
fn stages_move_forward_and_everybody_learns() {
    explore(
        &["a signal drained"],
        shutdown::stages_move_forward_and_everybody_learns,
    );
}
