//! `Rows`: which rows of an array count, as runs, from any place on and without a list of them.
//!
//! Whole columns are one run. Below a list, a struct with nulls or a dictionary only some rows count, and in another
//! order: those are worked out from the rows above, every time they are asked for. [`Anchors`] say where to begin.

use std::ops::Range;

use super::bits::Bits;

/// So many anchors, and so 32 KiB, are enough for any number of rows.
const ANCHORS: usize = 4096;
/// Fewer rows than this lie between no two anchors.
const SHORTEST_STRIDE: usize = 64;
/// Runs are not put together beyond this: who asks for a few rows shall not wait for all.
const LONGEST_RUN: usize = 4096;

/// Rows of an array that count, in the order in which they do.
pub(super) enum Rows<'r> {
    /// They lie together.
    Run(Range<usize>),
    /// Those of another.
    Same(&'r Rows<'r>),
    /// Those of another whose bits are ones.
    Ones { of: &'r Rows<'r>, bits: Bits<'r>, anchors: Anchors },
    /// The places that rows of another lead to.
    Below { of: &'r Rows<'r>, lead: Lead<'r>, anchors: Anchors },
}

/// Where rows lead to.
pub(super) struct Lead<'r> {
    /// Whether rows that lie together lead to places that do, without a look at each of them.
    pub(super) gapless: bool,
    /// The places of rows that lie together if it is gapless, else of one row.
    pub(super) places: Box<dyn Fn(Range<usize>) -> Range<usize> + Sync + 'r>,
}

/// How many places lie before every so many rows above.
pub(super) struct Anchors {
    /// So many rows are between two of them.
    stride: usize,
    /// How many places lie before each.
    before: Vec<usize>,
    /// How many there are in all.
    pub(super) len: usize,
}

impl Anchors {
    /// Counts the places of all rows; `width` says how many a run leads to.
    pub(super) fn new(of: &Rows<'_>, mut width: impl FnMut(Range<usize>) -> usize) -> Self {
        let stride = of.len().div_ceil(ANCHORS).max(SHORTEST_STRIDE);
        let (mut before, mut len, mut position) = (Vec::new(), 0, 0);
        of.walk(0, &mut |run| {
            let mut start = run.start;
            while start < run.end {
                if position % stride == 0 {
                    before.push(len);
                }
                let end = run.end.min(start + stride - position % stride);
                len += width(start..end);
                position += end - start;
                start = end;
            }
            true
        });
        Self { stride, before, len }
    }

    /// The row to begin at, and how many of its places and those behind it lie before place number `from`.
    pub(super) fn find(&self, from: usize) -> (usize, usize) {
        let anchor = self.before.partition_point(|before| *before <= from).saturating_sub(1);
        let before = self.before.get(anchor).copied().unwrap_or(0);
        (anchor * self.stride, from - before)
    }
}

impl<'r> Rows<'r> {
    /// The rows whose bits are ones.
    pub(super) fn ones(of: &'r Rows<'r>, bits: Bits<'r>) -> Self {
        let anchors = Anchors::new(of, |run| bits.count_ones(run));
        Self::Ones { of, bits, anchors }
    }

    /// The places that rows lead to.
    pub(super) fn below(of: &'r Rows<'r>, lead: Lead<'r>) -> Self {
        if let (Some(run), true) = (of.run(), lead.gapless) {
            return Self::Run((lead.places)(run));
        }
        let mut whole: Option<Range<usize>> = None;
        let mut together = true;
        let anchors = Anchors::new(of, |run| {
            lead.each(run, |places| {
                let first = whole.get_or_insert(places.start..places.start);
                together &= first.end == places.start;
                first.end = places.end;
                true
            })
            .1
        });
        match whole {
            Some(whole) if together => Self::Run(whole),
            None => Self::Run(0..0),
            Some(_) => Self::Below { of, lead, anchors },
        }
    }

    /// All of them, if they lie together.
    pub(super) fn run(&self) -> Option<Range<usize>> {
        match self {
            Self::Run(run) => Some(run.clone()),
            Self::Same(of) => of.run(),
            Self::Ones { .. } | Self::Below { .. } => None,
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Run(run) => run.len(),
            Self::Same(of) => of.len(),
            Self::Ones { anchors, .. } | Self::Below { anchors, .. } => anchors.len,
        }
    }

    /// Shows runs, from row number `from` on, until `visit` has seen enough. Says whether it never had.
    pub(super) fn walk(&self, from: usize, visit: &mut dyn FnMut(Range<usize>) -> bool) -> bool {
        match self {
            Self::Run(run) => from >= run.len() || visit(run.start + from..run.end),
            Self::Same(of) => of.walk(from, visit),
            Self::Ones { of, bits, anchors } => {
                let (row, mut skip) = anchors.find(from);
                of.walk(row, &mut |run| {
                    let mut at = run.start;
                    while let Some(ones) = bits.ones(at..run.end) {
                        at = ones.end;
                        if let Some(ones) = without(ones, &mut skip)
                            && !visit(ones)
                        {
                            return false;
                        }
                    }
                    true
                })
            }
            Self::Below { of, lead, anchors } => {
                let (row, mut skip) = anchors.find(from);
                let mut pending = 0..0;
                let whole = of.walk(row, &mut |run| {
                    lead.each(run, |places| {
                        let Some(places) = without(places, &mut skip) else { return true };
                        if pending.end == places.start && pending.len() < LONGEST_RUN {
                            pending.end = places.end;
                            return true;
                        }
                        let run = std::mem::replace(&mut pending, places);
                        run.is_empty() || visit(run)
                    })
                    .0
                });
                whole && (pending.is_empty() || visit(pending))
            }
        }
    }
}

impl Lead<'_> {
    /// Shows the places of each row that leads to some, or of all at once, until `visit` has seen enough. Says whether it
    /// never had, and how many places it saw.
    fn each(
        &self,
        run: Range<usize>,
        mut visit: impl FnMut(Range<usize>) -> bool,
    ) -> (bool, usize) {
        let mut len = 0;
        let mut show = |run| {
            let places = (self.places)(run);
            len += places.len();
            places.is_empty() || visit(places)
        };
        let whole =
            if self.gapless { show(run) } else { run.into_iter().all(|row| show(row..row + 1)) };
        (whole, len)
    }
}

/// What is left of a run after `skip` places of it and those before are left out.
fn without(run: Range<usize>, skip: &mut usize) -> Option<Range<usize>> {
    let left_out = run.len().min(*skip);
    *skip -= left_out;
    (left_out < run.len()).then(|| run.start + left_out..run.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(rows: &Rows<'_>, from: usize) -> Vec<usize> {
        let mut listed = Vec::new();
        rows.walk(from, &mut |run| {
            listed.extend(run);
            true
        });
        listed
    }

    #[test]
    fn rows_below_rows_are_the_same_from_every_place_on() {
        let bytes: Vec<u8> = (0..2000_u32).map(|i| ((i * i * 37) >> 3) as u8).collect();
        let all = Rows::Run(3..9000);
        let some = Rows::ones(&all, Bits::new(&bytes, 5));
        let apart = Lead {
            gapless: false,
            places: Box::new(|run| run.start * 7..run.start * 7 + run.start % 5),
        };
        let below = Rows::below(&some, apart);
        let together = Lead { gapless: true, places: Box::new(|run| run.start * 3..run.end * 3) };
        let deeper = Rows::below(&below, together);
        for rows in [&some, &below, &deeper, &Rows::Same(&deeper)] {
            let whole = listed(rows, 0);
            assert_eq!(whole.len(), rows.len());
            for from in (0..whole.len()).step_by(331).chain([whole.len()]) {
                assert!(listed(rows, from) == whole[from..], "from {from}");
            }
        }
        let bits = Bits::new(&bytes, 5);
        let expected: Vec<usize> = (3..9000).filter(|at| bits.get(*at)).collect();
        assert_eq!(listed(&some, 0), expected);
    }

    #[test]
    fn places_that_lie_together_are_one_run() {
        let all = Rows::Run(10..20);
        let lead = || Lead { gapless: false, places: Box::new(|run| run.start * 2..run.end * 2) };
        assert_eq!(Rows::below(&all, lead()).run(), Some(20..40));
        let empty = Lead { gapless: false, places: Box::new(|_| 5..5) };
        assert_eq!(Rows::below(&all, empty).len(), 0);
    }

    #[test]
    fn who_has_seen_enough_sees_no_more() {
        let all = Rows::Run(0..100);
        let lead =
            Lead { gapless: false, places: Box::new(|run| run.start * 2..run.start * 2 + 1) };
        let below = Rows::below(&all, lead);
        let mut seen = 0;
        let whole = below.walk(50, &mut |_| {
            seen += 1;
            seen < 3
        });
        assert_eq!((whole, seen), (false, 3));
    }
}
