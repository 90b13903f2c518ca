//! Short ways to write what a recorder notes of a store.
//!
//! A [`Script`] is a list of lines in words: a call number, then `CALL`, `DONE` or `ERR` of a verb.
//! Clocks are filled in, a millisecond for each line.

use longshore_history::store::{
    Acquire, Answer, Beat, Call, CallNumber, CancelAnswer, CancelWord, Failure, Finish, FinishWord,
    Finished, HeartbeatWord, LeaseRef, LeaseWord, Leased, Many, NewJob, NewWorker, Nothing, OneJob,
    OneWorker, QueueFact, QueueWish, Standing, StoreEvent, Submitted, TakeOver, TakenOver, Then,
    Told,
};
use longshore_history::{
    AttemptNumber, Breach, BreachKind, Doubt, Expectation, JobId, Place, Promise, QueueId, Token,
    Verdict, Witness, WorkerId, check,
};

/// A history of the store's calls, one line after another.
#[derive(Clone, Default)]
pub struct Script {
    lines: Vec<String>,
    calls: u64,
}

/// A call that was made.
#[derive(Clone, Copy)]
pub struct Open(u64);

/// One millisecond, in the recorder's nanoseconds.
const LINE_NANOS: u64 = 1_000_000;

impl Script {
    /// With queue 1, `q`, told of under this limit.
    pub fn with_queue(limit: Option<u32>) -> Self {
        let mut script = Self::default();
        let fact = fact(limit);
        script.done(Call::Queues(Nothing {}), Answer::Queues(vec![fact]));
        script
    }

    fn told(&mut self, call: u64, told: Told) -> usize {
        let nanos = (self.lines.len() as u64 + 1) * LINE_NANOS;
        let event = StoreEvent {
            call: CallNumber(call),
            nanos,
            told,
        };
        self.lines.push(event.to_record());
        self.lines.len()
    }

    pub fn call(&mut self, call: Call) -> Open {
        self.calls += 1;
        let open = self.calls;
        self.told(open, Told::Called(call));
        Open(open)
    }

    /// Returns the answer's line.
    pub fn answer(&mut self, open: Open, answer: Answer) -> usize {
        self.told(open.0, Told::Done(answer))
    }

    pub fn fail(&mut self, open: Open, failure: Failure) -> usize {
        self.told(open.0, Told::Failed(failure, "as the test says".to_owned()))
    }

    /// A call and its answer, one after the other. Returns the answer's line.
    pub fn done(&mut self, call: Call, answer: Answer) -> usize {
        let open = self.call(call);
        self.answer(open, answer)
    }

    /// A line of a job's own.
    pub fn mark(&mut self, line: &str) {
        self.lines.push(format!("{line} 7 pid-7\n"));
    }

    pub fn submit(&mut self, job: i64, new: NewJob) -> usize {
        let (call, answer) = submission(job, new);
        self.done(call, answer)
    }

    pub fn submit_plain(&mut self, job: i64) -> usize {
        self.submit(job, plain())
    }

    pub fn acquire(&mut self, worker: i64, leases: &[Leased]) -> usize {
        self.done(asks(worker), Answer::Acquire(leases.to_vec()))
    }

    /// One lease goes from a worker, under its last token, to another.
    pub fn take_over(&mut self, worker: i64, from: i64, last: &Leased, token: i64) -> usize {
        let answer = Answer::TakeOver(vec![taken(from, last, token)]);
        self.done(takes_over(worker), answer)
    }

    pub fn runs(&mut self, lease: &Leased) -> usize {
        self.running(lease, LeaseWord::Held)
    }

    pub fn running(&mut self, lease: &Leased, status: LeaseWord) -> usize {
        let answer = Answer::MarkRunning(Standing { status });
        self.done(Call::MarkRunning(reference(lease)), answer)
    }

    pub fn finish(&mut self, lease: &Leased, then: Then) -> usize {
        self.finish_as(finish(lease, then), FinishWord::Finished)
    }

    pub fn finish_as(&mut self, finish: Finish, outcome: FinishWord) -> usize {
        let answer = Answer::Finish(vec![Finished { outcome }]);
        self.done(Call::Finish(vec![finish]), answer)
    }

    pub fn cancel(&mut self, job: i64, outcome: CancelWord) -> usize {
        let answer = CancelAnswer {
            outcome,
            state: None,
        };
        let call = Call::RequestCancel(one(job));
        self.done(call, Answer::RequestCancel(answer))
    }

    pub fn retry(&mut self, job: i64) -> usize {
        let answer = Answer::RetryJob(Nothing {});
        self.done(Call::RetryJob(one(job)), answer)
    }

    pub fn change_limit(&mut self, limit: Option<u32>) -> usize {
        self.done(limit_change(limit), Answer::ChangeQueue(fact(limit)))
    }

    pub fn register(&mut self, worker: i64, ttl_millis: u64) -> usize {
        let new = NewWorker {
            name: format!("w{worker}"),
            ttl: ttl_millis * 1000,
        };
        let answer = Answer::RegisterWorker(this(worker));
        self.done(Call::RegisterWorker(new), answer)
    }

    pub fn beat(&mut self, worker: i64) -> usize {
        let answer = Answer::Heartbeat(Beat {
            outcome: HeartbeatWord::Alive,
        });
        self.done(Call::Heartbeat(this(worker)), answer)
    }

    pub fn drain(&mut self, worker: i64) -> usize {
        let answer = Answer::DrainWorker(Nothing {});
        self.done(Call::DrainWorker(this(worker)), answer)
    }

    pub fn stop(&mut self, worker: i64) -> usize {
        let answer = Answer::StopWorker(Nothing {});
        self.done(Call::StopWorker(this(worker)), answer)
    }

    /// A whole life: submitted, acquired, run, completed.
    pub fn life(&mut self, worker: i64, lease: &Leased) {
        self.submit_plain(lease.job.0);
        self.acquire(worker, std::slice::from_ref(lease));
        self.runs(lease);
        self.finish(lease, Then::Completed);
    }

    /// How many lines there are.
    pub fn lines(&self) -> usize {
        self.lines.len()
    }

    /// The line of a call.
    pub fn called_at(&self, open: Open) -> usize {
        let begins = format!("CALL {} ", open.0);
        let at = self.lines.iter().position(|line| line.starts_with(&begins));
        at.expect("it was called") + 1
    }

    /// The same without what follows one of its lines.
    pub fn cut(mut self, at: proptest::sample::Index) -> Self {
        self.lines.truncate(1 + at.index(self.lines.len()));
        self
    }

    /// The same, with one of its answers lost.
    pub fn losing(mut self, which: proptest::sample::Index, failure: Failure) -> Self {
        let is_answer = |line: &&mut String| line.starts_with("DONE ");
        let answers: Vec<&mut String> = self.lines.iter_mut().skip(2).filter(is_answer).collect();
        if answers.is_empty() {
            return self;
        }
        let which = which.index(answers.len());
        let line = answers.into_iter().nth(which).expect("an index of theirs");
        let head: Vec<&str> = line.split(' ').take(3).collect();
        *line = format!("ERR {} {} {failure} text=\"lost\"\n", head[1], head[2]);
        self
    }

    pub fn text(&self) -> String {
        self.lines.concat()
    }

    pub fn parsed(&self) -> Witness {
        Witness::parse(&self.text()).expect("the test writes well-formed lines")
    }

    pub fn verdict(&self, expectation: &Expectation) -> Verdict {
        check(&self.parsed(), expectation)
    }

    /// Asserts that it passes.
    #[track_caller]
    pub fn passes(&self, expectation: &Expectation) {
        let verdict = self.verdict(expectation);
        assert!(verdict.is_passed(), "{verdict}");
    }

    /// Asserts the kind and the place of the earliest violation, and which lines prove it.
    #[track_caller]
    pub fn breaks(
        &self,
        expectation: &Expectation,
        kind: BreachKind,
        at: Place,
        proof: &[usize],
    ) -> Breach {
        match self.verdict(expectation) {
            Verdict::Violated {
                violation,
                sub_history,
                ..
            } => {
                assert_eq!(violation.breach.kind(), kind, "{violation}");
                assert_eq!(violation.at, at, "{violation}");
                let lines: Vec<usize> = sub_history.iter().map(|event| event.at.line()).collect();
                assert_eq!(lines, proof, "the sub-history of: {violation}");
                violation.breach
            }
            other @ (Verdict::Passed { .. } | Verdict::Unknown { .. }) => {
                panic!("expected {kind:?}, got {other}")
            }
        }
    }

    /// As [`Self::breaks`], at an answer's line, judged without any expectation.
    #[track_caller]
    pub fn breaks_at(&self, promise: Promise, kind: BreachKind, line: usize, proof: &[usize]) {
        assert_eq!(kind.promise(), promise);
        let at = Place::Line(longshore_history::Position::of_line(line));
        self.breaks(&Expectation::default(), kind, at, proof);
    }

    #[track_caller]
    pub fn is_unknown(&self, expectation: &Expectation, why: &Doubt) {
        let verdict = self.verdict(expectation);
        assert_eq!(verdict, Verdict::Unknown { why: why.clone() }, "{verdict}");
    }
}

/// A lease of queue 1 from the lane of priority 50; the token is told, times are 0.
pub fn lease(job: i64, attempt: u32, token: i64) -> Leased {
    Leased {
        job: JobId(job),
        attempt: AttemptNumber(attempt),
        token: Token(token),
        lane: 101,
        claimed: 0,
    }
}

/// A job of queue `q` at priority 50, with three retries from 2 s to 60 s.
pub fn plain() -> NewJob {
    NewJob {
        queue: "q".to_owned(),
        priority: 50,
        due: None,
        held: false,
        key: None,
        retries: 3,
        base: 2_000_000,
        most: 60_000_000,
    }
}

pub fn keyed(key: &str) -> NewJob {
    NewJob {
        key: Some(key.to_owned()),
        ..plain()
    }
}

pub fn submission(job: i64, new: NewJob) -> (Call, Answer) {
    let submitted = Submitted {
        job: JobId(job),
        new: true,
    };
    (Call::Submit(vec![new]), Answer::Submit(vec![submitted]))
}

pub fn asks(worker: i64) -> Call {
    Call::Acquire(Acquire {
        queue: QueueId(1),
        worker: WorkerId(worker),
        want: 10,
        limit: None,
    })
}

pub fn takes_over(worker: i64) -> Call {
    let worker = WorkerId(worker);
    Call::TakeOver(TakeOver { worker, want: 10 })
}

pub fn taken(from: i64, last: &Leased, token: i64) -> TakenOver {
    TakenOver {
        job: last.job,
        attempt: last.attempt,
        token: Token(token),
        last: last.token,
        from: WorkerId(from),
        queue: QueueId(1),
    }
}

pub fn limit_change(limit: Option<u32>) -> Call {
    Call::ChangeQueue(QueueWish {
        name: "q".to_owned(),
        sets_limit: true,
        limit,
        paused: None,
    })
}

pub fn fact(limit: Option<u32>) -> QueueFact {
    QueueFact {
        queue: QueueId(1),
        name: "q".to_owned(),
        limit,
        paused: false,
    }
}

pub fn reference(lease: &Leased) -> LeaseRef {
    LeaseRef {
        job: lease.job,
        attempt: lease.attempt,
        token: lease.token,
    }
}

pub fn finish(lease: &Leased, then: Then) -> Finish {
    Finish {
        job: lease.job,
        attempt: lease.attempt,
        token: lease.token,
        started: true,
        class: None,
        then,
        delay: if then == Then::Retry { 2_000_000 } else { 0 },
    }
}

pub fn one(job: i64) -> OneJob {
    OneJob { job: JobId(job) }
}

pub fn this(worker: i64) -> OneWorker {
    OneWorker {
        worker: WorkerId(worker),
    }
}

pub fn expire() -> Call {
    Call::ExpireWaiting(Many { count: 100 })
}
