//! The host that a launch goes to: chosen, its room taken, its container created and counted there.
//!
//! Jobs within the worker's own process are counted there, and nowhere else.
//!
//! Owns that a launch for which there is no room keeps its lease and waits, says for what, and
//! leaves nothing behind on a host that did not take it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use longshore_core::attempt::Outcome;
use longshore_core::classify::ErrorClass;
use longshore_core::host::Demand;
use longshore_core::retry::Backoff;
use longshore_core::spec::EnvValue;
use longshore_core::store::Leases as _;
use tokio::time::sleep;
use tracing::Span;

use super::{Launch, Stopped, failed, over};
use crate::machines::{Placed, Room, Search};

/// Between two tries after the store refused a host that had looked free: others were faster.
const REFUSED: Backoff = Backoff {
    attempts: u32::MAX,
    base: Duration::from_millis(50),
    max: Duration::from_secs(2),
};

impl Launch<'_> {
    /// Creates the container on the host that suits best, and has the store count it there. Says
    /// whether it was never started.
    pub(super) async fn place(
        &self,
        env: BTreeMap<String, EnvValue>,
    ) -> Result<(Placed, bool), Stopped> {
        let mut refused = 0;
        loop {
            let room = self.find_room().await?;
            let machine = Arc::clone(&room.machine);
            let name = machine.name();
            Span::current().record("host", &name);
            self.shift.roll.placed(self.lease.key, name.clone());
            let (placed, is_new) = self.create(&machine, env.clone()).await?;
            self.progress.created(&placed);
            if !is_new {
                self.progress.starting();
            }
            if machine.executor.is_in_process() {
                // Nobody else reaches that host, nor looks for a handle there.
                self.progress.takes(room);
                self.served.placed();
                return Ok((placed, is_new));
            }
            if self.fence(&placed, is_new).await? {
                self.progress.counted(room);
                self.served.placed();
                return Ok((placed, is_new));
            }
            tracing::debug!(
                job.id = self.lease.key.job.0,
                host = name,
                "the host has no room any more"
            );
            let undone = self.undo(&placed, over(Outcome::HandedBack)).await;
            if !matches!(undone, Stopped::Over(_, None)) {
                return Err(undone); // Something is left there: whoever comes next begins afresh.
            }
            refused += 1;
            let pause = REFUSED.delay(refused, rand::random());
            tokio::select! {
                () = sleep(pause) => {}
                stopped = self.until_useless() => return Err(stopped),
            }
            self.ask_again(Duration::ZERO).await;
        }
    }

    /// Waits for room on one of the hosts, and takes it.
    async fn find_room(&self) -> Result<Room, Stopped> {
        let machines = &self.shift.machines;
        let demand = Demand::of(self.spec);
        let mut listener = machines.listen();
        let mut waiting = None;
        let mut told = String::new();
        loop {
            listener.looking();
            let why = match machines.search(self.served, demand) {
                Search::Found(room) => return Ok(room),
                Search::Wait(why) => why,
                Search::NoneUsable(why) => return Err(self.left_to_others(&why)),
                Search::TooSmall(why) => return Err(self.too_large(demand, &why).await),
            };
            waiting.get_or_insert_with(|| machines.wait_for_room(self.served));
            let note = format!("waiting for room: {why}");
            if note != told {
                self.note(&note).await;
                told = note;
            }
            let poll = self.shift.config.poll_interval;
            tokio::select! {
                stopped = self.until_useless() => return Err(stopped),
                () = listener.rung() => {}
                () = sleep(poll) => {}
            }
            self.ask_again(poll / 2).await;
        }
    }

    /// It goes back to its line: what keeps it from running here may pass, or other workers may
    /// reach other hosts.
    fn left_to_others(&self, why: &str) -> Stopped {
        self.served.rest();
        tracing::warn!(
            job.id = self.lease.key.job.0,
            why,
            "no host takes jobs: handed back"
        );
        over(Outcome::HandedBack)
    }

    /// No host here can ever run it: then another worker's has to, if there is one.
    async fn too_large(&self, demand: Demand, why: &str) -> Stopped {
        let (machines, store) = (&self.shift.machines, &self.shift.store);
        let elsewhere = self.while_useful("hosts", || {
            machines.fits_elsewhere(store, self.served, demand)
        });
        match elsewhere.await {
            Ok(Ok(false)) => failed(
                ErrorClass::Permanent,
                &format!("no host is large enough: {why}"),
            ),
            Ok(Ok(true) | Err(_)) => self.left_to_others(why),
            Err(stopped) => stopped,
        }
    }

    async fn ask_again(&self, at_most_old: Duration) {
        let (machines, store) = (&self.shift.machines, &self.shift.store);
        if let Err(error) = machines.ask_again(store, at_most_old).await {
            tracing::debug!(error = %error, "can't see whether the hosts have room");
        }
    }

    /// Tells the people who wait. What can't be stored is no loss.
    pub(super) async fn note(&self, note: &str) {
        let key = self.lease.key;
        if let Err(error) = self.shift.store.note_launch(key, note).await {
            tracing::debug!(job.id = key.job.0, error = %error, "can't note how far a launch is");
        }
    }
}
