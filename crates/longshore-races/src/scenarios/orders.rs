//! Orders: whoever listens learns of the weightiest, in whatever order they are given.

use longshore_core::store::LeaseStatus;
use shuttle::future::spawn;

use super::all;
use crate::explore::reached;
use crate::orders::{Order, Orders, StopReason};

/// A drain, a time-out, a cancel and a lost lease at once, to a supervisor that is busy with each.
pub async fn the_weightiest_order_is_heard_and_stands() {
    let orders = Orders::new();
    let supervisor = {
        let orders = orders.clone();
        spawn(async move {
            let mut heard = vec![Order::CarryOn];
            while heard.last() != Some(&Order::Abandon) {
                let known = *heard.last().expect("it begins with one");
                heard.push(orders.other_than(known).await);
            }
            if heard.len() > 2 {
                reached("several orders were heard");
            }
            // A lighter one never replaces a weightier, nor one of two equals the other.
            let is_drained = |order: &Order| *order == Order::Stop(StopReason::Drained);
            let drained = heard.iter().position(is_drained);
            assert!(drained.is_none_or(|at| at == 1), "{heard:?}");
            assert!(heard.len() <= 4, "{heard:?}");
        })
    };
    let speakers = [
        StopReason::Drained,
        StopReason::RunTimeout,
        StopReason::OutputTimeout,
    ]
    .map(|reason| {
        let orders = orders.clone();
        spawn(async move { orders.give(Order::Stop(reason)) })
    });
    let store = [LeaseStatus::CancelRequested, LeaseStatus::Lost].map(|status| {
        let orders = orders.clone();
        spawn(async move { orders.heed(status) })
    });
    assert_eq!(orders.let_go().await, Order::Abandon);
    all(speakers).await;
    all(store).await;
    all([supervisor]).await;
    assert_eq!(orders.standing(), Order::Abandon);
}
