//! [`Access`]: who may speak to a server, and what was done.

use async_trait::async_trait;
use longshore_core::access::{
    ApiToken, ApiTokenId, AuditEntry, AuditNote, NewApiToken, Role, SecretHash, StoredApiToken,
};
use longshore_core::store::{Access, StoreError, StoreResult};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::db::{self, Db};
use crate::rows::{column, converted};
use crate::timestamps::At;
use crate::{PostgresStore, error};

#[async_trait]
impl Access for PostgresStore {
    async fn create_token(&self, token: &NewApiToken) -> StoreResult<ApiToken> {
        token.validate()?;
        create_token(&self.db, token).await
    }

    async fn tokens(&self) -> StoreResult<Vec<ApiToken>> {
        const VERB: &str = "list tokens";
        let sql = include_str!("../sql/tokens.sql");
        let most = i64::from(ApiToken::MAX_LISTED);
        let rows = self.db.rows(VERB, sql, &[&most]).await?;
        rows.iter().map(|row| api_token(VERB, row)).collect()
    }

    async fn token(&self, token: ApiTokenId) -> StoreResult<Option<StoredApiToken>> {
        const VERB: &str = "look up the token";
        let sql = include_str!("../sql/token.sql");
        let found = self.db.maybe(VERB, sql, &[&token.0]).await?;
        let stored = |row: Row| {
            let hash = SecretHash(converted::<&[u8], [u8; 32]>(VERB, &row, "hash")?);
            let token = api_token(VERB, &row)?;
            Ok(StoredApiToken { token, hash })
        };
        found.map(stored).transpose()
    }

    async fn note_token_use(&self, token: ApiTokenId) -> StoreResult<()> {
        let sql = include_str!("../sql/note_token_use.sql");
        let every = ApiToken::USE_NOTED_EVERY.as_secs_f64();
        let params: [&(dyn ToSql + Sync); 2] = [&token.0, &every];
        let noted = self.db.rows("note the token's use", sql, &params).await;
        noted.map(drop)
    }

    async fn revoke_token(&self, token: ApiTokenId) -> StoreResult<ApiToken> {
        const VERB: &str = "revoke the token";
        let sql = include_str!("../sql/revoke_token.sql");
        match self.db.maybe(VERB, sql, &[&token.0]).await? {
            Some(row) => api_token(VERB, &row),
            None => Err(StoreError::UnknownToken(token)),
        }
    }

    async fn note_audit(&self, notes: &[AuditNote]) -> StoreResult<()> {
        if notes.is_empty() {
            return Ok(());
        }
        let notes: Vec<AuditNote> = notes.iter().cloned().map(AuditNote::kept).collect();
        let texts = |of: fn(&AuditNote) -> &str| notes.iter().map(of).collect::<Vec<_>>();
        let tokens: Vec<Option<i64>> = notes
            .iter()
            .map(|note| note.token.map(|token| token.0))
            .collect();
        let statuses: Vec<i32> = notes.iter().map(|note| i32::from(note.status)).collect();
        let params: [&(dyn ToSql + Sync); 6] = [
            &texts(|note| &note.who),
            &tokens,
            &texts(|note| &note.address),
            &texts(|note| &note.action),
            &texts(|note| &note.subject),
            &statuses,
        ];
        let sql = include_str!("../sql/note_audit.sql");
        self.db
            .rows("write the audit log", sql, &params)
            .await
            .map(drop)
    }

    async fn audit_log(&self, before: Option<i64>, limit: u32) -> StoreResult<Vec<AuditEntry>> {
        const VERB: &str = "read the audit log";
        let before = before.unwrap_or(i64::MAX);
        let limit = i64::from(limit.clamp(1, AuditEntry::MAX_PAGE));
        let sql = include_str!("../sql/audit_log.sql");
        let rows = self.db.rows(VERB, sql, &[&before, &limit]).await?;
        rows.iter().map(|row| entry(VERB, row)).collect()
    }
}

/// The lock, then the look in a statement that sees what was made before it was had.
async fn create_token(db: &Db, token: &NewApiToken) -> StoreResult<ApiToken> {
    const VERB: &str = "make the token";
    let driver = |e| error::of_driver(VERB, e);
    let lifetime = token.lifetime.map(|lifetime| lifetime.as_secs_f64());
    let params: [&(dyn ToSql + Sync); 4] = [
        &token.name,
        &token.role.as_str(),
        &token.hash.0.as_slice(),
        &lifetime,
    ];
    let mut client = db.client(VERB).await?;
    let making = async {
        let transaction = db::begin(VERB, &mut client).await?;
        let lock = include_str!("../sql/create_token_lock.sql");
        transaction.batch_execute(lock).await.map_err(driver)?;
        let sql = include_str!("../sql/create_token.sql");
        let made = transaction.query_opt(sql, &params).await.map_err(driver)?;
        // Dropped, the transaction is rolled back.
        let row = made.ok_or_else(|| StoreError::TokenExists(token.name.clone()))?;
        transaction.commit().await.map_err(driver)?;
        api_token(VERB, &row)
    };
    let outcome = db.in_time(VERB, 2, None, making).await;
    client.settle(&outcome);
    outcome
}

fn api_token(verb: &'static str, row: &Row) -> StoreResult<ApiToken> {
    let At(created_at) = column(verb, row, "created_at")?;
    let time = |name| {
        let at = column::<Option<At>>(verb, row, name);
        at.map(|at| at.map(|At(time)| time))
    };
    Ok(ApiToken {
        id: ApiTokenId(column(verb, row, "id")?),
        name: column(verb, row, "name")?,
        role: column::<&str>(verb, row, "role")?
            .parse::<Role>()
            .map_err(|e| StoreError::unexpected(verb, e))?,
        created_at,
        expires_at: time("expires_at")?,
        revoked_at: time("revoked_at")?,
        last_used_at: time("last_used_at")?,
        is_good: column(verb, row, "is_good")?,
    })
}

fn entry(verb: &'static str, row: &Row) -> StoreResult<AuditEntry> {
    let At(at) = column(verb, row, "at")?;
    Ok(AuditEntry {
        id: column(verb, row, "id")?,
        at,
        note: AuditNote {
            who: column(verb, row, "who")?,
            token: column::<Option<i64>>(verb, row, "token")?.map(ApiTokenId),
            address: column(verb, row, "address")?,
            action: column(verb, row, "action")?,
            subject: column(verb, row, "subject")?,
            status: converted::<i32, u16>(verb, row, "status")?,
        },
    })
}
