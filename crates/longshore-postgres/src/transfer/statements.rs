//! Statements made of the list of what moves, so that a column is named once.

use std::fmt::Write as _;

use longshore_core::store::transfer::{Column, Kind, Table};

/// The type of a column that holds one of a few words.
fn enum_of(name: &str) -> &'static str {
    match name {
        "reason" => "waiting_reason",
        "state" => "terminal_state",
        "job_state" => "job_state",
        "outcome" => "attempt_outcome",
        _ => "error_class",
    }
}

/// A column as numbers, texts and bytes.
fn exported(column: &Column) -> String {
    let name = column.name;
    match column.kind {
        Kind::Integer => format!("t.{name}::bigint"),
        Kind::Flag => format!("t.{name}::integer::bigint"),
        Kind::Moment => format!(
            "CASE WHEN t.{name} = 'infinity' THEN 9223372036854775807 \
             ELSE (extract(epoch FROM t.{name}) * 1000000)::bigint END"
        ),
        Kind::Span => format!("(extract(epoch FROM t.{name}) * 1000000)::bigint"),
        Kind::Text | Kind::Word | Kind::Json => format!("t.{name}::text"),
        Kind::Numbers => format!("array_to_json(t.{name})::text"),
        Kind::Bytes => format!("t.{name}"),
    }
}

/// And back.
fn imported(column: &Column) -> String {
    let name = column.name;
    match column.kind {
        Kind::Integer | Kind::Text | Kind::Bytes => format!("r.{name}"),
        // Where others leave it open, there is a default here.
        Kind::Flag => format!("coalesce(r.{name} <> 0, false)"),
        Kind::Moment => format!(
            "CASE WHEN r.{name} = 9223372036854775807 THEN 'infinity'::timestamptz \
             ELSE '1970-01-01T00:00:00Z'::timestamptz + r.{name} * interval '1 microsecond' END"
        ),
        Kind::Span => format!("r.{name} * interval '1 microsecond'"),
        Kind::Word => format!("r.{name}::{}", enum_of(name)),
        Kind::Json => format!("r.{name}::jsonb"),
        Kind::Numbers => {
            format!("ARRAY(SELECT n::bigint FROM json_array_elements_text(r.{name}::json) AS n)")
        }
    }
}

pub(super) fn array_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Integer | Kind::Flag | Kind::Moment | Kind::Span => "bigint[]",
        Kind::Text | Kind::Word | Kind::Json | Kind::Numbers => "text[]",
        Kind::Bytes => "bytea[]",
    }
}

/// Which rows move.
pub(super) fn which(table: &Table) -> &'static str {
    if table.name == "log_chunk" {
        // Output of jobs that were pruned lies there until its day goes.
        " WHERE EXISTS (SELECT FROM attempt AS a WHERE (a.job_id, a.attempt) = (t.job_id, t.attempt))"
    } else {
        " WHERE true"
    }
}

pub(super) fn export(table: &Table, is_behind: bool) -> String {
    let selected: Vec<_> = table.columns.iter().map(exported).collect();
    let key: Vec<_> = table.columns[..table.key]
        .iter()
        .map(|column| match column.kind {
            Kind::Text => format!("t.{} COLLATE \"C\"", column.name),
            _ => format!("t.{}", column.name),
        })
        .collect();
    let key = key.join(", ");
    let mut sql = format!(
        "SELECT {} FROM {} AS t{}",
        selected.join(", "),
        table.name,
        which(table)
    );
    if is_behind {
        let marks: Vec<_> = table.columns[..table.key]
            .iter()
            .enumerate()
            .map(|(at, column)| match column.kind {
                Kind::Text => format!("${}::text", at + 2),
                _ => format!("${}::bigint", at + 2),
            })
            .collect();
        write!(sql, " AND ({key}) > ({})", marks.join(", ")).expect("a string takes all");
    }
    write!(sql, " ORDER BY {key} LIMIT $1::bigint").expect("a string takes all");
    sql
}

pub(super) fn import(table: &Table) -> String {
    let names: Vec<_> = table.columns.iter().map(|column| column.name).collect();
    let mut into = names.clone();
    let mut values: Vec<_> = table.columns.iter().map(imported).collect();
    match table.name {
        "job" => {
            into.push("labels");
            values.push("r.spec::jsonb -> 'labels'".to_owned());
        }
        "log_chunk" => {
            into.push("claimed_at");
            values.push(
                "(SELECT a.claimed_at FROM attempt AS a \
                 WHERE (a.job_id, a.attempt) = (r.job_id, r.attempt))"
                    .to_owned(),
            );
        }
        _ => {}
    }
    let arrays: Vec<_> = table
        .columns
        .iter()
        .enumerate()
        .map(|(at, column)| format!("${}::{}", at + 1, array_of(column.kind)))
        .collect();
    let otherwise = if table.name == "queue" {
        // Migrating makes two queues, which may have been changed where these come from.
        let set: Vec<_> = names[table.key..]
            .iter()
            .map(|name| format!("{name} = excluded.{name}"))
            .collect();
        format!("ON CONFLICT (id) DO UPDATE SET {}", set.join(", "))
    } else {
        "ON CONFLICT DO NOTHING".to_owned()
    };
    format!(
        "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM unnest({}) AS r({}) {otherwise}",
        table.name,
        into.join(", "),
        values.join(", "),
        arrays.join(", "),
        names.join(", ")
    )
}
