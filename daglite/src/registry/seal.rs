//! A seal in files whose last bytes lead to a footer: a digest before the footer, where no reader looks.
//!
//! Some decoders make room for what a damaged file says, and end the process if there is none. Sealed bytes that are damaged do
//! not come to them.

use crate::Digest;
use crate::error::BoxError;

/// What a seal begins with; the digest of all other bytes follows.
const MARK: &[u8; 8] = b"daglite\0";
/// Bytes of a seal.
const LENGTH: usize = MARK.len() + 32;

/// The bytes of a file that ends with the footer, its length in 4 bytes and `magic`, with a seal in it.
pub(super) fn sealed(mut bytes: Vec<u8>, magic: &[u8]) -> Result<Vec<u8>, BoxError> {
    let at = footer(&bytes, magic).ok_or("the file has no footer")?;
    let digest = Digest::of_bytes(&bytes);
    bytes.splice(at..at, MARK.iter().chain(digest.as_bytes()).copied());
    Ok(bytes)
}

/// Refuses a file that is not what was sealed. One without a seal is somebody else's, and is taken as it is.
pub(super) fn check(bytes: &[u8], magic: &[u8]) -> Result<(), BoxError> {
    let cut = || format!("it has no footer at byte {}: it is cut or damaged", bytes.len());
    let footer = footer(bytes, magic).ok_or_else(cut)?;
    let Some(seal) = footer.checked_sub(LENGTH).map(|start| &bytes[start..footer]) else {
        return Ok(());
    };
    let Some(digest) = seal.strip_prefix(MARK) else { return Ok(()) };
    let found = Digest::of_bytes(&[&bytes[..footer - LENGTH], &bytes[footer..]].concat());
    if digest != found.as_bytes() {
        return Err("it is damaged: its bytes are not those that were written".into());
    }
    Ok(())
}

/// Where the footer begins.
fn footer(bytes: &[u8], magic: &[u8]) -> Option<usize> {
    let (rest, length) = bytes.strip_suffix(magic)?.split_last_chunk::<4>()?;
    rest.len().checked_sub(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_file_that_changed_is_refused() {
        let plain = b"bodyfooter\x06\0\0\0MAGIC".to_vec();
        assert!(check(&plain, b"MAGIC").is_ok());
        let bytes = sealed(plain, b"MAGIC").unwrap();
        assert!(bytes.starts_with(b"bodydaglite\0") && bytes.ends_with(b"footer\x06\0\0\0MAGIC"));
        assert!(check(&bytes, b"MAGIC").is_ok());
        for at in [0, 12, 20, bytes.len() - 12] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(check(&changed, b"MAGIC").is_err(), "{at}");
        }
        for cut in 0..bytes.len() {
            assert!(check(&bytes[..cut], b"MAGIC").is_err(), "{cut}");
        }
        assert!(sealed(b"no".to_vec(), b"MAGIC").is_err());
        assert!(check(b"\xff\xff\0\0MAGIC", b"MAGIC").is_err());
    }
}
