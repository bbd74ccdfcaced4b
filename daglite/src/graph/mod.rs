//! The graph: nodes and how they hang together. No I/O, no recursion; nothing here runs anything.
//!
//! Read in this order: `node` (what a node is and the states it goes through), `arg` (what a parameter accepts), `fan` (a node that is
//! made of many others, as there is room for them) and `sink` (where those go), `picture` (a graph as text for those who draw).

mod arg;
mod fan;
mod node;
mod picture;
mod sink;

pub(crate) use arg::Input;
pub use arg::{Arg, IntoArg};
pub(crate) use fan::{Fan, Feed, Next};
pub use node::Origin;
pub(crate) use node::{
    Ahead, ArgPart, AttemptSettings, Entry, Gather, GatherSettled, Handover, Key, Known, Look,
    Made, Mode, Node, Op, Save, Slot, TaskOp, Transform, WakeFn, take_value,
};
pub use picture::Graph;
pub(crate) use picture::{Appearance, Drawn, Outline, contracted};
pub(crate) use sink::{End, Fold, Gathering, List, Step, Tree};
