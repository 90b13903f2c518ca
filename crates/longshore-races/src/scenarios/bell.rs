//! The bell: what rings while its listener is busy is heard.

use std::sync::Arc;

use shuttle::future::{JoinHandle, spawn};

use super::{Count, all};
use crate::bell::Bell;
use crate::explore::reached;

const RINGERS: usize = 2;
const RINGS: usize = 2;

/// Those who put work down, then ring.
fn ring(bell: &Arc<Bell>, work: &Count) -> Vec<JoinHandle<()>> {
    let ringers = (0..RINGERS).map(|_| {
        let (bell, work) = (Arc::clone(bell), work.clone());
        spawn(async move {
            for _ in 0..RINGS {
                work.add(1);
                bell.ring();
            }
        })
    });
    ringers.collect()
}

/// Work is put down, then the bell rings; who looks, then listens, finds all of it.
pub async fn a_ring_while_the_listener_looks_is_not_lost() {
    let (bell, work) = (Arc::new(Bell::new()), Count::default());
    let mut listener = bell.listen();
    let ringers = ring(&bell, &work);
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

/// The same for one who looks at the work only where it is said that it rang.
pub async fn whoever_asks_whether_it_rang_is_told_of_each_ring() {
    let (bell, work) = (Arc::new(Bell::new()), Count::default());
    let mut listener = bell.listen();
    let ringers = ring(&bell, &work);
    let (mut found, mut in_vain) = (0, 0);
    while found < RINGERS * RINGS {
        if listener.looking() {
            found = work.get();
        } else {
            in_vain += 1;
        }
        // It does something else now and then, and does not listen.
        shuttle::future::yield_now().await;
        if found % 2 == 0 && found < RINGERS * RINGS {
            listener.rung().await;
        }
    }
    reached(if in_vain > 0 {
        "it had not rung"
    } else {
        "it had rung at each look"
    });
    all(ringers).await;
}
