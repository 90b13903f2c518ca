//! The lines of the store: written and read back, and refused when they are not whole.

use longshore_history::store::{
    Answer, Call, CallNumber, Failure, Many, NewJob, StoreEvent, StoreLineError, Told,
};
use longshore_history::{Witness, WitnessError};
use proptest::prelude::*;

use crate::recorded::{keyed, lease, plain, submission, taken, takes_over};

fn refusal(line: &str) -> StoreLineError {
    line.parse::<StoreEvent>()
        .expect_err("a line outside the format")
}

fn record(call: u64, told: Told) -> String {
    let call = CallNumber(call);
    StoreEvent {
        call,
        nanos: 5,
        told,
    }
    .to_record()
}

#[test]
fn a_submission_reads_as_documented() {
    let (call, answer) = submission(7, keyed("a \"b\"\n;é"));
    let call = record(1, Told::Called(call));
    assert_eq!(
        call,
        "CALL 1 5 submit ; queue=\"q\" priority=50 due=- held=false \
         key=\"a \\\"b\\\"\\u{a};\\u{e9}\" retries=3 base=2000000 most=60000000\n"
    );
    let done = record(1, Told::Done(answer));
    assert_eq!(done, "DONE 1 5 submit ; job=7 new=true\n");
    let witness = Witness::parse(&(call + &done)).expect("well formed");
    assert_eq!(witness.events().len(), 2);
    assert!(witness.is_empty(), "no job wrote");
    assert!(witness.has_store_events());
}

#[test]
fn a_take_over_reads_as_documented() {
    let call = record(1, Told::Called(takes_over(4)));
    assert_eq!(call, "CALL 1 5 take_over worker=4 want=10\n");
    let answer = Answer::TakeOver(vec![taken(3, &lease(7, 2, 5), 9)]);
    let done = record(1, Told::Done(answer));
    assert_eq!(
        done,
        "DONE 1 5 take_over ; job=7 attempt=2 token=9 last=5 from=3 queue=1\n"
    );
    let witness = Witness::parse(&(call + &done)).expect("well formed");
    assert_eq!(witness.events().len(), 2);
}

#[test]
fn every_field_of_the_stores_lines_is_read_strictly() {
    assert_eq!(refusal("CALL"), StoreLineError::Head);
    assert_eq!(refusal("CALL 1 5"), StoreLineError::Head);
    assert_eq!(refusal("CALL x 5 prune"), StoreLineError::Head);
    assert_eq!(refusal("CALL 1 -5 prune"), StoreLineError::Head);
    assert_eq!(refusal("CALL 1 5 launch"), StoreLineError::Verb);
    assert_eq!(refusal("ERR 1 5 lost text=\"\""), StoreLineError::Failure);
    let missing = StoreLineError::Field { name: "count" };
    assert_eq!(refusal("CALL 1 5 stage_due"), missing);
    assert_eq!(refusal("CALL 1 5 stage_due limit=4"), missing);
    assert_eq!(refusal("CALL 1 5 stage_due count=four"), missing);
    assert_eq!(refusal("CALL 1 5 stage_due count="), missing);
    let more = "CALL 1 5 stage_due count=4 more=1";
    assert_eq!(refusal(more), StoreLineError::Leftover);
    let item = "CALL 1 5 stage_due count=4 ; count=4";
    assert_eq!(refusal(item), StoreLineError::Leftover);
    for odd in [
        "CALL 1 5 stage_due count=04",
        "CALL 01 5 stage_due count=4",
        "CALL +1 5 stage_due count=4",
        "CALL 1 5 stage_due count=4 ",
        "CALL 1 5 queues ",
    ] {
        assert_eq!(refusal(odd), StoreLineError::NotCanonical, "{odd}");
    }
    let text = StoreLineError::Field { name: "text" };
    for open in [
        "text=\"",
        "text=\"a",
        "text=\"a\\\"",
        "text=a",
        "text=\"\\u{zz}\"",
    ] {
        assert_eq!(refusal(&format!("ERR 1 5 other {open}")), text, "{open}");
    }
}

#[test]
fn a_cut_or_garbled_line_of_the_stores_is_named() {
    let whole = record(1, Told::Called(Call::StageDue(Many { count: 4 })));
    let cut = whole.trim_end();
    let error = Witness::parse(cut).expect_err("no newline");
    assert!(matches!(error, WitnessError::Torn { line: 1, .. }));
    let garbled = whole.replace("count=4", "count=4CALL 2 5 prune");
    let error = Witness::parse(&garbled).expect_err("two writes mixed");
    assert_eq!(
        error.to_string(),
        "witness line 1, of the store, is malformed: `CALL 1 5 stage_due count=4CALL 2 5 prune`"
    );
}

#[test]
fn lines_that_fit_to_no_call_are_named() {
    let call = record(1, Told::Called(Call::StageDue(Many { count: 4 })));
    let done = record(1, Told::Done(Answer::StageDue(Many { count: 4 })));
    let other = record(1, Told::Done(Answer::Prune(Many { count: 4 })));
    let failed = record(1, Told::Failed(Failure::Other, String::new()));
    let broken = |lines: &[&String]| {
        let text: String = lines.iter().map(|line| line.as_str()).collect();
        Witness::parse(&text)
            .expect_err("it does not fit")
            .to_string()
    };
    assert_eq!(
        broken(&[&done]),
        "witness line 1 is a DONE of call 1, which was not made"
    );
    assert_eq!(
        broken(&[&call, &call]),
        "witness line 2 is a CALL of call 1, which was made before"
    );
    assert_eq!(
        broken(&[&call, &failed, &done]),
        "witness line 3 is a DONE of call 1, which was answered before"
    );
    assert_eq!(
        broken(&[&call, &other]),
        "witness line 2 is a DONE of call 1, which is of another verb"
    );
}

#[test]
fn a_failures_text_is_bounded() {
    let long = record(1, Told::Failed(Failure::Other, "é".repeat(10_000)));
    assert!(long.len() < 5_000);
    let content = long.trim_end();
    content.parse::<StoreEvent>().expect("what was written");
}

proptest! {
    #[test]
    fn any_key_is_read_back(key in any::<String>(), priority: u8, due: Option<i64>, held: bool) {
        let new = NewJob { key: Some(key), priority, due, held, ..plain() };
        let told = Told::Called(Call::Submit(vec![new.clone(), new]));
        let event = StoreEvent { call: CallNumber(u64::MAX), nanos: 0, told };
        let record = event.to_record();
        let content = record.strip_suffix('\n').expect("a record ends its line");
        prop_assert!(content.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        prop_assert_eq!(content.parse(), Ok(event));
    }

    #[test]
    fn no_line_makes_the_reader_panic(
        content in "(CALL|DONE|ERR) [0-9]{1,2} [0-9] (submit|acquire|take_over|other|rest|finish)( ;)?( [a-z=\"\\\\0-9-]{0,12}){0,4}",
    ) {
        if let Ok(event) = content.parse::<StoreEvent>() {
            prop_assert_eq!(event.to_string(), content);
        }
    }
}
