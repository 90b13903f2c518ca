//! Listens to the store's hints and passes them on. Hints say "look", never what there is to see.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use longshore_core::store::Store as _;
use tokio::time::sleep;

use crate::shift::Shift;

/// Hints closer together than this are one: a busy database hints with every commit.
const MIN_GAP: Duration = Duration::from_millis(10);

/// For how long one wait for a hint lasts; polling is the business of those who look.
const LISTEN: Duration = Duration::from_secs(15);

/// Rings the bells on every hint.
pub(crate) async fn run(shift: Arc<Shift>) {
    let mut wakeups = shift.store.wakeups();
    loop {
        if wakeups.wait(LISTEN).await {
            shift.look.ring();
            shift.hints.ring();
        }
        shift.hears.store(wakeups.come_round(), Ordering::Relaxed);
        sleep(MIN_GAP).await;
    }
}
