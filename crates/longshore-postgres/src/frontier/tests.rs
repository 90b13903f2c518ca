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
    /// A look that is not over, and the segments still to be looked at.
    look: Option<(Look, Vec<Segment>)>,
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
    /// A look goes on by one of its statements.
    Look,
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
                if let Some(first) = self.visible.iter().min().copied() {
                    self.frontier.note(first.0);
                    self.visible.retain(|row| *row != first);
                }
            }
            Step::Look => self.look_on(),
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
            self.look = Some((look, self.frontier.segments()));
            return;
        };
        if look.oldest_open == 0 {
            look.oldest_open = self.oldest_open();
        } else if left.is_empty() {
            // As probe_line decides: only where there is something new to prove.
            let known = self.frontier.segments();
            let is_new = look.lanes.iter().any(|(lane, first)| {
                let behind = known.iter().find(|segment| segment.lane == *lane);
                let bound = first.map_or(look.drawn, |seq| seq - 1);
                behind.is_none_or(|segment| bound > segment.seq)
            });
            if is_new {
                let xid = self.draw_xid();
                self.newest_ended = self.newest_ended.max(xid);
                look.drawn_xid = Some(xid);
            }
            assert_eq!(self.frontier.learn(&look), 0, "nobody waited 10 s");
            return;
        } else {
            let Segment {
                lane,
                seq,
                next_lane,
            } = left.remove(0);
            look.lanes.push((lane, self.first_in(lane, seq)));
            let others = LANES
                .into_iter()
                .filter(|other| *other > lane && *other < next_lane);
            let shown = others.filter_map(|other| Some((other, Some(self.first_in(other, -1)?))));
            look.lanes.extend(shown);
        }
        self.look = Some((look, left));
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

proptest! {
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
}
