//! Real interleavings: two or three sessions on a real database, led through every order of their
//! fault points.
//!
//! The product's own verbs run, each in the one transaction that it has; what is patched, in a
//! scratch database, is the SQL beneath them: gates (`gates.rs`) at which a session waits until the
//! controller lets it go (`lane.rs`). A model of nothing but locks (`model.rs`) says beforehand which
//! orders can't be, because a session whose turn it is would wait for another's commit; every other
//! order must be reached, or the test is *unknown*. What each order may end in is a set, asserted by
//! the promise's name (`acquiring.rs`, `limits.rs`, `ending.rs`, `moving.rs`,
//! `taking_over.rs`).
//!
//! Two sessions stop at every gate that they come to. Among three, whose orders are many, an
//! acquisition does not stop between what it counts and what it takes, both under the queue's lock; and
//! beside staging not where nothing that staging does can matter to it (`moving.rs`).

mod acquiring;
mod ending;
mod every_order;
mod gates;
mod lane;
mod limits;
mod model;
mod moving;
mod pair;
mod raw;
mod sqlite;
mod taking_over;
mod teeth;
