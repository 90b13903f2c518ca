//! A verdict as a JSON document.

use longshore_history::{Limit, Verdict, check};
use serde_json::{Value, json};

use crate::support::{completed, limit, witness};

fn document(verdict: &Verdict) -> Value {
    serde_json::to_value(verdict).expect("a verdict serializes")
}

#[test]
fn a_violation_is_one_document_with_its_proof() {
    let verdict = check(
        &witness(&["START 1 1", "START 2 1", "END 1 1", "END 2 1"]),
        &completed([1, 2]).with_limit(Limit {
            name: "default".to_owned(),
            ..limit(1, [1, 2])
        }),
    );
    let event = |line: u64, mark: &str, job: u64| {
        json!({
            "at": line, "source": "witness", "mark": mark, "job": job, "attempt": 1,
            "nanos": line * 10, "who": "pid-7",
        })
    };
    assert_eq!(
        document(&verdict),
        json!({
            "verdict": "violated",
            "violation": {
                "promise": "S3",
                "at": { "line": 2 },
                "kind": "limit_exceeded",
                "limit": "default",
                "max": 1,
                "live": [
                    { "job": 1, "attempt": 1, "started": 1 },
                    { "job": 2, "attempt": 1, "started": 2 },
                ],
            },
            "sub_history": [
                event(1, "start", 1), event(2, "start", 2), event(3, "end", 1), event(4, "end", 2),
            ],
            "all_counts": { "limit_exceeded": 1 },
        })
    );
}

#[test]
fn a_pass_is_one_document_with_its_summary() {
    let verdict = check(
        &witness(&["START 1 1", "END 1 1"]),
        &completed([1]).with_limit(limit(1, [1])),
    );
    assert_eq!(
        document(&verdict),
        json!({
            "verdict": "passed",
            "summary": {
                "jobs": 1, "runs": 1, "each_once": true,
                "limits": [{ "name": "", "max": 1, "most_live": 1 }],
            },
        })
    );
}

#[test]
fn a_doubt_is_one_document_with_its_reason() {
    let verdict = check(&witness(&[]), &completed([1]));
    assert_eq!(
        document(&verdict),
        json!({
            "verdict": "unknown",
            "why": { "doubt": "nothing_recorded", "jobs": 1, "completed": 1 },
        })
    );
}

#[test]
fn a_violation_at_the_end_says_so_in_its_document() {
    let verdict = check(&witness(&["START 1 1", "END 1 1"]), &completed([1, 2]));
    assert_eq!(
        document(&verdict)["violation"],
        json!({
            "promise": "S4", "at": "end", "kind": "completed_unseen", "job": 2, "exit_code": 0,
        })
    );
}
