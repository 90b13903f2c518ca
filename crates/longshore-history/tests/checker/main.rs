//! The checker, from outside: hand-made histories whose verdict is known, and
//! random ones whose verdict an obviously right, slow method gives.

mod documents;
mod endings;
mod exercised;
mod format;
mod limits;
mod passes;
mod promises;
mod promises_of_order;
mod random;
mod recorded;
mod rest;
mod schedule;
mod size;
mod slowly;
mod starts;
mod support;
mod taken_over;
mod unknown;
