//! Names of queues → ids. Queues are never renamed or removed, so what was read once stays true.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use longshore_core::store::{StoreError, StoreResult};
use longshore_core::{QueueId, suggest};

use crate::db::Db;
use crate::rows;

/// What this process knows of the names.
#[derive(Debug, Default)]
pub(crate) struct QueueNames {
    ids: RwLock<HashMap<String, QueueId>>,
}

impl QueueNames {
    /// The id of a queue; an unknown name is an error that suggests another.
    pub async fn id_of(&self, verb: &'static str, db: &Db, name: &str) -> StoreResult<QueueId> {
        if let Some(id) = self.known(name) {
            return Ok(id);
        }
        self.read(verb, db).await?;
        self.known(name).ok_or_else(|| self.unknown(name))
    }

    /// The error for an unknown name.
    fn unknown(&self, name: &str) -> StoreError {
        let ids = self.ids.read().unwrap_or_else(PoisonError::into_inner);
        let mut names: Vec<&str> = ids.keys().map(String::as_str).collect();
        names.sort_unstable();
        StoreError::UnknownQueue {
            name: name.to_owned(),
            hint: suggest::hint(name, names.iter().copied()),
        }
    }

    fn known(&self, name: &str) -> Option<QueueId> {
        self.ids
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .copied()
    }

    async fn read(&self, verb: &'static str, db: &Db) -> StoreResult<()> {
        let mut found = HashMap::new();
        for row in db
            .rows(verb, include_str!("../sql/queues.sql"), &[])
            .await?
        {
            let queue = rows::queue(verb, &row)?;
            found.insert(queue.name, queue.id);
        }
        *self.ids.write().unwrap_or_else(PoisonError::into_inner) = found;
        Ok(())
    }
}
