//! The table.

use std::process::ExitCode;

use comfy_table::{Cell as Field, CellAlignment, Table};

use crate::cell::Outcome;
use crate::fleet::GRACE;
use crate::soak::Soaked;

/// The least of the rate that has to be there again.
const ENOUGH: f64 = 0.98;

fn is_good(outcome: &Outcome) -> bool {
    outcome.judged.is_clean() && outcome.share() >= ENOUGH && outcome.shutdown <= GRACE
}

/// One cell, as soon as it is over.
pub fn line(outcome: &Outcome) -> String {
    let judged = &outcome.judged;
    let back = outcome.back.map_or_else(String::new, |back| {
        format!(", back after {} s", back.as_secs())
    });
    let mut line = format!(
        "    {}: {judged}; {:.1}/s before, {:.1}/s after: {:.1} %{back}; ended in {:.1} s",
        if is_good(outcome) { "ok" } else { "FAILED" },
        outcome.before,
        outcome.after,
        100.0 * outcome.share(),
        outcome.shutdown.as_secs_f64(),
    );
    let seconds: Vec<String> = outcome.seconds.iter().map(u64::to_string).collect();
    line.push_str("\n      ended in each second: ");
    line.push_str(&seconds.join(" "));
    for wrong in &judged.wrongs {
        line.push_str("\n      ");
        line.push_str(wrong);
    }
    line
}

/// All of them; the code says whether all are good.
pub fn table(capacity: f64, share: f64, outcomes: &[Outcome]) -> ExitCode {
    println!(
        "capacity {capacity:.0} jobs/s, load {:.0} % of it",
        100.0 * share
    );
    let mut table = Table::new();
    table.load_style(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header([
        "cell", "jobs", "lost", "doubled", "over", "before/s", "after/s", "%", "back", "shutdown",
        "",
    ]);
    for outcome in outcomes {
        let judged = &outcome.judged;
        let back = outcome
            .back
            .map_or_else(|| "-".to_owned(), |back| format!("{} s", back.as_secs()));
        let fields = [
            outcome.cell.to_string(),
            judged.jobs.to_string(),
            judged.lost.to_string(),
            judged.doubled.to_string(),
            judged.over.to_string(),
            format!("{:.1}", outcome.before),
            format!("{:.1}", outcome.after),
            format!("{:.1}", 100.0 * outcome.share()),
            back,
            format!("{:.1} s", outcome.shutdown.as_secs_f64()),
            if is_good(outcome) { "ok" } else { "FAILED" }.to_owned(),
        ];
        let align = |(nth, field): (usize, String)| {
            let field = Field::new(field);
            match nth {
                0 | 10 => field,
                _ => field.set_alignment(CellAlignment::Right),
            }
        };
        table.add_row(fields.into_iter().enumerate().map(align));
    }
    println!("{table}");
    code(outcomes.iter().all(is_good))
}

/// A soak.
pub fn soak(soaked: &Soaked) -> ExitCode {
    let judged = &soaked.judged;
    println!("soak of {} minutes: {judged}", soaked.lasted.as_secs() / 60);
    println!(
        "rate: offered {:.1}/s, ended {:.1}/s at the median, {:.1}/s in the last minute",
        soaked.offered, soaked.rate, soaked.last_rate
    );
    for (fault, times) in &soaked.inflicted {
        println!("{fault}: {times} times");
    }
    println!(
        "memory of a worker: {} KiB after the first minutes, {} KiB at the end",
        soaked.resident_early, soaked.resident_late
    );
    println!("workers ended in {:.1} s", soaked.shutdown.as_secs_f64());
    for wrong in &judged.wrongs {
        println!("{wrong}");
    }
    code(judged.is_clean() && soaked.shutdown <= GRACE)
}

fn code(is_good: bool) -> ExitCode {
    if is_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
