//! A model of locks, and of nothing else: which row a step locks and how, and so in which orders a
//! session would have to take a step while it waits for another's commit.
//!
//! Pure: it knows no database. Its states are held against the real ones after every step, so a
//! model that is wrong is found out.

use std::collections::{BTreeSet, VecDeque};

use super::gates::Gate;

/// A row that more than one session may want.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Row {
    Queue,
    /// A worker that was not heard of for longer than its leases last.
    Worker,
    /// The same, fenced.
    Fenced,
    Scheduled(u8),
    Ready(u8),
    /// A job in its new lane: another row than that which it had.
    Moved(u8),
    Lease(u8),
    /// A lease that was given another token: who asks for the first one does not find it.
    Retaken(u8),
}

/// PostgreSQL's row locks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    KeyShare,
    NoKeyUpdate,
    Update,
}

impl Mode {
    fn conflicts(self, other: Self) -> bool {
        match (self, other) {
            (Self::KeyShare, Self::KeyShare | Self::NoKeyUpdate)
            | (Self::NoKeyUpdate, Self::KeyShare) => false,
            (Self::Update, _) | (_, Self::Update) | (Self::NoKeyUpdate, Self::NoKeyUpdate) => true,
        }
    }
}

/// What a session does between two of its gates.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// Sees whether the queue has a limit.
    Look,
    /// Locks the queue's row, by what was seen.
    LockQueue,
    /// If a limit came between the look and the lock: gives up the lock for the stronger one.
    LockAgain,
    /// Gives the queue a limit, at the commit.
    SetLimit,
    /// Locks a row once it is there and free; later acts may ask whether it was found.
    Find(Row, Mode),
    /// If it was found: takes away what was found, and puts these rows there, at the commit.
    Turn(Row, &'static [Row]),
    /// If it was found: the verb ends here.
    EndIfFound,
    /// If it was not: it ends here.
    EndUnlessFound,
    /// Turns a row that is there and that nobody holds into another, and waits for nobody; later acts
    /// may ask whether it was found.
    Grab(Row, Row),
    /// The same, if this first row is there, or was made so by the session itself.
    GrabOf(Row, Row, Row),
    /// Passes over so many gates unless one of these rows is there.
    SkipUnless(&'static [Row], usize),
    /// Turns the first so many of these rows that are there and that nobody holds into others.
    Take(usize, &'static [(Row, Row)]),
}

/// A session, as the model sees it.
#[derive(Clone, Copy, Debug)]
pub struct Program {
    /// In the order in which it comes to them.
    pub gates: &'static [Gate],
    /// What it does before the first, between them, and after the last.
    pub parts: &'static [&'static [Act]],
}

/// How a session stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It has not begun.
    Idle,
    /// It waits at a gate, by its place among the session's gates.
    Parked(usize),
    /// It waits for another session of the test, and goes on by itself when that one commits.
    Blocked,
    /// It has ended.
    Done,
}

/// What came of an act.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Did {
    It,
    /// It has to be tried again when another commits.
    Wait,
    /// The session is elsewhere in its program now.
    Went,
    /// The verb has ended.
    End,
}

#[derive(Debug)]
struct Actor {
    program: Program,
    state: State,
    /// The part and the act that come next.
    at: (usize, usize),
    saw_limit: bool,
    found: bool,
    /// Taken away, put there.
    pending: Vec<(Row, &'static [Row])>,
    taken: Vec<(Row, Row)>,
    sets_limit: bool,
}

/// All of them.
#[derive(Debug)]
pub struct Model {
    actors: Vec<Actor>,
    there: BTreeSet<Row>,
    is_limited: bool,
    locks: Vec<(Row, usize, Mode)>,
    /// Who waits, the first to begin first: PostgreSQL's order among those that wait for a row.
    waiting: VecDeque<usize>,
}

impl Model {
    pub fn new(programs: &[Program], there: &[Row], is_limited: bool) -> Self {
        let actors = programs.iter().map(|program| {
            assert_eq!(program.gates.len() + 1, program.parts.len(), "{program:?}");
            Actor {
                program: *program,
                state: State::Idle,
                at: (0, 0),
                saw_limit: false,
                found: false,
                pending: Vec::new(),
                taken: Vec::new(),
                sets_limit: false,
            }
        });
        Self {
            actors: actors.collect(),
            there: there.iter().copied().collect(),
            is_limited,
            locks: Vec::new(),
            waiting: VecDeque::new(),
        }
    }

    /// How all stand.
    pub fn states(&self) -> Vec<State> {
        self.actors.iter().map(|actor| actor.state).collect()
    }

    /// Lets a session go on to its next gate. One that has ended has no step to take.
    pub fn step(&mut self, who: usize) {
        match self.actors[who].state {
            State::Idle | State::Parked(_) => self.go(who),
            State::Done => {}
            State::Blocked => panic!("session {who} is blocked and can't be let go"),
        }
    }

    fn go(&mut self, who: usize) {
        loop {
            let (part, act) = self.actors[who].at;
            let parts = self.actors[who].program.parts;
            let Some(act) = parts[part].get(act) else {
                self.actors[who].at = (part + 1, 0);
                self.actors[who].state = State::Parked(part);
                if part + 1 == parts.len() {
                    self.commit(who);
                }
                return;
            };
            match self.does(who, *act) {
                Did::It => self.actors[who].at.1 += 1,
                Did::Went => {}
                Did::Wait => {
                    self.actors[who].state = State::Blocked;
                    self.waiting.push_back(who);
                    return;
                }
                Did::End => return self.commit(who),
            }
        }
    }

    fn does(&mut self, who: usize, act: Act) -> Did {
        match act {
            Act::Look => self.actors[who].saw_limit = self.is_limited,
            Act::LockQueue => {
                let mode = self.queue_mode(who);
                return self.locks(who, Row::Queue, mode);
            }
            Act::LockAgain => {
                if self.is_limited && !self.actors[who].saw_limit {
                    self.locks.retain(|(_, holder, _)| *holder != who);
                    self.actors[who].saw_limit = true;
                }
                let mode = self.queue_mode(who);
                return self.locks(who, Row::Queue, mode);
            }
            Act::SetLimit => self.actors[who].sets_limit = true,
            Act::Find(row, mode) => {
                let there = self.there.contains(&row);
                if there && self.locks(who, row, mode) == Did::Wait {
                    return Did::Wait;
                }
                self.actors[who].found = there;
            }
            Act::Turn(from, into) => {
                if self.actors[who].found {
                    self.actors[who].pending.push((from, into));
                }
            }
            Act::EndIfFound => {
                if self.actors[who].found {
                    return Did::End;
                }
            }
            Act::EndUnlessFound => {
                if !self.actors[who].found {
                    return Did::End;
                }
            }
            Act::Grab(from, into) => self.grab(who, from, into),
            Act::GrabOf(of, from, into) => {
                let made = self.actors[who].taken.iter().any(|(_, into)| *into == of);
                self.actors[who].found = false;
                if made || self.there.contains(&of) {
                    self.grab(who, from, into);
                }
            }
            Act::SkipUnless(rows, gates) => {
                if !rows.iter().any(|row| self.there.contains(row)) {
                    let (part, _) = self.actors[who].at;
                    self.actors[who].at = (part + gates, 0);
                    return Did::Went;
                }
            }
            Act::Take(most, rows) => {
                let mut left = most;
                for (from, into) in rows {
                    let is_free = !self.locks.iter().any(|(row, ..)| row == from);
                    if left > 0 && is_free && self.there.contains(from) {
                        left -= 1;
                        self.locks.push((*from, who, Mode::Update));
                        self.actors[who].taken.push((*from, *into));
                    }
                }
            }
        }
        Did::It
    }

    fn grab(&mut self, who: usize, from: Row, into: Row) {
        let is_free = !self.locks.iter().any(|(row, ..)| *row == from);
        let found = is_free && self.there.contains(&from);
        if found {
            self.locks.push((from, who, Mode::Update));
            self.actors[who].taken.push((from, into));
        }
        self.actors[who].found = found;
    }

    fn queue_mode(&self, who: usize) -> Mode {
        if self.actors[who].saw_limit {
            Mode::NoKeyUpdate
        } else {
            Mode::KeyShare
        }
    }

    fn locks(&mut self, who: usize, row: Row, mode: Mode) -> Did {
        let conflict = |(held, holder, by): &(Row, usize, Mode)| {
            *held == row && *holder != who && mode.conflicts(*by)
        };
        if self.locks.iter().any(conflict) {
            return Did::Wait;
        }
        self.locks.push((row, who, mode));
        Did::It
    }

    fn commit(&mut self, who: usize) {
        let actor = &mut self.actors[who];
        actor.state = State::Done;
        for (from, into) in std::mem::take(&mut actor.pending) {
            self.there.remove(&from);
            self.there.extend(into);
        }
        for (from, into) in std::mem::take(&mut actor.taken) {
            self.there.remove(&from);
            self.there.insert(into);
        }
        self.is_limited |= actor.sets_limit;
        self.locks.retain(|(_, holder, _)| *holder != who);
        for waiting in std::mem::take(&mut self.waiting) {
            self.go(waiting);
        }
    }
}

mod tests {
    use super::*;

    const HOLD: Program = Program {
        gates: &[Gate::Locked],
        parts: &[&[Act::Find(Row::Queue, Mode::NoKeyUpdate)], &[]],
    };
    const SHARE: Program = Program {
        gates: &[Gate::Looked, Gate::Locked],
        parts: &[&[Act::Look], &[Act::LockQueue], &[]],
    };

    fn led(model: &mut Model, order: &[usize]) {
        for who in order {
            model.step(*who);
        }
    }

    #[test]
    fn who_waited_first_goes_first_and_by_itself() {
        let mut model = Model::new(&[HOLD, HOLD, HOLD], &[Row::Queue], true);
        led(&mut model, &[0, 2, 1]);
        assert_eq!(
            model.states(),
            [State::Parked(0), State::Blocked, State::Blocked]
        );
        model.step(0);
        assert_eq!(
            model.states(),
            [State::Done, State::Blocked, State::Parked(0)]
        );
    }

    #[test]
    fn acquirers_without_a_limit_share_the_queue_with_each_other_and_with_those_under_one() {
        let mut model = Model::new(&[SHARE, SHARE, HOLD], &[Row::Queue], false);
        led(&mut model, &[0, 0, 1, 1, 2]);
        assert_eq!(
            model.states(),
            [State::Parked(1), State::Parked(1), State::Parked(0)]
        );
    }

    #[test]
    fn a_row_that_the_blocker_took_away_is_not_found() {
        let take = Program {
            gates: &[Gate::ReadyDeleteWritten],
            parts: &[
                &[
                    Act::Find(Row::Ready(1), Mode::Update),
                    Act::Turn(Row::Ready(1), &[]),
                ],
                &[Act::EndIfFound, Act::Find(Row::Lease(1), Mode::Update)],
            ],
        };
        let mut model = Model::new(&[take, take], &[Row::Ready(1)], false);
        led(&mut model, &[0, 1, 0]);
        assert_eq!(model.states(), [State::Done, State::Parked(0)]);
        assert!(!model.actors[1].found && model.locks.is_empty());
    }
}
