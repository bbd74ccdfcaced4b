//! The tables of the index, and how a connection is set up. `docs/format.md` explains each column.

use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior, config::DbConfig};

use super::trouble::Trouble;
use super::{explain, notes};

/// The version of the tables, as SQLite's `user_version`.
pub(super) const VERSION: i64 = 1;
/// The bytes `dagl`, as SQLite's `application_id`.
const APPLICATION: i64 = 0x6461_676c;
/// How long it is waited before it is asked again where SQLite does not wait.
const AGAIN: Duration = Duration::from_millis(2);
/// After how many pages a commit moves the write-ahead log into the index: 16 MiB.
const CHECKPOINT_PAGES: u32 = 4096;

/// The tables. `entry` grows at its end alone, so that a batch writes few pages; `slot` finds a row by its key.
const TABLES: &str = "
CREATE TABLE entry (
    id INTEGER PRIMARY KEY, slot INTEGER NOT NULL, kind INTEGER NOT NULL, size INTEGER NOT NULL, expires INTEGER,
    bytes BLOB NOT NULL);
CREATE TABLE slot (key INTEGER PRIMARY KEY, entry INTEGER NOT NULL);
CREATE TABLE object (name TEXT PRIMARY KEY, uses INTEGER NOT NULL, size INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE touch (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
CREATE TABLE state (
    id INTEGER PRIMARY KEY CHECK (id = 1), next INTEGER NOT NULL, entries INTEGER NOT NULL, bytes INTEGER NOT NULL,
    hits INTEGER NOT NULL, misses INTEGER NOT NULL, saved INTEGER NOT NULL,
    evicted INTEGER NOT NULL, evicted_bytes INTEGER NOT NULL, expired INTEGER NOT NULL);
CREATE INDEX entry_expires ON entry (expires) WHERE expires IS NOT NULL;
CREATE INDEX entry_object ON entry (size) WHERE kind <> 0;
INSERT INTO state VALUES (1, 1, 0, 0, 0, 0, 0, 0, 0, 0);
";

/// The tables that were added later: an index that an older daglite made lacks them until somebody writes.
const NAMES: [&str; 4] = ["record", "recent", "gone", "note"];

/// What every connection needs.
fn set_up(connection: &Connection, cache_kib: u32, patience: Duration) -> Result<(), Trouble> {
    connection.busy_timeout(patience)?;
    // The last connection to close would delete the log by its name, which may be that of another index by then.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // Otherwise each new key has the statement planned anew, in case another plan suits its value better.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.execute_batch(&format!(
        "PRAGMA cache_size = -{cache_kib}; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;"
    ))?;
    Ok(())
}

/// The number behind a pragma.
fn pragma(connection: &Connection, name: &str) -> Result<i64, Trouble> {
    Ok(connection.pragma_query_value(None, name, |row| row.get(0))?)
}

/// Makes a connection one that reads; false if the index has no tables yet.
pub(super) fn set_up_reader(connection: &Connection, patience: Duration) -> Result<bool, Trouble> {
    set_up(connection, 32 << 10, patience)?;
    // In this order: between the two questions another process may make the tables, with their version.
    let has_tables = pragma(connection, "schema_version")? != 0;
    match pragma(connection, "user_version")? {
        VERSION => Ok(true),
        0 if !has_tables => Ok(false),
        0 => Err(Trouble::damaged("its tables are not those of a cache")),
        version => Err(unknown(version)),
    }
}

/// Makes a connection one that writes, and the tables if there are none.
pub(super) fn set_up_writer(
    connection: &mut Connection,
    patience: Duration,
) -> Result<(), Trouble> {
    let start = Instant::now();
    loop {
        match try_set_up_writer(connection, patience) {
            // Of two that make a new index, one is refused at once, however patient its connection is.
            Err(trouble) if trouble.is_busy() && start.elapsed() < patience => {
                std::thread::sleep(AGAIN);
            }
            done => return done,
        }
    }
}

/// Tries it once.
fn try_set_up_writer(connection: &mut Connection, patience: Duration) -> Result<(), Trouble> {
    set_up(connection, 64 << 10, patience)?;
    // Before anything is changed: what a newer daglite wrote is left alone, byte for byte.
    match pragma(connection, "user_version")? {
        0 | VERSION => {}
        version => return Err(unknown(version)),
    }
    if pragma(connection, "schema_version")? == 0 {
        // Only before the first page is written.
        connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL;")?;
    }
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(Trouble::NotShareable);
    }
    connection.execute_batch(&format!(
        "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES};"
    ))?;
    if pragma(connection, "user_version")? == VERSION && has_tables(connection, &NAMES)? {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Another process may have been faster.
    match (pragma(&transaction, "user_version")?, pragma(&transaction, "schema_version")?) {
        // Of an older daglite, perhaps.
        (VERSION, _) => add_tables(&transaction)?,
        (0, 0) => {
            transaction.execute_batch(TABLES)?;
            add_tables(&transaction)?;
            transaction.pragma_update(None, "application_id", APPLICATION)?;
            transaction.pragma_update(None, "user_version", VERSION)?;
        }
        (0, _) => return Err(Trouble::damaged("its tables are not those of a cache")),
        (version, _) => return Err(unknown(version)),
    }
    transaction.commit()?;
    Ok(())
}

/// Makes the tables that were added later, as far as they are not there.
fn add_tables(connection: &Connection) -> Result<(), Trouble> {
    connection.execute_batch(explain::TABLES)?;
    connection.execute_batch(notes::TABLES)?;
    Ok(())
}

/// Whether the index has all tables of these names.
pub(super) fn has_tables(connection: &Connection, names: &[&str]) -> Result<bool, Trouble> {
    let mut found = connection
        .prepare_cached("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1")?;
    for name in names {
        if !found.exists([name])? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What to think of an index of another version.
fn unknown(version: i64) -> Trouble {
    // Versions are small; anything else is a flipped bit.
    if (VERSION..1_000).contains(&version) {
        Trouble::Newer(version)
    } else {
        Trouble::damaged(format!("it claims to have version {version}"))
    }
}
