//! Which tests run beside each other: all of them, but for the one that looks at the clock.

use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

static OTHERS: RwLock<()> = RwLock::const_new(());

/// Waits while a test runs that must be alone; for as long as it is held, none begins.
pub async fn others() -> RwLockReadGuard<'static, ()> {
    OTHERS.read().await
}

/// Waits until no other test runs that said so; none begins while it is held. How long a thing takes says
/// nothing while a test beside it keeps eight processes busy.
pub async fn nobody() -> RwLockWriteGuard<'static, ()> {
    OTHERS.write().await
}
