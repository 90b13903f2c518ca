//! The journal, without a store: what several writers append is read back whole.

use std::sync::Arc;
use std::thread;

use longshore_history::store::{Answer, Call, Many, Told};
use longshore_history::{AttemptNumber, JobId, Mark, RunId, Who};

use super::Journal;

/// Two journals of one file, as two processes have, each with writers of its own.
#[test]
fn what_many_writers_append_to_one_file_is_read_back_whole() {
    const WRITERS: i64 = 4;
    const CALLS: u64 = 200;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("history");
    let open = || Arc::new(Journal::appending_to(&path).expect("the folder is ours"));
    let journals = [open(), open()];
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let journal = &journals[usize::try_from(writer % 2).expect("0 or 1")];
            scope.spawn(move || write(journal, writer, CALLS));
        }
    });
    let [journal, _] = journals;
    let witness = journal.read_back().expect("every line is whole and paired");
    let lines = usize::try_from(CALLS).expect("small") * 4 * 3;
    assert_eq!(witness.events().len(), lines);
}

fn write(journal: &Journal, writer: i64, calls: u64) {
    let run = RunId {
        job: JobId(writer),
        attempt: AttemptNumber(1),
    };
    for count in 0..calls {
        let call = Journal::next_call();
        journal.tell(call, Told::Called(Call::StageDue(Many { count })));
        journal.mark(Mark::Start, run, Who::new("w").expect("printable"));
        journal.tell(call, Told::Done(Answer::StageDue(Many { count })));
    }
}
