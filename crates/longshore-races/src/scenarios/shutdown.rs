//! `GracefulShutdown`: its stages only move forward, and whoever waits for one learns of it.

use shuttle::future::spawn;

use super::all;
use crate::explore::reached;
use crate::shutdown::{GracefulShutdown, Stage};

/// Two signals and somebody's drain at once.
pub async fn stages_move_forward_and_everybody_learns() {
    let shutdown = GracefulShutdown::new();
    let waiting = [Stage::Draining, Stage::Forced].map(|stage| {
        let shutdown = shutdown.clone();
        spawn(async move {
            match stage {
                Stage::Running => {}
                Stage::Draining => shutdown.draining().await,
                Stage::Forced => shutdown.forced().await,
            }
            assert!(shutdown.stage() >= stage);
            assert!(shutdown.is_draining());
        })
    });
    let signals = [0, 1].map(|_| {
        let shutdown = shutdown.clone();
        spawn(async move {
            let before = shutdown.stage();
            let after = shutdown.signal();
            assert!(after > before || after == Stage::Forced);
            if after == Stage::Draining {
                reached("a signal drained");
            }
        })
    });
    let asked = {
        let shutdown = shutdown.clone();
        spawn(async move { assert!(shutdown.drain() >= Stage::Draining) })
    };
    all(signals).await;
    all([asked]).await;
    // A drain and two signals: the second one forces at the latest.
    assert_eq!(shutdown.stage(), Stage::Forced);
    all(waiting).await;
    assert_eq!(shutdown.force(), Stage::Forced);
}
