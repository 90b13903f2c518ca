//! The plan against simulated transactions, whose ids and visibility follow PostgreSQL's rules.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A database with one queue: rows become visible when their transaction commits.
#[derive(Default)]
struct Simulation {
    next_xid: i64,
    newest_ended: i64,
    drawn: i64,
    /// Open transactions and the rows they will leave, by id.
    open: BTreeMap<i64, Vec<(i16, i64)>>,
    visible: Vec<(i16, i64)>,
    frontier: Frontier,
    look: Option<Look>,
    now: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Begin,
    /// The n-th open transaction draws a seq for a row of this lane.
    Insert(usize, i16),
    Commit(usize),
    Abort(usize),
    /// Somebody acquires the first visible row.
    Take,
    /// A look goes on by one of its three statements.
    Look,
}

impl Simulation {
    fn new() -> Self {
        Self { next_xid: 100, newest_ended: 99, ..Self::default() }
    }

    fn draw_xid(&mut self) -> i64 {
        self.next_xid += 1;
        self.next_xid - 1
    }

    fn nth_open(&self, n: usize) -> Option<i64> {
        let count = self.open.len();
        (count > 0).then(|| *self.open.keys().nth(n % count).expect("within the count"))
    }

    fn end(&mut self, n: usize) -> Vec<(i16, i64)> {
        let Some(xid) = self.nth_open(n) else { return Vec::new() };
        self.newest_ended = self.newest_ended.max(xid);
        self.open.remove(&xid).expect("it is open")
    }

    /// `pg_snapshot_xmin`: as PostgreSQL has it, transactions above the newest ended one don't count.
    fn oldest_open(&self) -> i64 {
        let above = self.newest_ended + 1;
        self.open.keys().next().map_or(above, |xid| above.min(*xid))
    }

    fn first_in(&self, segment: &Segment) -> Option<(i16, i64)> {
        let within = |(lane, seq): &&(i16, i64)| {
            (*lane, *seq) > (segment.lane, segment.seq) && *lane < segment.next_lane
        };
        self.visible.iter().filter(within).min().copied()
    }

    fn step(&mut self, step: Step) {
        self.now += Duration::from_millis(1);
        match step {
            Step::Begin => {
                let xid = self.draw_xid();
                self.open.insert(xid, Vec::new());
            }
            Step::Insert(n, lane) => {
                if let Some(xid) = self.nth_open(n) {
                    self.drawn += 1;
                    self.open.get_mut(&xid).expect("it is open").push((lane, self.drawn));
                }
            }
            Step::Commit(n) => {
                let rows = self.end(n);
                self.visible.extend(rows);
            }
            Step::Abort(n) => {
                self.end(n);
            }
            Step::Take => {
                if let Some(first) = self.visible.iter().min().copied() {
                    self.visible.retain(|row| *row != first);
                }
            }
            Step::Look => self.look_on(),
        }
    }

    fn look_on(&mut self) {
        match self.look.take() {
            None => {
                let segments = self.frontier.segments();
                self.look = Some(Look {
                    segments,
                    found: Vec::new(),
                    drawn: self.drawn,
                    oldest_open: 0,
                    drawn_xid: 0,
                    at: self.now,
                });
            }
            Some(mut look) if look.found.is_empty() => {
                look.found = look.segments.iter().map(|segment| self.first_in(segment)).collect();
                look.oldest_open = self.oldest_open();
                self.look = Some(look);
            }
            Some(mut look) => {
                look.drawn_xid = self.draw_xid();
                self.newest_ended = self.newest_ended.max(look.drawn_xid);
                assert_eq!(self.frontier.learn(&look), 0, "nobody waited 10 s");
            }
        }
    }

    /// Every row that waits, or will once its transaction commits, lies beyond the frontier.
    fn assert_nothing_is_passed_over(&self) {
        let segments = self.frontier.segments();
        for (lane, seq) in self.visible.iter().chain(self.open.values().flatten()) {
            let covered = segments.iter().any(|segment| {
                (*lane, *seq) > (segment.lane, segment.seq) && *lane < segment.next_lane
            });
            assert!(covered, "({lane}, {seq}) is passed over by {segments:?}");
        }
    }
}

fn steps() -> impl Strategy<Value = Step> {
    let lane = prop_oneof![Just(0i16), Just(41), Just(100), Just(101), Just(201)];
    prop_oneof![
        2 => Just(Step::Begin),
        4 => (0usize..8, lane).prop_map(|(n, lane)| Step::Insert(n, lane)),
        2 => (0usize..8).prop_map(Step::Commit),
        1 => (0usize..8).prop_map(Step::Abort),
        3 => Just(Step::Take),
        6 => Just(Step::Look),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn a_late_commit_is_never_passed_over(steps in proptest::collection::vec(steps(), 1..120)) {
        let mut simulation = Simulation::new();
        for step in steps {
            simulation.step(step);
            simulation.assert_nothing_is_passed_over();
        }
    }

    #[test]
    fn segments_cover_the_whole_line_in_order(steps in proptest::collection::vec(steps(), 1..60)) {
        let mut simulation = Simulation::new();
        for step in steps {
            simulation.step(step);
            let segments = simulation.frontier.segments();
            prop_assert_eq!(segments[0].lane, 0);
            prop_assert_eq!(segments[segments.len() - 1].next_lane, END);
            for pair in segments.windows(2) {
                prop_assert!(pair[0].lane < pair[1].lane);
                prop_assert_eq!(pair[0].next_lane, pair[1].lane);
            }
        }
    }
}

fn look(segments: Vec<Segment>, found: Vec<Option<(i16, i64)>>, xids: (i64, i64), at: u64) -> Look {
    let (oldest_open, drawn_xid) = xids;
    Look { segments, found, drawn: 500, oldest_open, drawn_xid, at: Duration::from_secs(at) }
}

#[test]
fn the_frontier_follows_the_line_once_it_is_proved() {
    let mut frontier = Frontier::default();
    let seen = look(frontier.segments(), vec![Some((101, 40))], (7, 7), 0);
    assert_eq!(frontier.learn(&seen), 0);
    assert_eq!(frontier.segments()[1].seq, -1, "a candidate is no proof");
    let seen = look(frontier.segments(), vec![None, Some((101, 90))], (7, 8), 1);
    frontier.learn(&seen);
    assert_eq!(frontier.segments()[1], Segment { lane: 101, seq: 39, next_lane: END });
    let seen = look(frontier.segments(), vec![None, None], (9, 9), 2);
    frontier.learn(&seen);
    assert_eq!(frontier.segments()[1].seq, 89, "the second candidate, proved by the third look");
    let seen = look(frontier.segments(), vec![None, None], (10, 10), 3);
    frontier.learn(&seen);
    assert_eq!(frontier.segments()[1].seq, 500, "an empty lane is known up to what was drawn");
}

#[test]
fn an_open_writer_holds_the_frontier_back_for_ten_seconds_and_then_it_is_a_hint() {
    let mut frontier = Frontier::default();
    let writer = 6;
    for second in 0..10 {
        let found = frontier.segments().iter().map(|_| None).collect::<Vec<_>>();
        let mut seen = look(frontier.segments(), found, (writer, 20), second);
        *seen.found.last_mut().expect("one segment") = Some((101, 40));
        assert_eq!(frontier.learn(&seen), 0);
        assert_eq!(frontier.segments()[1].seq, -1);
    }
    let seen = look(frontier.segments(), vec![None, Some((101, 60))], (writer, 30), 10);
    assert_eq!(frontier.learn(&seen), 1, "counted");
    assert_eq!(frontier.segments()[1].seq, 39);
}
