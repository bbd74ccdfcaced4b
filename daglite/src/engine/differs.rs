//! What is different today from what made a checkpoint: the code, and the arguments as far as they are known before
//! anything runs.

use std::sync::Arc;

use crate::checkpoint::CheckpointMeta;
use crate::event::Change;
use crate::graph::{Arg, Input, Op, Save, Slot};
use crate::hash::watching;
use crate::store::{KeyPart, PartKind};
use crate::task::Task;

use super::caught;
use super::key::{Hashing, fingerprint};
use super::preimage::{shown_argument, variable};
use super::run::Run;

impl Run {
    /// What differs from the version that is to stand for a value, a sentence each.
    pub(super) fn differences(&self, meta: &CheckpointMeta, save: &Save) -> Vec<String> {
        let Some(today) = save.source.task else { return Vec::new() };
        let name = today.spec.name;
        if let Some(then) = &meta.task
            && then != name
        {
            return vec![format!("it was made by `{then}`, and is made by `{name}` today")];
        }
        let mut differs = Vec::new();
        if meta.fingerprint.is_some_and(|then| then != fingerprint(today)) {
            differs.push(format!("the code of `{name}` has changed since"));
        }
        // Large values and files take their time: it is not taken if nobody asks.
        if self.wants_reasons() && !meta.arguments.is_empty() {
            differs.extend(self.changed_arguments(today, &arguments(save), &meta.arguments));
            differs.extend(changed_variables(today, &meta.arguments));
        }
        differs
    }

    /// The arguments that are others than those that were recorded. Results that nobody has computed are not known.
    fn changed_arguments(
        &self,
        task: &'static Task,
        args: &[Arg],
        recorded: &[KeyPart],
    ) -> Vec<String> {
        let engine = &self.engine;
        let hashing = Hashing { engine, task: task.spec.name, planned: None, hashes: &self.hashes };
        let mut changed = Vec::new();
        for ((arg, name), param) in args.iter().zip(task.spec.params).zip(&task.params) {
            let is_it = |part: &&KeyPart| part.name == *name && counts_as_argument(part.kind);
            let Some(then) = recorded.iter().find(is_it) else { continue };
            let (now, watched) = watching(|| caught(|| hashing.known_part(arg, param, name)));
            let Ok(Some(now)) = now else { continue };
            // Digests of two kinds cannot be compared.
            if now.kind != then.kind || now.digest == then.digest {
                continue;
            }
            let (from, to) = (then.shown.clone(), shown_argument(task, args, name, &self.hashes));
            changed.push(if watched.has_files() && from == to && !to.is_empty() {
                format!("the content of {to}, the argument `{name}`, changed")
            } else {
                Change::Argument { name: (*name).to_owned(), from, to }.to_string()
            });
        }
        changed
    }
}

/// Whether a part of that kind is an argument that counts.
fn counts_as_argument(kind: PartKind) -> bool {
    kind != PartKind::Variable && !kind.is_excluded()
}

/// The arguments of the call whose result is to be saved, if it was not begun.
fn arguments(save: &Save) -> Vec<Arg> {
    let shared = |arg: &Arg| match &arg.0 {
        Input::Value(value) => Arg(Input::Value(Arc::clone(value))),
        Input::Node(node) => Arg(Input::Node(Arc::clone(node))),
    };
    match &*save.source.slot.lock() {
        Slot::Idle(Op::Task(call)) => call.args.iter().map(shared).collect(),
        _ => Vec::new(),
    }
}

/// The variables of the environment that are others than those that were recorded.
fn changed_variables(task: &Task, recorded: &[KeyPart]) -> Vec<String> {
    let names = task.spec.cache.iter().flat_map(|cache| cache.env);
    let change = |name: &&str| {
        let now = variable(name);
        let is_it = |part: &&KeyPart| part.kind == PartKind::Variable && part.name == now.name;
        let then = recorded.iter().find(is_it)?;
        let (name, from, to) = (now.name, then.shown.clone(), now.shown);
        (then.digest != now.digest).then(|| Change::Variable { name, from, to }.to_string())
    };
    names.filter_map(change).collect()
}
