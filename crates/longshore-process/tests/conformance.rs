//! The process executor does what the executor suite asks for.

mod support;

longshore_testkit::executor_conformance!(crate::support::Processes::new());
