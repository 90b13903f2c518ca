//! Who may do what, from where, and what is written down of it.

mod audit;
mod roles;
mod sites;
mod tokens;
