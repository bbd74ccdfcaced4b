//! Larger values as files, named by their content: equal values are stored once.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::path::Path;

use super::super::access::{create_private, is_missing, open_at_once, remove_whatever};
use super::super::entry::Flaw;
use super::super::layout::{Layout, ObjectName};
use super::super::publish::{Durable, move_aside, publish, set_aside};
use super::super::staged::Staged;
use super::super::verified::{Unsound, Verified};
use super::super::workplace::Workplace;
use crate::digest::Digest;
use crate::store::StoreError;

/// How often a put starts again because somebody deletes the folder under it.
const ATTEMPTS: usize = 8;

/// Why an object could not be read.
pub(super) enum Unreadable {
    /// There is none.
    Gone,
    /// It is damaged.
    Flawed(Flaw),
    /// The operating system refused.
    Refused(io::Error),
}

/// Writes `bytes` under `name`, which has been announced, unless an object of that name and length is there already.
pub(super) fn write(
    layout: &Layout,
    workplace: &Workplace,
    name: &ObjectName,
    bytes: &[u8],
) -> Result<(), StoreError> {
    if is_there(layout, name, bytes.len() as u64) {
        return Ok(());
    }
    let failed = |cause| StoreError::io("write an object in", workplace.path(), cause);
    let (mut staged, mut file) = Staged::file(workplace.path()).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    drop(file);
    publish_at(&mut staged, &layout.object(name))
}

/// Makes a file of `length` bytes the object `name`, which has been announced, unless one of that name and length is there
/// already.
pub(super) fn publish_staged(
    layout: &Layout,
    mut staged: Staged,
    name: &ObjectName,
    length: u64,
) -> Result<(), StoreError> {
    if is_there(layout, name, length) {
        return Ok(());
    }
    publish_at(&mut staged, &layout.object(name))
}

/// Whether there is an object of that name and length.
fn is_there(layout: &Layout, name: &ObjectName, length: u64) -> bool {
    let found = layout.object(name).symlink_metadata();
    found.is_ok_and(|found| found.is_file() && found.len() == length)
}

/// Makes a file visible as the object at `target`.
fn publish_at(staged: &mut Staged, target: &Path) -> Result<(), StoreError> {
    // Most folders are there already: asking for the rename first saves two calls.
    if publish(staged, target, Durable::No).is_ok() {
        return Ok(());
    }
    for _ in 1..ATTEMPTS {
        match make_way(target).and_then(|()| publish(staged, target, Durable::No)) {
            // Somebody clears the store.
            Err(cause) if is_missing(&cause) => {}
            Err(cause) => return Err(StoreError::io("publish the object", target, cause)),
            Ok(()) => return Ok(()),
        }
    }
    make_way(target)
        .and_then(|()| publish(staged, target, Durable::No))
        .map_err(|cause| StoreError::io("publish the object", target, cause))
}

/// Makes the folders above `target`, and removes what has taken their place or its own.
fn make_way(target: &Path) -> io::Result<()> {
    let folder = target.parent().expect("an object lies in a folder");
    for in_the_way in [folder.parent().expect("of a folder"), folder] {
        if in_the_way.symlink_metadata().is_ok_and(|found| !found.is_dir()) {
            remove_whatever(in_the_way)?;
        }
    }
    create_private(folder)?;
    if target.is_dir() { remove_whatever(target) } else { Ok(()) }
}

/// Removes objects that no row needs, but for those that somebody is about to write a row for; answers how many went.
pub(super) fn remove_unneeded(
    layout: &Layout,
    aside: &Path,
    names: &[ObjectName],
) -> Result<u64, StoreError> {
    let mut taken = Vec::new();
    let mut failure = None;
    for name in names {
        let path = layout.object(name);
        match set_aside(&path, aside) {
            Ok(staged) => taken.push((name, staged)),
            Err(cause) if is_missing(&cause) && path.symlink_metadata().is_err() => {}
            // Without a place to put it aside there are no journals either.
            Err(cause) if is_missing(&cause) => {
                if let Err(cause) = remove_whatever(&path) {
                    failure = Some(StoreError::io("remove the object", &path, cause));
                }
            }
            // It stays for `gc`. Those that are aside must be looked at all the same.
            Err(cause) => failure = Some(StoreError::io("remove the object", &path, cause)),
        }
    }
    let mut removed = 0;
    if !taken.is_empty() {
        let announced = Workplace::all_announced(layout.tmp());
        for (name, mut staged) in taken {
            // Where the journals cannot be read, any of them may be needed.
            if announced.as_ref().is_ok_and(|announced| !announced.contains(name)) {
                removed += 1;
            } else {
                // If it cannot come back, the row that needs it is not written.
                let _ = publish(&mut staged, &layout.object(name), Durable::No);
            }
        }
    }
    failure.map_or(Ok(removed), Err)
}

/// Brings those of `needed` back that lie in `aside`, where the folder of all objects has been moved.
pub(super) fn put_back(layout: &Layout, aside: &Path, needed: &HashSet<ObjectName>) {
    for name in needed {
        let target = layout.object(name);
        let Ok(below) = target.strip_prefix(layout.objects()) else { continue };
        let from = aside.join(below);
        if from.symlink_metadata().is_ok() {
            // If it cannot come back, its row is a miss.
            let _ = make_way(&target).and_then(|()| move_aside(&from, &target));
        }
    }
}

/// Reads the object `name`, whose value has `size` bytes and `digest`.
pub(super) fn read(
    layout: &Layout,
    name: &ObjectName,
    size: u64,
    digest: &Digest,
) -> Result<Vec<u8>, Unreadable> {
    let file = open(layout, name, size)?;
    let (bytes, found) = if name.is_packed() {
        let bytes = super::pack::unpack(file, size)?;
        let digest = Digest::of_bytes(&bytes);
        (bytes, digest)
    } else {
        read_hashed(file, size)?
    };
    if found != *digest {
        return Err(flaw("it does not match its digest"));
    }
    Ok(bytes)
}

/// Lets `read` make something of the object `name`, whose value has `size` bytes and `digest`.
pub(super) fn read_with(
    layout: &Layout,
    name: &ObjectName,
    size: u64,
    digest: &Digest,
    read: impl FnOnce(&mut dyn Read),
) -> Result<(), Unreadable> {
    let file = open(layout, name, size)?;
    if !name.is_packed() {
        let mut bytes = Verified::new(file, size);
        read(&mut bytes);
        return bytes.finish(digest).map_err(|unsound| match unsound {
            Unsound::Flaw(flaw) => Unreadable::Flawed(flaw),
            Unsound::Refused(cause) => Unreadable::Refused(cause),
        });
    }
    let unpacked = super::pack::reader(file).map_err(Unreadable::Refused)?;
    let mut bytes = Verified::new(unpacked, size);
    read(&mut bytes);
    bytes.finish(digest).map_err(|unsound| match unsound {
        Unsound::Flaw(flaw) => Unreadable::Flawed(flaw),
        Unsound::Refused(_) => flaw("it cannot be decompressed"),
    })
}

/// Opens the object `name`, whose value has `size` bytes.
fn open(layout: &Layout, name: &ObjectName, size: u64) -> Result<File, Unreadable> {
    let path = layout.object(name);
    let file = match open_at_once(&path) {
        Ok(file) => file,
        Err(cause) if is_missing(&cause) => return Err(Unreadable::Gone),
        Err(_) if path.is_dir() || path.is_symlink() => return Err(flaw("it is not a file")),
        Err(cause) => return Err(Unreadable::Refused(cause)),
    };
    let found = file.metadata().map_err(Unreadable::Refused)?;
    if !found.is_file() {
        return Err(flaw("it is not a file"));
    }
    if !name.is_packed() && found.len() != size {
        return Err(flaw(&format!("it has {} of {size} bytes", found.len())));
    }
    Ok(file)
}

/// Reads a file of `size` bytes and hashes it.
fn read_hashed(mut file: File, size: u64) -> Result<(Vec<u8>, Digest), Unreadable> {
    let length = usize::try_from(size)
        .map_err(|_| Unreadable::Refused(io::ErrorKind::OutOfMemory.into()))?;
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(length)
        .map_err(|_| Unreadable::Refused(io::ErrorKind::OutOfMemory.into()))?;
    // Unlike `read_exact`, this does not write zeros first.
    if (&mut file).take(size).read_to_end(&mut bytes).map_err(Unreadable::Refused)? < length {
        return Err(flaw("it was cut while it was read"));
    }
    let digest = Digest::of_bytes(&bytes);
    Ok((bytes, digest))
}

/// An object that is damaged in this way.
pub(super) fn flaw(what: &str) -> Unreadable {
    Unreadable::Flawed(Flaw(what.to_owned()))
}
