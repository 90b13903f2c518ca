//! Who may speak to a server, and what was done.

use async_trait::async_trait;
use longshore_core::access::{
    ApiToken, ApiTokenId, AuditEntry, AuditNote, NewApiToken, Role, SecretHash, StoredApiToken,
};
use longshore_core::store::{Access, StoreError, StoreResult};
use rusqlite::{Row, named_params};

use crate::error::Outcome;
use crate::rows::{Micros, Word};
use crate::sql;
use crate::store::SqliteStore;
use crate::tx::Tx;
use crate::writer::News;

#[async_trait]
impl Access for SqliteStore {
    async fn create_token(&self, token: &NewApiToken) -> StoreResult<ApiToken> {
        token.validate()?;
        let token = token.clone();
        let create = move |tx: &Tx<'_>| create_token(tx, &token);
        self.engine.write("make a token", News::No, create).await
    }

    async fn tokens(&self) -> StoreResult<Vec<ApiToken>> {
        let list = |tx: &Tx<'_>| {
            let params = named_params! { ":now": tx.now, ":limit": ApiToken::MAX_LISTED };
            tx.all(sql!("tokens"), params, token_from_row)
        };
        self.engine.read("list tokens", list).await
    }

    async fn token(&self, token: ApiTokenId) -> StoreResult<Option<StoredApiToken>> {
        let find = move |tx: &Tx<'_>| {
            let params = named_params! { ":token": token.0, ":now": tx.now };
            tx.maybe(sql!("token"), params, |row| {
                let hash = SecretHash(row.get("hash")?);
                let token = token_from_row(row)?;
                Ok(StoredApiToken { token, hash })
            })
        };
        self.engine.read("look up a token", find).await
    }

    async fn note_token_use(&self, token: ApiTokenId) -> StoreResult<()> {
        let note = move |tx: &Tx<'_>| {
            let noted = tx.now.minus(ApiToken::USE_NOTED_EVERY);
            let params = named_params! { ":token": token.0, ":now": tx.now, ":noted": noted };
            tx.execute(sql!("note_token_use"), params).map(drop)
        };
        self.engine
            .write("note a token's use", News::No, note)
            .await
    }

    async fn revoke_token(&self, token: ApiTokenId) -> StoreResult<ApiToken> {
        let revoke = move |tx: &Tx<'_>| {
            let params = named_params! { ":token": token.0, ":now": tx.now };
            let revoked = tx.maybe(sql!("revoke_token"), params, token_from_row)?;
            revoked.ok_or_else(|| StoreError::UnknownToken(token).into())
        };
        self.engine.write("revoke a token", News::No, revoke).await
    }

    async fn note_audit(&self, notes: &[AuditNote]) -> StoreResult<()> {
        if notes.is_empty() {
            return Ok(());
        }
        let kept: Vec<_> = notes.iter().cloned().map(AuditNote::kept).collect();
        let note = move |tx: &Tx<'_>| kept.iter().try_for_each(|note| note_audit(tx, note));
        self.engine
            .write("write the audit log", News::No, note)
            .await
    }

    async fn audit_log(&self, before: Option<i64>, limit: u32) -> StoreResult<Vec<AuditEntry>> {
        let before = before.unwrap_or(i64::MAX);
        let limit = limit.clamp(1, AuditEntry::MAX_PAGE);
        let read = move |tx: &Tx<'_>| {
            let params = named_params! { ":before": before, ":limit": limit };
            tx.all(sql!("audit_log"), params, entry_from_row)
        };
        self.engine.read("read the audit log", read).await
    }
}

/// Writers come one at a time, so nobody makes another of this name between the look and the row.
fn create_token(tx: &Tx<'_>, token: &NewApiToken) -> Outcome<ApiToken> {
    let expires_at = token.lifetime.map(|lifetime| tx.now.plus(lifetime));
    let params = named_params! {
        ":name": token.name,
        ":role": token.role.as_str(),
        ":hash": token.hash.0,
        ":now": tx.now,
        ":expires_at": expires_at,
    };
    let made = tx.maybe(sql!("create_token"), params, token_from_row)?;
    made.ok_or_else(|| StoreError::TokenExists(token.name.clone()).into())
}

fn token_from_row(row: &Row<'_>) -> rusqlite::Result<ApiToken> {
    let time = |name: &str| -> rusqlite::Result<_> {
        Ok(row.get::<_, Option<Micros>>(name)?.map(Micros::time))
    };
    Ok(ApiToken {
        id: ApiTokenId(row.get("id")?),
        name: row.get("name")?,
        role: row.get::<_, Word<Role>>("role")?.0,
        created_at: row.get::<_, Micros>("created_at")?.time(),
        expires_at: time("expires_at")?,
        revoked_at: time("revoked_at")?,
        last_used_at: time("last_used_at")?,
        is_good: row.get("is_good")?,
    })
}

fn note_audit(tx: &Tx<'_>, note: &AuditNote) -> Outcome<()> {
    let params = named_params! {
        ":now": tx.now,
        ":who": note.who,
        ":token": note.token.map(|token| token.0),
        ":address": note.address,
        ":action": note.action,
        ":subject": note.subject,
        ":status": note.status,
    };
    tx.execute_one(sql!("note_audit"), params)
}

fn entry_from_row(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry {
        id: row.get("id")?,
        at: row.get::<_, Micros>("at")?.time(),
        note: AuditNote {
            who: row.get("who")?,
            token: row.get::<_, Option<i64>>("token")?.map(ApiTokenId),
            address: row.get("address")?,
            action: row.get("action")?,
            subject: row.get("subject")?,
            status: row.get("status")?,
        },
    })
}
