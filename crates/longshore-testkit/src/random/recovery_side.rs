//! A take-over asked of a store; see [`super::store_side`].

use longshore_core::ids::Token;
use longshore_core::store::{Launched, Store, TakeOverRequest, TakenOver};

use super::model_side::{Reply, said};
use super::names::Names;
use super::store_side::{lease, plain};
use crate::model::MOMENT;

pub(super) async fn take_over(
    store: &dyn Store,
    names: &mut Names,
    request: &TakeOverRequest,
) -> Reply {
    let again = request.again.iter();
    let real = TakeOverRequest {
        worker: names.workers.real(request.worker),
        again: again.map(|key| names.real_lease(*key)).collect(),
        ..request.clone()
    };
    let taken = match store.take_over(&real).await {
        Ok(taken) => taken,
        Err(error) => return plain::<()>(Err(error)),
    };
    // Above all that there were; among themselves in any order.
    let before = names.newest_token;
    for taken in &taken {
        let fresh = taken.lease.key.token;
        if fresh <= before || names.tokens.known(fresh).is_some() {
            return format!("token {fresh} after {before}");
        }
        names.newest_token = names.newest_token.max(fresh);
        let ours = Token(names.tokens.count() + 1);
        names.tokens.learn(ours, fresh);
    }
    let ours = |taken: TakenOver| TakenOver {
        from: names.workers.ours(taken.from),
        last_token: names.tokens.ours(taken.last_token),
        launched: taken.launched.map(|launched| Launched {
            host: names.hosts.ours(launched.host),
            ..launched
        }),
        started_at: taken.started_at.map(|_| MOMENT),
        taken_at: MOMENT,
        lease: lease(names, taken.lease),
        ..taken
    };
    said(&taken.into_iter().map(ours).collect::<Vec<_>>())
}
