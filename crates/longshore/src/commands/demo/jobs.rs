//! The demo's jobs: shell scripts that say when they start and end, and sleep between.

use std::path::Path;

use longshore_core::spec::{FieldError, ValidSpec};
use longshore_core::{JobSpec, Priority};

/// Appends START, works for a moment, appends END. Each line is one write of the shell's builtin
/// `printf`, so that lines of jobs that run at once never mix.
const SCRIPT: &str = r#"
mark() {
  printf '%s %s %s %s %s\n' "$1" "$LONGSHORE_JOB_ID" "$LONGSHORE_ATTEMPT" "$(date +%s%N)" "pid-$$" >>"$WITNESS"
}
mark START
sleep "$SECONDS_TO_WORK"
echo "job $LONGSHORE_JOB_ID worked for $SECONDS_TO_WORK s"
mark END
"#;

/// The jobs, of mixed priority, submitted in an order that is not the one in which they go.
pub fn specs(count: u32, queue: &str, witness: &Path) -> Result<Vec<ValidSpec>, FieldError> {
    let priorities = [Priority::LOW, Priority::NORMAL, Priority::HIGH];
    (0..count)
        .map(|index| {
            let priority = priorities[index as usize % priorities.len()];
            let mut spec = JobSpec {
                name: Some(format!("demo-{:02}", index + 1)),
                queue: Some(queue.to_owned()),
                priority,
                ..JobSpec::process(["sh", "-c", SCRIPT])
            };
            let witness = witness.to_string_lossy().into_owned();
            spec.env.insert("WITNESS".to_owned(), witness.into());
            // 0.15 s to 0.35 s, so that jobs end out of step.
            let hundredths = 15 + index * 11 % 21;
            let work = format!("0.{hundredths:02}");
            spec.env.insert("SECONDS_TO_WORK".to_owned(), work.into());
            spec.validate()
        })
        .collect()
}
