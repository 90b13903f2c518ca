//! Templates: versions are added, never changed.

use longshore_core::store::StoreError;
use longshore_core::suggest;
use longshore_core::template::Template;
use rusqlite::{Row, named_params};

use crate::error::Outcome;
use crate::rows::Micros;
use crate::sql;
use crate::tx::Tx;

pub(super) fn save_template(tx: &Tx<'_>, name: &str, body: &str) -> Outcome<Template> {
    let newest = newest_template(tx, name)?;
    let version = match newest {
        Some(newest) if newest.body == body => return Ok(newest),
        Some(newest) => newest.version + 1,
        None => 1,
    };
    let params =
        named_params! { ":name": name, ":version": version, ":body": body, ":now": tx.now };
    tx.execute_one(sql!("save_template"), params)?;
    let created_at = tx.now.time();
    Ok(Template {
        name: name.to_owned(),
        version,
        body: body.to_owned(),
        created_at,
    })
}

fn newest_template(tx: &Tx<'_>, name: &str) -> Outcome<Option<Template>> {
    tx.maybe(
        sql!("templates_named"),
        named_params! { ":name": name },
        template_from_row,
    )
}

pub(super) fn find_template(tx: &Tx<'_>, name: &str) -> Outcome<Template> {
    if let Some(template) = newest_template(tx, name)? {
        return Ok(template);
    }
    let all = tx.all(sql!("templates"), [], template_from_row)?;
    let hint = suggest::hint(name, all.iter().map(|template| template.name.as_str()));
    Err(StoreError::UnknownTemplate {
        name: name.to_owned(),
        hint,
    }
    .into())
}

pub(super) fn template_from_row(row: &Row<'_>) -> rusqlite::Result<Template> {
    Ok(Template {
        name: row.get("name")?,
        version: row.get("version")?,
        body: row.get("body")?,
        created_at: row.get::<_, Micros>("created_at")?.time(),
    })
}
