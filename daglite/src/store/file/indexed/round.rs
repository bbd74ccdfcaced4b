//! Finds many rows in one transaction: those that were put one after the other lie side by side, and are read so.
//!
//! A graph asks for its calls in the order in which it put them. To find a row by its key takes a look into `slot` and one into
//! `entry`; to go on to the next row takes neither. So behind each row that was found the next ones are looked at, as long as they
//! are wanted too.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::{CachedStatement, Connection};

use super::super::entry;
use super::rows::{Finder, Found, Row, slot_of};
use super::trouble::Trouble;
use crate::digest::{ByDigest, Digest};

/// For fewer keys it is not worth it to know which rows are wanted.
const MANY: usize = 8;
/// After so many rows in a row that nobody wants, nothing more is expected behind them.
const STRANGERS: usize = 4;
/// So many rows that had no wanted one behind them are enough to look for none any more.
const LONERS: usize = 4;

/// The rows of some keys, as far as they have been found.
pub(super) struct Round<'a, T, See> {
    keys: &'a [Digest],
    /// The rows that wait to be written: they count, and not what is written.
    waiting: Option<&'a [Option<Arc<Row>>]>,
    /// Makes an answer of a row.
    see: &'a See,
    finder: Finder<'a>,
    /// Goes on from a row that was found; `None` if that is not worth it.
    walker: Option<Walker<'a>>,
    /// Where the keys stand whose rows may be met on the way.
    wanted: HashMap<Digest, usize, ByDigest>,
    /// How many rows in all had no wanted one behind them.
    loners: usize,
    /// What was seen, in the order of the keys.
    pub(super) found: Vec<Option<T>>,
}

impl<'a, T, See: Fn(&Digest, Found<'_>) -> T> Round<'a, T, See> {
    /// Nothing has been found yet.
    pub(super) fn new(
        connection: &'a Connection,
        keys: &'a [Digest],
        waiting: Option<&'a [Option<Arc<Row>>]>,
        see: &'a See,
    ) -> Result<Self, Trouble> {
        let mut round = Self {
            keys,
            waiting,
            see,
            finder: Finder::new(connection)?,
            walker: None,
            wanted: HashMap::default(),
            loners: 0,
            found: keys.iter().map(|_| None).collect(),
        };
        if keys.len() >= MANY {
            round.walker = Some(Walker::new(connection)?);
            let written = (0..keys.len()).filter(|at| round.waiting_at(*at).is_none());
            round.wanted = written.map(|at| (keys[at], at)).collect();
        }
        Ok(round)
    }

    /// The row of the key at `at`, if it waits to be written.
    fn waiting_at(&self, at: usize) -> Option<&'a Row> {
        self.waiting?[at].as_deref()
    }

    /// Looks for the key at `at`, unless its row was met, and for its neighbours.
    pub(super) fn look(&mut self, at: usize) -> Result<(), Trouble> {
        if self.found[at].is_some() {
            return Ok(());
        }
        let (key, see) = (&self.keys[at], self.see);
        if let Some(row) = self.waiting_at(at) {
            self.found[at] = Some(see(key, Found::waiting(row)));
            return Ok(());
        }
        let found = self.finder.find(slot_of(key), |row| (row.id, see(key, row)))?;
        if let Some((id, seen)) = found {
            self.found[at] = Some(seen);
            self.go_on_from(id.unwrap_or_default());
        }
        Ok(())
    }

    /// Looks at the rows behind that of the number `id`. Whatever is wrong there, who looks for those rows will be told.
    fn go_on_from(&mut self, id: i64) {
        let Self { keys, see, walker, wanted, found, .. } = self;
        let Some(walker) = walker else { return };
        let (mut met, mut strangers) = (0, 0);
        let walked = walker.walk(id, |row| {
            let at = entry::key_in(row.bytes).and_then(|key| wanted.get(&key));
            match at.filter(|at| found[**at].is_none()) {
                Some(at) => {
                    found[*at] = Some(see(&keys[*at], row));
                    (met, strangers) = (met + 1, 0);
                }
                None => strangers += 1,
            }
            strangers < STRANGERS
        });
        if met == 0 {
            self.loners += 1;
        }
        if walked.is_err() || self.loners == LONERS {
            self.walker = None;
        }
    }
}

/// Goes through rows in the order of their numbers.
struct Walker<'a>(CachedStatement<'a>);

impl<'a> Walker<'a> {
    /// One that reads by `connection`.
    fn new(connection: &'a Connection) -> Result<Self, Trouble> {
        Ok(Self(
            connection
                .prepare_cached("SELECT id, kind, bytes FROM entry WHERE id > ?1 ORDER BY id")?,
        ))
    }

    /// Shows `see` the rows behind that of the number `id`, as long as it wants more.
    fn walk(&mut self, id: i64, mut see: impl FnMut(Found<'_>) -> bool) -> Result<(), Trouble> {
        let mut rows = self.0.query([id])?;
        while let Some(row) = rows.next()? {
            let bytes = row.get_ref(2)?.as_blob().unwrap_or_default();
            if !see(Found { id: Some(row.get(0)?), kind: row.get(1)?, bytes }) {
                break;
            }
        }
        Ok(())
    }
}
