//! Environment templates: versions that are only ever added.

use longshore_core::store::{Contention, StoreError, StoreResult};
use longshore_core::suggest;
use longshore_core::template::{Template, check_template};
use tokio_postgres::Row;

use crate::db::Db;
use crate::rows::{column, storable};
use crate::timestamps::At;

/// How often saving a template looks anew because another version was saved meanwhile.
const SAVES: usize = 5;

/// Saves a template as a new version; the same body as the newest makes none.
pub(crate) async fn save(db: &Db, name: &str, body: &str) -> StoreResult<Template> {
    const VERB: &str = "save the template";
    check_template(name, body)?;
    for _ in 0..SAVES {
        let sql = include_str!("../sql/save_template.sql");
        if let Some(row) = db.maybe(VERB, sql, &[&name, &body]).await? {
            return template(VERB, &row);
        }
        let sql = include_str!("../sql/templates_named.sql");
        if let Some(row) = db.maybe(VERB, sql, &[&vec![name]]).await? {
            let newest = template(VERB, &row)?;
            if newest.body == body {
                return Ok(newest);
            }
        }
    }
    Err(StoreError::Contended {
        verb: VERB,
        contention: Contention::LockTimeout,
        source: format!("another version was saved during each of {SAVES} tries").into(),
    })
}

/// The newest version of every template, by name.
pub(crate) async fn all(db: &Db) -> StoreResult<Vec<Template>> {
    const VERB: &str = "list templates";
    let rows = db
        .rows(VERB, include_str!("../sql/templates.sql"), &[])
        .await?;
    rows.iter().map(|row| template(VERB, row)).collect()
}

/// The newest version of these, in their order; an unknown name is an error that suggests another.
pub(crate) async fn named(db: &Db, names: &[String]) -> StoreResult<Vec<Template>> {
    const VERB: &str = "read templates";
    if names.is_empty() {
        return Ok(Vec::new());
    }
    // A name with a NUL character is no template's, and can't be asked for.
    let asked: Vec<String> = names.iter().map(|name| storable(name)).collect();
    let rows = db
        .rows(VERB, include_str!("../sql/templates_named.sql"), &[&asked])
        .await?;
    let found = rows
        .iter()
        .map(|row| template(VERB, row))
        .collect::<StoreResult<Vec<_>>>()?;
    let mut answer = Vec::with_capacity(names.len());
    for name in names {
        match found.iter().find(|template| template.name == *name) {
            Some(template) => answer.push(template.clone()),
            None => return Err(unknown(name, &all(db).await?)),
        }
    }
    Ok(answer)
}

fn unknown(name: &str, all: &[Template]) -> StoreError {
    let hint = suggest::hint(name, all.iter().map(|template| template.name.as_str()));
    StoreError::UnknownTemplate {
        name: name.to_owned(),
        hint,
    }
}

fn template(verb: &'static str, row: &Row) -> StoreResult<Template> {
    let At(created_at) = column(verb, row, "created_at")?;
    Ok(Template {
        name: column(verb, row, "name")?,
        version: column(verb, row, "version")?,
        body: column(verb, row, "body")?,
        created_at,
    })
}
