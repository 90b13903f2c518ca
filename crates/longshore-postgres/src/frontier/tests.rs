//! The plan against simulated transactions, whose ids and visibility follow PostgreSQL's rules.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// The lanes in use, in order.
const LANES: [i16; 5] = [0, 41, 100, 101, 201];

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
    /// A look that is not over, and where it is still to look.
    look: Option<(Look, Vec<Asked>)>,
    /// Whether the look that is not over goes past what is covered.
    is_new: bool,
    now: Duration,
    hints: usize,
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
    /// A look goes on by one of its statements.
    Look,
    /// Longer than a frontier has patience for.
    Wait,
}

impl Simulation {
    fn new() -> Self {
        Self {
            next_xid: 100,
            newest_ended: 99,
            ..Self::default()
        }
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
        let Some(xid) = self.nth_open(n) else {
            return Vec::new();
        };
        self.newest_ended = self.newest_ended.max(xid);
        self.open.remove(&xid).expect("it is open")
    }

    /// `pg_snapshot_xmin`: as PostgreSQL has it, transactions above the newest ended one don't count.
    fn oldest_open(&self) -> i64 {
        let above = self.newest_ended + 1;
        self.open.keys().next().map_or(above, |xid| above.min(*xid))
    }

    /// The first visible seq of a lane behind `seq`.
    fn first_in(&self, lane: i16, seq: i64) -> Option<i64> {
        let behind = self
            .visible
            .iter()
            .filter(|row| row.0 == lane && row.1 > seq);
        behind.map(|row| row.1).min()
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
                    self.open
                        .get_mut(&xid)
                        .expect("it is open")
                        .push((lane, self.drawn));
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
                self.take();
            }
            Step::Look => self.look_on(),
            Step::Wait => self.now += PATIENCE,
        }
    }

    /// Somebody acquires the first visible row beyond the frontier. Returns whether there was one.
    fn take(&mut self) -> bool {
        let segments = self.frontier.segments();
        let mut line = self.visible.iter();
        let first = line
            .by_ref()
            .filter(|row| is_beyond(&segments, **row))
            .min()
            .copied();
        if let Some(first) = first {
            self.frontier.note(first.0);
            self.visible.retain(|row| *row != first);
        }
        first.is_some()
    }

    /// Ends the look that is under way, if one is, and makes another.
    fn look_once(&mut self) {
        while self.look.is_some() {
            self.look_on();
        }
        self.look_on();
        while self.look.is_some() {
            self.look_on();
        }
    }

    /// Each statement of a look has a snapshot of its own, and others work in between.
    fn look_on(&mut self) {
        let Some((mut look, mut left)) = self.look.take() else {
            let look = Look {
                lanes: Vec::new(),
                drawn: self.drawn,
                oldest_open: 0,
                drawn_xid: None,
                at: self.now,
            };
            self.is_new = false;
            self.look = Some((look, self.frontier.asked()));
            return;
        };
        if look.oldest_open == 0 {
            look.oldest_open = self.oldest_open();
        } else if left.is_empty() {
            // As probe_line decides: only where there is something new to prove.
            if self.is_new {
                let xid = self.draw_xid();
                self.newest_ended = self.newest_ended.max(xid);
                look.drawn_xid = Some(xid);
            }
            self.hints += self.frontier.learn(&look);
            return;
        } else {
            let Asked { segment, covered } = left.remove(0);
            let first = self.first_in(segment.lane, segment.seq);
            self.is_new |= first.map_or(look.drawn, |seq| seq - 1) > covered;
            look.lanes.push((segment.lane, first));
            let others = LANES
                .into_iter()
                .filter(|other| *other > segment.lane && *other < segment.next_lane);
            let shown = others.filter_map(|other| Some((other, Some(self.first_in(other, -1)?))));
            let seen = look.lanes.len();
            look.lanes.extend(shown);
            self.is_new |= look.lanes.len() > seen;
        }
        self.look = Some((look, left));
    }

    /// Every row that waits, or will once its transaction commits, lies beyond what is proved, and
    /// without hints beyond where acquisitions begin.
    fn assert_nothing_is_passed_over(&self) {
        let proved: Vec<Segment> = self.frontier.asked().iter().map(|a| a.segment).collect();
        let begins = self.frontier.segments();
        for row in self.visible.iter().chain(self.open.values().flatten()) {
            assert!(
                is_beyond(&proved, *row),
                "{row:?} is passed over by {proved:?}"
            );
            assert!(
                self.hints > 0 || is_beyond(&begins, *row),
                "{row:?} is passed over by {begins:?}"
            );
        }
    }
}

fn is_beyond(segments: &[Segment], (lane, seq): (i16, i64)) -> bool {
    segments
        .iter()
        .any(|segment| (lane, seq) > (segment.lane, segment.seq) && lane < segment.next_lane)
}

fn steps() -> impl Strategy<Value = Step> {
    let lane = proptest::sample::select(LANES.to_vec());
    prop_oneof![
        2 => Just(Step::Begin),
        4 => (0usize..8, lane).prop_map(|(n, lane)| Step::Insert(n, lane)),
        2 => (0usize..8).prop_map(Step::Commit),
        1 => (0usize..8).prop_map(Step::Abort),
        3 => Just(Step::Take),
        6 => Just(Step::Look),
    ]
}

fn steps_and_waits() -> impl Strategy<Value = Step> {
    prop_oneof![8 => steps(), 1 => Just(Step::Wait)]
}

proptest! {
    #[test]
    fn a_late_commit_is_never_passed_over(steps in proptest::collection::vec(steps(), 1..120)) {
        let mut simulation = Simulation::new();
        for step in steps {
            simulation.step(step);
            simulation.assert_nothing_is_passed_over();
        }
        prop_assert_eq!(simulation.hints, 0, "nobody waited 10 s");
    }

    #[test]
    fn what_a_hint_passes_over_is_taken_in_the_end(
        steps in proptest::collection::vec(steps_and_waits(), 1..120),
    ) {
        let mut simulation = Simulation::new();
        for step in steps {
            simulation.step(step);
            simulation.assert_nothing_is_passed_over();
        }
        while !simulation.open.is_empty() {
            simulation.step(Step::Commit(0));
        }
        simulation.look_once();
        while simulation.take() {}
        prop_assert_eq!(simulation.visible, vec![]);
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

fn look(lanes: &[(i16, Option<i64>)], oldest_open: i64, drawn_xid: i64, second: u64) -> Look {
    let (lanes, at) = (lanes.to_vec(), Duration::from_secs(second));
    Look {
        lanes,
        drawn: 500,
        oldest_open,
        drawn_xid: Some(drawn_xid),
        at,
    }
}

#[test]
fn the_frontier_follows_the_line_once_it_is_proved() {
    let mut frontier = Frontier::default();
    let known = |frontier: &Frontier| frontier.segments()[1].seq;
    assert_eq!(frontier.learn(&look(&[(101, Some(40))], 7, 7, 0)), 0);
    assert_eq!(known(&frontier), -1, "a candidate is no proof");
    frontier.learn(&look(&[(101, Some(90))], 7, 8, 1));
    assert_eq!(
        frontier.segments()[1],
        Segment {
            lane: 101,
            seq: 39,
            next_lane: END
        }
    );
    frontier.learn(&look(&[(101, None)], 9, 9, 2));
    assert_eq!(
        known(&frontier),
        89,
        "the second candidate, proved by the third look"
    );
    frontier.learn(&look(&[(101, None)], 10, 10, 3));
    assert_eq!(
        known(&frontier),
        500,
        "an empty lane is known up to what was drawn"
    );
}

#[test]
fn an_open_writer_holds_the_frontier_back_for_ten_seconds_and_then_it_is_a_hint() {
    let mut frontier = Frontier::default();
    let writer = 6;
    for second in 0..10 {
        assert_eq!(
            frontier.learn(&look(&[(101, Some(40))], writer, 20, second)),
            0
        );
        assert_eq!(frontier.segments()[1].seq, -1);
    }
    assert_eq!(
        frontier.learn(&look(&[(101, Some(60))], writer, 30, 10)),
        1,
        "counted"
    );
    assert_eq!(frontier.segments()[1].seq, 39);
    assert_eq!(frontier.asked()[1].segment.seq, -1, "and not proved");
}

#[test]
fn a_row_below_the_hint_takes_it_back_and_what_is_proved_stays() {
    let mut frontier = Frontier::default();
    let begins =
        |frontier: &Frontier| (frontier.asked()[1].segment.seq, frontier.segments()[1].seq);
    frontier.learn(&look(&[(101, Some(20))], 7, 7, 0));
    frontier.learn(&look(&[(101, Some(60))], 7, 8, 1));
    assert_eq!(begins(&frontier), (19, 19), "proved");
    let writer = 7;
    for second in [2, 12] {
        frontier.learn(&look(&[(101, Some(60))], writer, 9, second));
    }
    assert_eq!(begins(&frontier), (19, 59), "a hint");
    let committed = look(&[(101, Some(33))], 20, 20, 13);
    assert_eq!(frontier.learn(&committed), 0);
    assert_eq!(begins(&frontier), (32, 32), "to before the late row");
}

#[test]
fn a_proof_that_is_under_way_covers_what_it_will_prove() {
    let mut frontier = Frontier::default();
    let covered = |frontier: &Frontier| frontier.asked()[1].covered;
    frontier.learn(&look(&[(101, None)], 6, 20, 0));
    assert_eq!(covered(&frontier), 500);
    frontier.learn(&look(&[(101, None)], 30, 30, 1));
    assert_eq!(covered(&frontier), 500);
    assert_eq!(frontier.asked()[1].segment.seq, 500);
}
