//! Paths: how many tasks are on the longest way from each node of a run to its end.

use super::queue::Cell;

/// What a pass over new nodes sees of how unequal their paths are.
pub(super) struct Shape {
    /// The steps from the end to the level that the pass is at.
    level: usize,
    /// The first node of the level, and the first after it.
    from: usize,
    to: usize,
    /// The level of the first node that needs no other.
    first_end: Option<usize>,
    is_uneven: bool,
    is_wide: bool,
    is_shared: bool,
}

impl Shape {
    /// Of nodes of which the first one, `start`, is alone in its level.
    pub(super) fn new(start: usize) -> Self {
        let (from, to) = (start, start + 1);
        let (first_end, is_uneven, is_wide, is_shared) = (None, false, false, false);
        Self { level: 0, from, to, first_end, is_uneven, is_wide, is_shared }
    }

    /// The pass comes to node `at`, when there are `nodes`.
    pub(super) fn at(&mut self, at: usize, nodes: usize) {
        if at == self.to {
            self.level += 1;
            (self.from, self.to) = (at, nodes);
            self.is_wide |= self.to - self.from > 1;
        }
    }

    /// The node needs no other.
    pub(super) fn ends(&mut self) {
        self.is_uneven |= *self.first_end.get_or_insert(self.level) != self.level;
    }

    /// The node needs one that another needs too.
    pub(super) fn shares(&mut self) {
        self.is_shared = true;
    }

    /// Whether some paths may be longer than others.
    pub(super) fn has_unequal_paths(&self) -> bool {
        self.is_wide && (self.is_uneven || self.is_shared)
    }
}

/// For each of the nodes from `start` on how many tasks are on the longest way from it to the end of the run; `above` are on the way
/// from whoever needs node `start`.
pub(super) fn ways_to_the_end(cells: &[Cell], start: usize, above: u32) -> Vec<u32> {
    let new = &cells[start..];
    let inside = |idx: &u32| (*idx as usize).checked_sub(start);
    // What each needs, one after the other.
    let mut bounds = vec![0_u32; new.len() + 1];
    let needing = |cell: &Cell| {
        cell.dependents.iter().filter_map(inside).collect::<smallvec::SmallVec<[usize; 2]>>()
    };
    let mut missing: Vec<u32> = Vec::with_capacity(new.len());
    for cell in new {
        let dependents = needing(cell);
        missing.push(dependents.len() as u32);
        dependents.into_iter().for_each(|at| bounds[at + 1] += 1);
    }
    for at in 1..bounds.len() {
        bounds[at] += bounds[at - 1];
    }
    let mut sources = vec![0_u32; bounds[new.len()] as usize];
    let mut next = bounds.clone();
    for (source, cell) in new.iter().enumerate() {
        for at in needing(cell) {
            sources[next[at] as usize] = source as u32;
            next[at] += 1;
        }
    }
    drop(next);
    let own = |at: usize| u32::from(new[at].node.as_ref().is_some_and(|node| node.task.is_some()));
    let mut ways = vec![0_u32; new.len()];
    // From the end on: each is looked at once all that need it have been.
    let mut free: Vec<usize> = (0..new.len()).filter(|at| missing[*at] == 0).collect();
    free.iter().for_each(|at| ways[*at] = own(*at));
    ways[0] = ways[0].saturating_add(above);
    while let Some(at) = free.pop() {
        for source in &sources[bounds[at] as usize..bounds[at + 1] as usize] {
            let source = *source as usize;
            ways[source] = ways[source].max(ways[at].saturating_add(own(source)));
            missing[source] -= 1;
            if missing[source] == 0 {
                free.push(source);
            }
        }
    }
    ways
}
