//! The line of the calls of a run that can be done: the latest to come free first, unless a long way to the end is in danger.
//!
//! Whoever has just been made possible goes first: what it takes in is in memory, and can go. That order makes the end late where a
//! long chain stands behind many short ones. So a graph of unequal paths is measured once (`paths`): of the calls that nothing in the
//! run was needed for, those with the longest way to the end begin; and if what is left for each thread is not far more than the
//! longest way that stands in line, that one goes next. Calls with ways of about one length are one class, in which the order stays.
//!
//! A graph whose paths are all alike, a chain or a list of equals, is a plain queue, and pays nothing.

use std::cmp::Reverse;
use std::collections::VecDeque;

/// A way is in danger if what is left for each thread is no more than so many times its length: its tasks may take longer than others.
const SLACK: usize = 4;

/// Calls that can be done.
pub(super) struct Line {
    plain: VecDeque<u32>,
    ranked: Option<Box<Ranked>>,
}

/// Calls by class, and how far each is from the end.
struct Ranked {
    /// For each node how many tasks are on the longest way from it to the end, itself included.
    ways: Vec<u32>,
    /// By the number of binary digits of that: the calls, each with its place in the order of all.
    classes: Vec<VecDeque<(i64, u32)>>,
    /// Which classes are not empty, a bit each.
    filled: u32,
    len: usize,
    /// The places before the first and after the last.
    before: i64,
    after: i64,
}

impl Line {
    /// An empty one, in which all ways are equal.
    pub(super) fn new() -> Self {
        Self { plain: VecDeque::new(), ranked: None }
    }

    /// Whether the ways of the run are known.
    pub(super) fn is_ranked(&self) -> bool {
        self.ranked.is_some()
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ranked.as_ref().map_or(self.plain.len(), |ranked| ranked.len)
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many tasks are on the longest way from a node to the end, if that is known.
    pub(super) fn way(&self, idx: u32) -> u32 {
        self.ranked.as_ref().map_or(0, |ranked| ranked.way(idx))
    }

    /// Has the ways known from node `start` on; `ways` are theirs. Those that stand in line already are put in order.
    pub(super) fn rank(&mut self, start: usize, ways: Vec<u32>) {
        let ranked = self.ranked.get_or_insert_with(Box::default);
        ranked.ways.resize(start, 0);
        ranked.ways.extend(ways);
        let mut waiting: Vec<u32> = self.plain.drain(..).collect();
        waiting.sort_by_key(|idx| Reverse(ranked.way(*idx)));
        waiting.into_iter().for_each(|idx| ranked.push_back(idx));
    }

    pub(super) fn push_back(&mut self, idx: u32) {
        match &mut self.ranked {
            None => self.plain.push_back(idx),
            Some(ranked) => ranked.push_back(idx),
        }
    }

    pub(super) fn push_front(&mut self, idx: u32) {
        match &mut self.ranked {
            None => self.plain.push_front(idx),
            Some(ranked) => ranked.push_front(idx),
        }
    }

    /// Who goes next; `share` is how many nodes are left for each thread.
    pub(super) fn first(&self, share: usize) -> Option<u32> {
        match &self.ranked {
            None => self.plain.front().copied(),
            Some(ranked) => Some(ranked.classes[ranked.next_class(share)?].front()?.1),
        }
    }

    /// Takes who goes next.
    pub(super) fn pop(&mut self, share: usize) -> Option<u32> {
        match &mut self.ranked {
            None => self.plain.pop_front(),
            Some(ranked) => ranked.pop(share),
        }
    }
}

impl Default for Ranked {
    fn default() -> Self {
        let classes = (0..u32::BITS).map(|_| VecDeque::new()).collect();
        Self { ways: Vec::new(), classes, filled: 0, len: 0, before: -1, after: 0 }
    }
}

impl Ranked {
    fn way(&self, idx: u32) -> u32 {
        self.ways.get(idx as usize).copied().unwrap_or(0)
    }

    fn class_of(&self, idx: u32) -> usize {
        self.way(idx).checked_ilog2().unwrap_or(0) as usize
    }

    fn push_back(&mut self, idx: u32) {
        let class = self.class_of(idx);
        self.classes[class].push_back((self.after, idx));
        self.after += 1;
        self.count(class);
    }

    fn push_front(&mut self, idx: u32) {
        let class = self.class_of(idx);
        self.classes[class].push_front((self.before, idx));
        self.before -= 1;
        self.count(class);
    }

    fn count(&mut self, class: usize) {
        self.filled |= 1 << class;
        self.len += 1;
    }

    fn pop(&mut self, share: usize) -> Option<u32> {
        let class = self.next_class(share)?;
        let (_, idx) = self.classes[class].pop_front()?;
        self.len -= 1;
        if self.classes[class].is_empty() {
            self.filled &= !(1 << class);
        }
        Some(idx)
    }

    /// The class whose first goes next: it is the first of all, or in danger.
    fn next_class(&self, share: usize) -> Option<usize> {
        let longest = self.filled.checked_ilog2()? as usize;
        let place = |class: usize| self.classes[class].front().map_or(i64::MAX, |first| first.0);
        let filled = (0..=longest).filter(|class| self.filled & (1 << class) != 0);
        let first = filled.min_by_key(|class| place(*class))?;
        let way = self.classes[longest].front().map_or(0, |longest| self.way(longest.1));
        let is_in_danger = longest > first && share <= SLACK * way as usize;
        Some(if is_in_danger { longest } else { first })
    }
}

#[cfg(test)]
mod tests {
    use super::Line;

    fn line(ways: &[u32]) -> Line {
        let mut line = Line::new();
        (0..ways.len() as u32).for_each(|idx| line.push_back(idx));
        line.rank(0, ways.to_vec());
        line
    }

    fn all(mut line: Line, share: usize) -> Vec<u32> {
        std::iter::from_fn(|| line.pop(share)).collect()
    }

    #[test]
    fn those_that_wait_begin_with_the_longest_way() {
        assert_eq!(all(line(&[1, 3, 1, 40, 2]), usize::MAX), [3, 1, 4, 0, 2]);
    }

    #[test]
    fn what_comes_free_goes_first_unless_a_long_way_is_in_danger() {
        let mut calm = line(&[1, 40]);
        calm.push_front(0);
        assert_eq!(calm.first(161), Some(0));
        assert_eq!(all(calm, 161), [0, 1, 0]);
        let mut hurried = line(&[1, 40]);
        hurried.push_front(0);
        assert_eq!(hurried.first(160), Some(1));
        assert_eq!(all(hurried, 160), [1, 0, 0]);
    }

    #[test]
    fn ways_of_about_one_length_stay_in_their_order() {
        let mut line = line(&[6, 5, 4]);
        line.push_front(2);
        assert_eq!(all(line, 0), [2, 0, 1, 2]);
    }

    #[test]
    fn a_line_of_equals_is_a_queue() {
        let mut line = Line::new();
        line.push_back(1);
        line.push_back(2);
        line.push_front(0);
        assert_eq!((line.len(), line.first(0)), (3, Some(0)));
        assert_eq!(all(line, 0), [0, 1, 2]);
    }
}
