//! Larger values as files, named by their content: equal values are stored once.

use std::fs::File;
use std::io::{self, Read as _, Write as _};

use super::super::access::{create_private, is_missing, open_at_once, remove_whatever};
use super::super::entry::Flaw;
use super::super::layout::{Layout, ObjectName};
use super::super::publish::{Durable, publish};
use super::super::staged::Staged;
use super::super::workplace::Workplace;
use crate::digest::Digest;
use crate::store::StoreError;

/// Why an object could not be read.
pub(super) enum Unreadable {
    /// There is none.
    Gone,
    /// It is damaged.
    Flawed(Flaw),
    /// The operating system refused.
    Refused(io::Error),
}

/// Writes `bytes` under `name`, unless an object of that name and length is there already: then it gets a second name,
/// which is returned, as its other users may go before our row is written.
pub(super) fn write(
    layout: &Layout,
    workplace: &Workplace,
    name: &ObjectName,
    bytes: &[u8],
) -> Result<Option<Staged>, StoreError> {
    let target = layout.object(name);
    // Before the look: from here on, a sweep after our death asks whether a row needs the object.
    let failed = |cause| StoreError::io("write an object in", workplace.path(), cause);
    workplace.announce(name).map_err(failed)?;
    let is_there = |found: std::fs::Metadata| found.is_file() && found.len() == bytes.len() as u64;
    if target.symlink_metadata().is_ok_and(is_there) {
        match Staged::name_of(&target, workplace.path()) {
            // It has gone since.
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            // Where files have one name only, it is there all the same.
            named => return Ok(named.ok()),
        }
    }
    let (mut staged, mut file) = Staged::file(workplace.path()).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    drop(file);
    // Most folders are there already: asking for the rename first saves two calls.
    if publish(&mut staged, &target, Durable::No).is_ok() {
        return Ok(None);
    }
    let folder = target.parent().expect("an object lies in a folder");
    for in_the_way in [folder.parent().expect("of a folder"), folder] {
        if in_the_way.symlink_metadata().is_ok_and(|found| !found.is_dir()) {
            remove_whatever(in_the_way)
                .map_err(|cause| StoreError::io("remove the damaged", in_the_way, cause))?;
        }
    }
    create_private(folder).map_err(|cause| StoreError::io("create the folder", folder, cause))?;
    if target.is_dir() {
        remove_whatever(&target)
            .map_err(|cause| StoreError::io("remove the damaged", &target, cause))?;
    }
    publish(&mut staged, &target, Durable::No)
        .map_err(|cause| StoreError::io("publish the object", &target, cause))?;
    Ok(None)
}

/// Reads the object `name`, whose value has `size` bytes and `digest`.
pub(super) fn read(
    layout: &Layout,
    name: &ObjectName,
    size: u64,
    digest: &Digest,
) -> Result<Vec<u8>, Unreadable> {
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
    let (bytes, found) = if name.is_packed() {
        let bytes = super::pack::unpack(file, size)?;
        let digest = Digest::of_bytes(&bytes);
        (bytes, digest)
    } else {
        if found.len() != size {
            return Err(flaw(&format!("it has {} of {size} bytes", found.len())));
        }
        read_hashed(file, size)?
    };
    if found != *digest {
        return Err(flaw("it does not match its digest"));
    }
    Ok(bytes)
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
