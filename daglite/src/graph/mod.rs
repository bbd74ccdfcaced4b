//! The graph: nodes and how they hang together. No I/O, no recursion; nothing here runs anything.
//!
//! Read in this order: `node` (what a node is and the states it goes through), `arg` (what a parameter accepts).

mod arg;
mod node;

pub(crate) use arg::Input;
pub use arg::{Arg, IntoArg};
pub use node::Origin;
pub(crate) use node::{
    Ahead, ArgPart, AttemptSettings, Entry, Gather, Handover, Key, Known, Look, Made, Mode, Node,
    Op, Save, Slot, TaskOp, Transform, WakeFn, take_value,
};
