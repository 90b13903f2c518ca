//! What a launch stores, as the model does it.

use longshore_core::HostId;
use longshore_core::executor::Handle;
use longshore_core::host::Demand;
use longshore_core::store::{FenceOutcome, LeaseKey, LeaseStatus, MAX_NOTE_BYTES};

use super::{Answer, Model, Refusal};

impl Model {
    /// The fence before a start. An unknown host is an error, whatever became of the lease.
    pub fn mark_launched(
        &mut self,
        lease: LeaseKey,
        host: HostId,
        handle: &Handle,
        demand: Demand,
    ) -> Answer<FenceOutcome> {
        let known = self
            .host(host)
            .ok_or_else(|| Refusal::Invalid("host".to_owned()))?;
        let Some(live) = self.held(lease) else {
            return Ok(FenceOutcome::Lost);
        };
        let is_there = live
            .launched
            .as_ref()
            .is_some_and(|(there, ..)| *there == host);
        if !is_there && !live.cancel_requested {
            if !known.enabled {
                return Ok(FenceOutcome::HostDisabled);
            }
            if let Some(lack) = known.lack(demand) {
                return Ok(FenceOutcome::HostFull(lack));
            }
        }
        live.launched = Some((host, handle.clone(), demand));
        live.boot_id = Some(known.facts.boot_id);
        Ok(if live.cancel_requested {
            FenceOutcome::CancelRequested
        } else {
            FenceOutcome::Stored
        })
    }

    /// What a launch says of itself.
    pub fn note_launch(&mut self, lease: LeaseKey, note: &str) -> LeaseStatus {
        if let Some(live) = self.held(lease) {
            live.note = Some(note[..note.floor_char_boundary(MAX_NOTE_BYTES)].to_owned());
        }
        self.status(lease)
    }

    /// `launching` → `running`.
    pub fn mark_running(&mut self, lease: LeaseKey) -> LeaseStatus {
        if let Some(live) = self.held(lease) {
            live.started = true;
            live.note = None;
        }
        self.status(lease)
    }
}
