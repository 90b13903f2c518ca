//! Between rows of cells and what the driver takes and gives: columns of many rows, and rows.

use longshore_core::store::transfer::{Cell, Cells, Table};
use longshore_core::store::{StoreError, StoreResult};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::statements::array_of;
use crate::rows;

pub(super) fn cells_of(verb: &'static str, table: &Table, row: &Row) -> StoreResult<Cells> {
    let unexpected = |e| StoreError::unexpected(verb, e);
    let cells = table.columns.iter().enumerate().map(|(at, column)| {
        Ok(match array_of(column.kind) {
            "bigint[]" => {
                let number: Option<i64> = row.try_get(at).map_err(unexpected)?;
                number.map_or(Cell::Null, Cell::Integer)
            }
            "text[]" => {
                let text: Option<String> = row.try_get(at).map_err(unexpected)?;
                text.map_or(Cell::Null, Cell::Text)
            }
            _ => {
                let bytes: Option<Vec<u8>> = row.try_get(at).map_err(unexpected)?;
                bytes.map_or(Cell::Null, Cell::Bytes)
            }
        })
    });
    cells.collect()
}

/// A column of many rows.
pub(super) enum Array {
    Numbers(Vec<Option<i64>>),
    Texts(Vec<Option<String>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

impl Array {
    pub fn parameter(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Numbers(numbers) => numbers,
            Self::Texts(texts) => texts,
            Self::Bytes(bytes) => bytes,
        }
    }
}

pub(super) fn by_column(
    verb: &'static str,
    table: &Table,
    rows: Vec<Cells>,
) -> StoreResult<Vec<Array>> {
    let mut columns: Vec<Array> = table
        .columns
        .iter()
        .map(|column| match array_of(column.kind) {
            "bigint[]" => Array::Numbers(Vec::new()),
            "text[]" => Array::Texts(Vec::new()),
            _ => Array::Bytes(Vec::new()),
        })
        .collect();
    for row in rows {
        if row.len() != columns.len() {
            let refusal = format!("a row of {} with {} cells", table.name, row.len());
            return Err(StoreError::unexpected(verb, refusal));
        }
        for (column, cell) in columns.iter_mut().zip(row) {
            match (column, cell) {
                (Array::Numbers(all), Cell::Null) => all.push(None),
                (Array::Numbers(all), Cell::Integer(number)) => all.push(Some(number)),
                (Array::Texts(all), Cell::Null) => all.push(None),
                (Array::Texts(all), Cell::Text(text)) => all.push(Some(rows::storable(&text))),
                (Array::Bytes(all), Cell::Null) => all.push(None),
                (Array::Bytes(all), Cell::Bytes(bytes)) => all.push(Some(bytes)),
                (_, cell) => {
                    let refusal = format!("a cell of {} is of another kind: {cell:?}", table.name);
                    return Err(StoreError::unexpected(verb, refusal));
                }
            }
        }
    }
    Ok(columns)
}
