//! Calls of tasks that name limits: let in when there is room in all of them, put in line until then.
//!
//! A call in line is a node put aside: it holds no thread, no permit and no claim on its key. Which runs stand in line with
//! which nodes is known to the runs, so that one that ends leaves.

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;

use smallvec::SmallVec;

use crate::checkpoint::by_likeness;
use crate::event::Event;
use crate::graph::{Node, Op, TaskOp};
use crate::sync::Mutex;
use crate::task::Task;

use super::Engine;
use super::limits::{OnRoom, Places, Ticket, Wanted};
use super::run::{Progress, Run};
use super::waits::Thing;

/// The nodes with which a run stands in line.
#[derive(Default)]
pub(super) struct Lines(Mutex<HashMap<u32, Ticket>>);

impl Run {
    /// Takes the places of limits that a call needs: now, or it is looked at again when there may be room. `own` is the key that
    /// it has already, if it has one.
    pub(super) fn admit(
        self: &Arc<Self>,
        idx: u32,
        node: &Arc<Node>,
        call: TaskOp,
        own: Option<Thing>,
    ) -> Result<(TaskOp, Option<Places>), Progress> {
        let task = call.task;
        if task.spec.limits.is_empty() {
            return Ok((call, None));
        }
        let things = self.context.things().chain(own).collect();
        let wanted = self.engine.wanted(task, things);
        if wanted.is_nothing() {
            return Ok((call, None));
        }
        let limits = &self.engine.limits;
        let mut lines = self.lines.0.lock();
        let ticket = lines.remove(&idx);
        if let Some(places) = limits.try_enter(&wanted, ticket.as_ref()) {
            drop(lines);
            drop(ticket);
            return Ok((call, Some(places)));
        }
        let is_new = ticket.is_none();
        // Back first: there may be room at once, and then whoever is called finds this node waiting.
        self.put_back(node, Op::Task(call));
        match limits.enter_or_wait(&wanted, ticket, self.on_room(idx)) {
            Ok(places) => {
                drop(lines);
                let call = self.take_back(node).ok_or(Progress::Again)?;
                Ok((call, Some(places)))
            }
            Err(ticket) => {
                lines.insert(idx, ticket);
                drop(lines);
                if is_new {
                    let limits = task.spec.limits;
                    self.engine
                        .tell_task(|| Event::WaitingForLimit { task: task.spec.name, limits });
                }
                if self.has_ended() {
                    self.leave_lines();
                }
                Err(Progress::Parked)
            }
        }
    }

    fn on_room(self: &Arc<Self>, idx: u32) -> OnRoom {
        let run = Arc::downgrade(self);
        Box::new(move || {
            if let Some(run) = run.upgrade() {
                run.requeue(idx);
            }
        })
    }

    /// Stands in line with a node no more: somebody else has it, or it is settled.
    pub(super) fn leave_line(&self, idx: u32, node: &Node) {
        if node.task.is_some_and(|task| !task.spec.limits.is_empty()) {
            let ticket = self.lines.0.lock().remove(&idx);
            drop(ticket);
        }
    }

    /// Stands in no line any more.
    pub(super) fn leave_lines(&self) {
        let tickets = mem::take(&mut *self.lines.0.lock());
        drop(tickets);
    }
}

impl Engine {
    /// What a call of `task` wants of the limits, if it is made where `things` are around it.
    fn wanted(&self, task: &Task, things: SmallVec<[Thing; 4]>) -> Wanted {
        let number = |name: &&'static str| {
            let number = self.limits.number(name);
            if number.is_none() {
                self.tell_unknown(task, name);
            }
            number
        };
        Wanted::new(task.spec.limits.iter().filter_map(number).collect(), things)
    }

    /// Tells once of a limit that is not among those of the session, if it has any.
    fn tell_unknown(&self, task: &Task, name: &'static str) {
        if self.limits.names().is_empty() || !self.told_unknown.lock().insert(name) {
            return;
        }
        let names = by_likeness(name, self.limits.names().to_vec());
        let nearest = names.first().map_or("", String::as_str);
        self.warn(format!(
            "`{}` names the limit `{name}`, which this session does not set, so it limits nothing: the nearest that is set is \
             `{nearest}`; set `{name}` too, or correct the name",
            task.spec.name
        ));
    }
}
