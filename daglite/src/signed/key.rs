//! `SigningKey`: a secret that several people share, and the signatures that it makes.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Serialize;

use crate::digest::Digest;
use crate::error::{Error, ErrorKind};

/// Shorter secrets are guessed.
const SHORTEST: usize = 16;
/// Longer files have something else in them.
const LONGEST: u64 = 64 << 10;
/// What the secret is used for: the same one elsewhere makes other keys.
const CONTEXT: &str = "daglite 2026-11-23 signatures of entries v1";

/// A secret that those share who may write to a store. It is never shown: not in messages, and not by `Debug`.
///
/// ```
/// use daglite::SigningKey;
///
/// let key = SigningKey::new("what only the team knows")?;
/// assert_eq!(format!("{key:?}"), "SigningKey(…)");
/// assert!(SigningKey::new("short").is_err());
/// # Ok::<(), daglite::Error>(())
/// ```
#[derive(Clone)]
pub struct SigningKey([u8; 32]);

impl SigningKey {
    /// The key that `secret` stands for: 16 bytes or more that nobody can guess, as `openssl rand -hex 32` makes them.
    /// White space around it does not count, so that it may come from a file.
    ///
    /// ```
    /// # use daglite::SigningKey;
    /// let secret = std::env::var("TEAM_SECRET").unwrap_or_else(|_| "only for this example".to_owned());
    /// let key = SigningKey::new(secret)?;
    /// # drop(key);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The secret has fewer than 16 bytes.
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self, Error> {
        let secret = secret.as_ref().trim_ascii();
        if secret.len() < SHORTEST {
            let message = format!(
                "a signing key needs a secret of {SHORTEST} bytes or more: take random ones"
            );
            return Err(Error::new(ErrorKind::Config, message));
        }
        Ok(Self(blake3::derive_key(CONTEXT, secret)))
    }

    /// The key whose secret is all that the file at `path` has in it.
    ///
    /// ```
    /// # use daglite::SigningKey;
    /// let folder = tempfile::tempdir()?;
    /// let path = folder.path().join("team.key");
    /// std::fs::write(&path, "what only the team knows\n")?;
    /// let key = SigningKey::from_file(&path)?;
    /// # drop(key);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The file cannot be read, or its secret has fewer than 16 bytes or more than 64 KiB.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let refused = |why: &dyn fmt::Display| {
            let path = path.display();
            Error::new(ErrorKind::Config, format!("cannot take the signing key from {path}: {why}"))
        };
        let mut secret = Vec::new();
        let read =
            File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut secret));
        read.map_err(|cause| refused(&cause).with_source(cause))?;
        if secret.len() as u64 > LONGEST {
            return Err(refused(&"it has more than 64 KiB: name the file with the secret"));
        }
        Self::new(secret).map_err(|cause| refused(&cause))
    }

    /// The signature of what `parts` say, as a `kind` of thing.
    pub(super) fn sign(&self, kind: &str, parts: &impl Serialize) -> Digest {
        let bytes =
            postcard::to_stdvec(&(kind, parts)).expect("postcard can write text and numbers");
        Digest::from_bytes(*blake3::keyed_hash(&self.0, &bytes).as_bytes())
    }

    /// Whether `signature` is that of `parts`. Takes as long whatever the difference.
    pub(super) fn is_signed(&self, kind: &str, parts: &impl Serialize, signature: &Digest) -> bool {
        // The equality of these hashes is the one that takes constant time.
        let [ours, theirs] = [&self.sign(kind, parts), signature]
            .map(|digest| blake3::Hash::from_bytes(*digest.as_bytes()));
        ours == theirs
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}
