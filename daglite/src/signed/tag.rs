//! Tags with signatures: the proof that a tag was given to a version is one more tag of that version, which no store need know of.

use super::Signed;
use crate::checkpoint::{CheckpointStore, Version, check_tag};
use crate::digest::Digest;
use crate::store::StoreError;

/// What is signed: that a tag was given to a version of a checkpoint.
const KIND: &str = "daglite tag v1";
/// What the name of a proof begins with.
const PROOF: &str = "signed.";
/// The digits of a proof: five bits each.
const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// How often a tag is looked at that always says the same, and has no proof, before it is not believed.
const LOOKS: usize = 5;

impl<S: CheckpointStore> Signed<S> {
    /// The version that has `tag`, if it was given to it by somebody with the key.
    pub(super) async fn tagged(&self, name: &str, tag: &str) -> Result<Option<String>, StoreError> {
        let (mut said, mut looks) = (None, 0);
        loop {
            let Some(version) = self.inner.resolve(name, &Version::tag(tag)).await? else {
                return Ok(None);
            };
            if self.has_proof(name, &version, tag).await? {
                return Ok(Some(version));
            }
            // It may have moved between the two looks, and its proof with it.
            looks = if said.as_ref() == Some(&version) { looks + 1 } else { 1 };
            if looks == LOOKS {
                let place = self.inner.location();
                return Err(StoreError::new(format!(
                    "tag `{tag}` of checkpoint `{name}` in {place} cannot be trusted: nobody with the signing key has given \
                     it to version {version}; give the tag again"
                )));
            }
            said = Some(version);
        }
    }

    /// Gives `tag` to a version, with its proof: that comes first and goes last, so that whoever looks finds both.
    pub(super) async fn give_tag(
        &self,
        name: &str,
        version: &str,
        tag: &str,
    ) -> Result<bool, StoreError> {
        if !self.inner.keeps_tags() {
            return self.inner.tag(name, version, tag).await;
        }
        check_tag(tag)?;
        // One that is damaged has no proof to take away.
        let before = self.inner.resolve(name, &Version::tag(tag)).await.unwrap_or_default();
        let proof = self.proof(name, version, tag);
        if !self.inner.tag(name, version, &proof).await?
            || !self.inner.tag(name, version, tag).await?
        {
            return Ok(false);
        }
        // Whoever moved it away meanwhile may have taken our proof for that of before.
        if !self.has_proof(name, version, tag).await? {
            self.inner.tag(name, version, &proof).await?;
        }
        if let Some(before) = before.filter(|before| before != version) {
            self.take_proof(name, &before, tag).await?;
        }
        Ok(true)
    }

    /// Takes a tag away, and its proof.
    pub(super) async fn take_tag(&self, name: &str, tag: &str) -> Result<bool, StoreError> {
        let version = self.inner.resolve(name, &Version::tag(tag)).await?;
        let had = self.inner.untag(name, tag).await?;
        if let Some(version) = version {
            self.take_proof(name, &version, tag).await?;
        }
        Ok(had)
    }

    /// The tags that were given by somebody with the key; proofs are not told of.
    pub(super) async fn signed_tags(
        &self,
        name: &str,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let all = self.inner.tags(name).await?;
        let proof = |(tag, version): &(String, String)| self.proof(name, version, tag);
        let proofs: Vec<_> = all.iter().map(proof).collect();
        let mut signed = Vec::new();
        for ((tag, version), proof) in all.iter().zip(&proofs) {
            let is_proven = all.iter().any(|(there, of)| there == proof && of == version);
            if is_proven && !proofs.contains(tag) {
                signed.push((tag.clone(), version.clone()));
            } else if !is_proven && !is_a_proof(tag) {
                // It may have moved while the list was made.
                let version = self.tagged(name, tag).await.unwrap_or_default();
                signed.extend(version.map(|version| (tag.clone(), version)));
            }
        }
        Ok(signed)
    }

    /// Whether it is proven that `tag` was given to `version`.
    async fn has_proof(&self, name: &str, version: &str, tag: &str) -> Result<bool, StoreError> {
        let proof = Version::Tag(self.proof(name, version, tag));
        Ok(self.inner.resolve(name, &proof).await?.as_deref() == Some(version))
    }

    /// Takes the proof away that `tag` was given to `version`, unless it has been given to it again.
    async fn take_proof(&self, name: &str, version: &str, tag: &str) -> Result<(), StoreError> {
        let proof = self.proof(name, version, tag);
        self.inner.untag(name, &proof).await?;
        if self.inner.resolve(name, &Version::tag(tag)).await?.as_deref() == Some(version) {
            self.inner.tag(name, version, &proof).await?;
        }
        Ok(())
    }

    /// The tag that proves that `tag` was given to `version`.
    fn proof(&self, name: &str, version: &str, tag: &str) -> String {
        format!("{PROOF}{}", digits(&self.key.sign(KIND, &(name, version, tag))))
    }
}

/// The bytes of a digest as 52 digits, of which a tag can be made.
fn digits(digest: &Digest) -> String {
    let bit = |at: usize| {
        let byte = digest.as_bytes().get(at / 8).copied().unwrap_or_default();
        usize::from(byte >> (7 - at % 8) & 1)
    };
    let digit = |at: usize| (0..5).fold(0, |digit, next| digit << 1 | bit(5 * at + next));
    (0..52).map(|at| char::from(DIGITS[digit(at)])).collect()
}

/// Whether a tag is named as proofs are.
fn is_a_proof(tag: &str) -> bool {
    tag.strip_prefix(PROOF).is_some_and(|digits| {
        digits.len() == 52 && digits.bytes().all(|digit| DIGITS.contains(&digit))
    })
}
