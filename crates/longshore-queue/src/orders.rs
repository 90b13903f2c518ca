//! What a supervising task is told: carry on, stop the container, or let go of it.
//!
//! Many may speak (the cancel watch, a timeout, a drain, the store's answer to a write); one
//! listens. An order only ever gives way to a weightier one, so it does not matter in which order
//! they come.

use std::sync::Arc;

use longshore_core::attempt::Outcome;
use longshore_core::store::LeaseStatus;
use tokio::sync::watch;

/// Why a container is stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum StopReason {
    /// The worker drains and the container cannot outlive it.
    Drained,
    /// It ran for too long.
    RunTimeout,
    /// It was silent for too long.
    OutputTimeout,
    /// A person asked for it.
    Cancelled,
}

impl StopReason {
    /// What is recorded of an attempt that was stopped for this reason.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Drained => Outcome::HandedBack,
            Self::RunTimeout => Outcome::RunTimeout,
            Self::OutputTimeout => Outcome::OutputTimeout,
            Self::Cancelled => Outcome::Cancelled,
        }
    }
}

/// What a supervising task is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Order {
    /// Go on.
    CarryOn,
    /// Stop the container and finish the attempt.
    Stop(StopReason),
    /// The worker leaves: stop supervising, let the container run and the lease stand.
    LeaveAlive,
    /// The lease is another's: stop supervising and write nothing.
    Abandon,
}

impl Order {
    /// A weightier order replaces a lighter one; the first of equals stays. A person's cancel, or
    /// a timeout, is truer than "drained"; whose lease is lost has nothing to finish at all.
    fn weight(self) -> u8 {
        match self {
            Self::CarryOn => 0,
            Self::Stop(StopReason::Drained) => 1,
            Self::Stop(
                StopReason::RunTimeout | StopReason::OutputTimeout | StopReason::Cancelled,
            ) => 2,
            Self::LeaveAlive => 3,
            Self::Abandon => 4,
        }
    }
}

/// Where orders for one attempt are given. Clones speak to the same attempt.
#[derive(Clone, Debug)]
pub(crate) struct Orders(Arc<watch::Sender<Order>>);

impl Orders {
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Order::CarryOn)))
    }

    /// Gives an order, unless a weightier one stands.
    pub fn give(&self, order: Order) {
        self.0.send_if_modified(|standing| {
            let replaces = order.weight() > standing.weight();
            if replaces {
                *standing = order;
            }
            replaces
        });
    }

    /// Gives the order that follows from the store's word on the lease.
    pub fn heed(&self, status: LeaseStatus) {
        match status {
            LeaseStatus::Held => {}
            LeaseStatus::CancelRequested => self.give(Order::Stop(StopReason::Cancelled)),
            LeaseStatus::Lost => self.give(Order::Abandon),
        }
    }

    /// The order that stands.
    pub fn standing(&self) -> Order {
        *self.0.borrow()
    }

    /// The order that stands, once it is another than `known`. Cancellation-safe.
    pub async fn other_than(&self, known: Order) -> Order {
        self.when(|order| order != known).await
    }

    /// Waits until nothing more is to be written for this attempt by this worker.
    /// Cancellation-safe.
    pub async fn let_go(&self) -> Order {
        self.when(|order| matches!(order, Order::LeaveAlive | Order::Abandon))
            .await
    }

    async fn when(&self, wanted: impl Fn(Order) -> bool) -> Order {
        let mut orders = self.0.subscribe();
        match orders.wait_for(|order| wanted(*order)).await {
            Ok(order) => *order,
            // The sender lives in `self`, so this is never reached; letting go harms nothing.
            Err(_) => Order::LeaveAlive,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weightier_order_replaces_a_lighter_one_in_whatever_order_they_come() {
        use Order::{Abandon, CarryOn, LeaveAlive, Stop};
        let run_timeout = Stop(StopReason::RunTimeout);
        let cancelled = Stop(StopReason::Cancelled);
        let drained = Stop(StopReason::Drained);
        for (given, stands) in [
            (vec![], CarryOn),
            (vec![drained, cancelled], cancelled),
            (vec![cancelled, drained], cancelled),
            (vec![run_timeout, cancelled], run_timeout),
            (vec![cancelled, run_timeout], cancelled),
            (vec![LeaveAlive, cancelled], LeaveAlive),
            (vec![Abandon, LeaveAlive], Abandon),
            (vec![LeaveAlive, Abandon], Abandon),
            (vec![cancelled, CarryOn], cancelled),
        ] {
            let orders = Orders::new();
            for order in &given {
                orders.give(*order);
            }
            assert_eq!(orders.standing(), stands, "{given:?}");
        }
    }

    #[tokio::test]
    async fn a_listener_learns_of_an_order_given_before_it_listened() {
        let orders = Orders::new();
        orders.heed(LeaseStatus::CancelRequested);
        let order = orders.other_than(Order::CarryOn).await;
        assert_eq!(order, Order::Stop(StopReason::Cancelled));
        orders.heed(LeaseStatus::Lost);
        assert_eq!(orders.let_go().await, Order::Abandon);
    }
}
