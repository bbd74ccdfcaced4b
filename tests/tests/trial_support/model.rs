//! What a model of one thread says of a case: the value of each node, and whether it can be had.

use super::case::{BODIES, Case, End, Kind, Manner, Plan, Script};

/// Whether a value can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// It always can.
    Sure,
    /// Not if somebody's time is over before.
    Maybe,
    /// It never can.
    Never,
}

/// A node as the model sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Modelled {
    pub(crate) value: u64,
    pub(crate) fate: Fate,
    /// Whether all that it is made of can be had.
    pub(crate) sources: Fate,
    /// Whether the last node needs it.
    pub(crate) is_needed: bool,
}

pub(crate) fn mix(a: u64, b: u64) -> u64 {
    a.wrapping_mul(31).wrapping_add(b) % 1009
}

/// The number of a node's body: of its own, or of one inside.
pub(crate) fn body_of(node: usize, inside: usize) -> usize {
    node * BODIES + inside
}

/// All nodes of a case; the two that all begin with come first.
pub(crate) fn model(case: &Case) -> Vec<Modelled> {
    let first = |value| Modelled { value, fate: Fate::Sure, sources: Fate::Sure, is_needed: false };
    let mut nodes = vec![first(1), first(2)];
    for plan in &case.plans {
        let at = |back: usize| nodes[nodes.len().saturating_sub(back)];
        let (a, b) = (at(plan.sources.0), at(plan.sources.1));
        let sources = a.fate.max(b.fate);
        let fate = sources.max(own_fate(plan));
        nodes.push(Modelled {
            value: value(plan.kind, a.value, b.value),
            fate,
            sources,
            is_needed: false,
        });
    }
    let mut needed = vec![nodes.len() - 1];
    while let Some(at) = needed.pop() {
        if std::mem::replace(&mut nodes[at].is_needed, true) {
            continue;
        }
        if let Some(plan) = at.checked_sub(2).map(|at| case.plans[at]) {
            needed.extend([plan.sources.0, plan.sources.1].map(|back| at.saturating_sub(back)));
        }
    }
    nodes
}

fn value(kind: Kind, a: u64, b: u64) -> u64 {
    match kind {
        Kind::Each => mix(mix(0, a), mix(0, b)),
        _ => mix(a, b),
    }
}

/// What becomes of a node whose sources are there.
fn own_fate(plan: &Plan) -> Fate {
    if !plan.kind.has_body() {
        return Fate::Sure;
    }
    let bodies = if plan.kind.nests() { &plan.scripts[..] } else { &plan.scripts[..1] };
    bodies.iter().map(fate_of).max().unwrap_or(Fate::Sure)
}

fn fate_of(script: &Script) -> Fate {
    match (script.manner, script.end, script.is_timed) {
        (Manner::Hangs, ..) | (_, End::Fails | End::Panics, _) => Fate::Never,
        (_, End::Returns | End::FailsAtFirst(_), true) => Fate::Maybe,
        (_, End::Returns | End::FailsAtFirst(_), false) => Fate::Sure,
    }
}
