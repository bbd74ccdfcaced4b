//! What is in the index, for people: every entry, and the counts.

use super::super::browse::{EntryInfo, Totals};
use super::super::entry;
use super::rows::State;
use super::{Failed, Indexed};
use crate::store::StoreError;

impl Indexed {
    /// Shows `visit` each entry that can be read, in the order of their puts.
    pub(in crate::store::file) fn walk(
        &self,
        visit: &mut dyn FnMut(EntryInfo),
    ) -> Result<(), StoreError> {
        self.write_now()?;
        self.connections.refresh();
        let walked = self.guarded(|| {
            self.connections.read(|connection| {
                let mut statement =
                    connection.prepare_cached("SELECT size, bytes FROM entry ORDER BY id")?;
                let mut rows = statement.query([])?;
                while let Some(row) = rows.next()? {
                    let size: i64 = row.get(0)?;
                    let Ok(bytes) = row.get_ref(1)?.as_blob() else { continue };
                    // What is damaged is not shown: `verify` tells.
                    let Ok((key, meta, _)) = entry::parse_row(bytes) else { continue };
                    let on_disk = size.max(0).cast_unsigned() + bytes.len() as u64;
                    visit(EntryInfo { key, meta, on_disk });
                }
                Ok(())
            })
        });
        match walked {
            Ok(_) | Err(Failed::Damaged(_)) => Ok(()),
            Err(Failed::Error(error)) => Err(error),
        }
    }

    /// The counts that are kept of the store.
    pub(in crate::store::file) fn totals(&self) -> Result<Totals, StoreError> {
        self.write_now()?;
        let read = self.guarded(|| self.connections.read(State::load));
        let state = match read {
            Ok(state) => state.unwrap_or_default(),
            Err(Failed::Damaged(_)) => State::default(),
            Err(Failed::Error(error)) => return Err(error),
        };
        Ok(Totals {
            entries: state.entries,
            bytes: state.bytes,
            hits: state.hits,
            misses: state.misses,
            saved: std::time::Duration::from_millis(state.saved),
            evicted: state.evicted,
            evicted_bytes: state.evicted_bytes,
            expired: state.expired,
        })
    }
}
