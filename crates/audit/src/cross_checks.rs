//! Checks across objects, which the policy cannot make: it sees one object at a time.
//!
//! While objects are evaluated, each thread takes a [`Record`] of the few objects that matter. The [`Collector`] keeps
//! the data that the checks need, and returns the findings at the end.

mod check;
mod collector;
mod nodes;
mod record;

pub use check::Check;
pub(crate) use collector::Collector;
pub(crate) use record::Record;
