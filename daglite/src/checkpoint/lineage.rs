//! `Lineage`: which checkpoints, inputs and code made a version, back to the first.

use std::collections::HashSet;
use std::fmt;

use super::contract::CheckpointStore;
use super::meta::CheckpointMeta;
use super::name::split_reference;
use super::version::Version;
use crate::store::StoreError;

/// So many ancestors are looked at: damaged metadata must not keep anybody busy for ever.
const MOST: usize = 100_000;

/// What made a version: itself first, then those it was made from, each followed by its own, one level deeper.
///
/// For people it displays as a tree.
///
/// ```
/// use daglite::prelude::*;
///
/// #[task]
/// fn rows() -> u32 {
///     5
/// }
///
/// #[task]
/// fn double(rows: u32) -> u32 {
///     2 * rows
/// }
///
/// # fn main() -> Result<(), daglite::Error> {
/// # let folder = tempfile::tempdir().unwrap();
/// # let folder = folder.path();
/// let session = Session::builder().checkpoints(FileCheckpoints::open(folder)?).build()?;
/// rows().checkpoint("rows").then(double).checkpoint("double").run_in(&session)?;
///
/// let lineage = FileCheckpoints::open(folder)?.lineage("double")?;
/// let names: Vec<_> = lineage.0.iter().map(|ancestor| (ancestor.depth, ancestor.name.as_str())).collect();
/// assert_eq!(names, [(0, "double"), (1, "rows")]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Lineage(pub Vec<Ancestor>);

/// One version in a lineage.
///
/// ```
/// use daglite::checkpoint::{Ancestor, AncestorState};
///
/// let lost = Ancestor {
///     depth: 1,
///     name: "rows".to_owned(),
///     version: "20261122T193015.123456Z".to_owned(),
///     state: AncestorState::Missing,
/// };
/// assert_eq!(lost.to_string(), "rows@20261122T193015.123456Z is missing");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Ancestor {
    /// How many steps it is away from the version that was asked about.
    pub depth: usize,
    /// Its name.
    pub name: String,
    /// Which version of it.
    pub version: String,
    /// What is known of it.
    pub state: AncestorState,
}

/// What is known of a version in a lineage.
///
/// ```
/// use daglite::checkpoint::AncestorState;
///
/// assert_ne!(AncestorState::Missing, AncestorState::Repeated);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum AncestorState {
    /// Its metadata: the task, its code, the arguments, the commit.
    Found(Box<CheckpointMeta>),
    /// It stands further up already, with what it was made from.
    Repeated,
    /// It has been deleted, or was never in this store.
    Missing,
    /// Its metadata cannot be read: why.
    Unreadable(String),
}

/// What made `version` of `name`; nothing if it is not there.
///
/// Damaged or forged metadata can neither hang this nor make it recurse: each version is followed once, and no more than
/// a hundred thousand are.
///
/// ```
/// use daglite::FileCheckpoints;
/// use daglite::checkpoint::{Version, lineage};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), daglite::Error> {
/// # let folder = tempfile::tempdir().unwrap();
/// let store = FileCheckpoints::open(folder.path())?;
/// assert_eq!(lineage(&store, "model", &Version::Latest).await?, None);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The version itself cannot be read; what is wrong with its ancestors is noted beside them.
pub async fn lineage(
    store: &dyn CheckpointStore,
    name: &str,
    version: &Version,
) -> Result<Option<Lineage>, StoreError> {
    let Some(first) = store.head(name, version).await? else { return Ok(None) };
    let mut seen = HashSet::from([(first.name.clone(), first.version.clone())]);
    // A stack, the next on top: no depth of metadata is a depth of calls.
    let mut open: Vec<(usize, String)> = references(&first, 1);
    let mut ancestors = vec![Ancestor::found(0, first)];
    while let Some((depth, reference)) = open.pop() {
        if ancestors.len() == MOST || open.len() > 10 * MOST {
            let more = format!("there are more than {MOST} ancestors: the rest is left out");
            ancestors.push(Ancestor::odd(depth, &reference, AncestorState::Unreadable(more)));
            break;
        }
        let (name, version) = match split_reference(&reference) {
            Ok((name, Version::Exact(version))) => (name.to_owned(), version),
            _ => {
                let why = "it is no name and version".to_owned();
                ancestors.push(Ancestor::odd(depth, &reference, AncestorState::Unreadable(why)));
                continue;
            }
        };
        if !seen.insert((name.clone(), version.clone())) {
            ancestors.push(Ancestor { depth, name, version, state: AncestorState::Repeated });
            continue;
        }
        match store.head(&name, &Version::Exact(version.clone())).await {
            Ok(Some(meta)) => {
                open.extend(references(&meta, depth + 1));
                ancestors.push(Ancestor::found(depth, meta));
            }
            Ok(None) => {
                ancestors.push(Ancestor { depth, name, version, state: AncestorState::Missing });
            }
            Err(error) => {
                let state = AncestorState::Unreadable(error.to_string());
                ancestors.push(Ancestor { depth, name, version, state });
            }
        }
    }
    Ok(Some(Lineage(ancestors)))
}

/// What a version was made from, the first last.
fn references(meta: &CheckpointMeta, depth: usize) -> Vec<(usize, String)> {
    meta.made_from.iter().rev().map(|reference| (depth, reference.clone())).collect()
}

impl Ancestor {
    /// One whose metadata is there.
    fn found(depth: usize, meta: CheckpointMeta) -> Self {
        let (name, version) = (meta.name.clone(), meta.version.clone());
        Self { depth, name, version, state: AncestorState::Found(Box::new(meta)) }
    }

    /// One whose reference may be anything.
    fn odd(depth: usize, reference: &str, state: AncestorState) -> Self {
        let (name, version) = reference.split_once('@').unwrap_or((reference, ""));
        let plain =
            |text: &str| text.chars().take(200).collect::<String>().escape_debug().to_string();
        Self { depth, name: plain(name), version: plain(version), state }
    }
}

impl fmt::Display for Ancestor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)?;
        match &self.state {
            AncestorState::Missing => f.write_str(" is missing"),
            AncestorState::Repeated => f.write_str(" (see above)"),
            AncestorState::Unreadable(why) => write!(f, " cannot be read: {why}"),
            AncestorState::Found(meta) => {
                if let Some(task) = &meta.task {
                    write!(f, " by {task}(")?;
                    for (i, part) in meta.arguments.iter().enumerate() {
                        let comma = if i == 0 { "" } else { ", " };
                        match part.shown.as_str() {
                            "" => write!(f, "{comma}{}", part.name)?,
                            shown => write!(f, "{comma}{} = {shown}", part.name)?,
                        }
                    }
                    f.write_str(")")?;
                }
                match (&meta.git_commit, meta.git_dirty) {
                    (Some(commit), dirty) => {
                        let changed = if dirty == Some(true) { " with changes" } else { "" };
                        write!(f, ", commit {commit:.12}{changed}")
                    }
                    (None, _) => Ok(()),
                }
            }
        }
    }
}

impl fmt::Display for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A chain of a million would be a triangle of spaces.
        const DEEPEST: usize = 40;
        self.0.iter().try_for_each(|ancestor| {
            let indent = 2 * ancestor.depth.min(DEEPEST);
            writeln!(f, "{:indent$}{ancestor}", "")
        })
    }
}
