//! Which file systems an index can be shared on.

use std::path::Path;

/// Whether processes can share an index in the folder `path`, which need not exist; else what kind of file system it is
/// on.
pub(super) fn can_share_an_index(path: &Path) -> Result<(), &'static str> {
    let there = path.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(path);
    match kind(there) {
        Some(kind) => Err(kind),
        None => Ok(()),
    }
}

/// The kind of a file system that is shared by machines, or on which memory is not.
#[cfg(target_os = "linux")]
fn kind(path: &Path) -> Option<&'static str> {
    let found = nix::sys::statfs::statfs(path).ok()?;
    kind_of(found.filesystem_type().0 as u32)
}

/// The numbers are those of Linux's `linux/magic.h` and of each file system's own headers.
#[cfg(target_os = "linux")]
fn kind_of(number: u32) -> Option<&'static str> {
    Some(match number {
        0x0000_6969 => "NFS",
        0x0000_517b | 0xff53_4d42 | 0xfe53_4d42 => "SMB",
        0x0102_1997 => "9P",
        0x5346_414f | 0x6b41_4653 => "AFS",
        0x00c3_6400 => "Ceph",
        0x0bd0_0bd0 => "Lustre",
        0x4750_4653 => "GPFS",
        0x1983_0326 => "BeeGFS",
        0x6573_5546 => "FUSE",
        0x7375_7245 => "Coda",
        0x786f_4256 => "a folder shared with VirtualBox",
        _ => return None,
    })
}

/// Elsewhere only the path tells.
#[cfg(not(target_os = "linux"))]
fn kind(path: &Path) -> Option<&'static str> {
    let text = path.as_os_str().as_encoded_bytes();
    (text.starts_with(b"\\\\") && !text.starts_with(b"\\\\?\\C")).then_some("a network share")
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_local_folder_can_have_an_index_and_a_network_one_cannot() {
        assert_eq!(can_share_an_index(Path::new("/not/there")), Ok(()));
        assert_eq!(kind_of(0x6969), Some("NFS"));
        assert_eq!(kind_of(0xef53), None, "ext4");
    }
}
