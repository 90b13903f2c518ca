//! Jobs as CSV (RFC 4180, lines ended by LF), for spreadsheets and scripts.

use longshore_core::Timestamp;
use longshore_core::store::JobSummary;

use super::Pages;
use crate::output::{Out, words};

const NAMES: [&str; 14] = [
    "id",
    "state",
    "queue",
    "priority",
    "name",
    "image",
    "command",
    "labels",
    "attempts",
    "exit_code",
    "created_at",
    "due_at",
    "started_at",
    "ended_at",
];

pub(super) async fn write(out: &mut Out, pages: &mut Pages<'_>) -> anyhow::Result<()> {
    out.bytes(&encode([NAMES.map(str::to_owned)])?)?;
    loop {
        let page = pages.next().await?;
        out.bytes(&encode(page.jobs.iter().map(row))?)?;
        if pages.is_done(&page) {
            return Ok(());
        }
    }
}

fn encode(rows: impl IntoIterator<Item = [String; NAMES.len()]>) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row)?;
    }
    Ok(writer.into_inner()?)
}

/// What is not there is an empty field.
fn row(job: &JobSummary) -> [String; NAMES.len()] {
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
    let labels: Vec<String> = job.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    [
        job.id.to_string(),
        job.state.to_string(),
        job.queue.clone(),
        job.priority.to_string(),
        job.name.clone().unwrap_or_default(),
        job.image.clone().unwrap_or_default(),
        words::command(&job.command),
        labels.join(" "),
        job.attempts.to_string(),
        job.exit_code
            .map(|code| code.to_string())
            .unwrap_or_default(),
        time(Some(job.created_at)),
        time(job.due_at),
        time(job.started_at),
        time(job.ended_at),
    ]
}
