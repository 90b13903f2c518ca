//! The bell: what rings while its listener is busy is heard.

use shuttle::future::spawn;

use super::{Count, all};
use crate::bell::Bell;
use crate::explore::reached;

/// Work is put down, then the bell rings; who looks, then listens, finds all of it.
pub async fn a_ring_while_the_listener_looks_is_not_lost() {
    const RINGERS: usize = 2;
    const RINGS: usize = 2;
    let bell = std::sync::Arc::new(Bell::new());
    let work = Count::default();
    let mut listener = bell.listen();
    let ringers = (0..RINGERS).map(|_| {
        let (bell, work) = (std::sync::Arc::clone(&bell), work.clone());
        spawn(async move {
            for _ in 0..RINGS {
                work.add(1);
                bell.ring();
            }
        })
    });
    let ringers: Vec<_> = ringers.collect();
    let mut looks = 0;
    loop {
        listener.looking();
        looks += 1;
        let found = work.get();
        // Looking takes time, in which it may ring again.
        shuttle::future::yield_now().await;
        if found == RINGERS * RINGS {
            break;
        }
        listener.rung().await;
    }
    reached(if looks > RINGERS * RINGS {
        "every ring was heard alone"
    } else {
        "many rings were one"
    });
    all(ringers).await;
}
