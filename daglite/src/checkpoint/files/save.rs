//! Saves versions: staged, synced, renamed into place; each later than the latest, also among processes.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::super::contract::Saved;
use super::super::meta::CheckpointMeta;
use super::super::name::{are_case_twins, check_name};
use super::super::version::Moment;
use super::intake::{Body, Draft, Intake};
use super::load::{read_document, refuse_link, value_file, verify_value};
use super::workplace::{sweep_abandoned, take_turn};
use super::{FileCheckpoints, document};
use crate::digest::{Digest, WORTH_A_THREAD};
use crate::store::{
    Durable, Living, Staged, StoreError, WriteValue, is_missing, not_written, publish, sweep_stale,
    sync_folder,
};
use crate::threads::both;

/// How often a save picks another version because some other process took the one it wanted.
const ATTEMPTS: usize = 100;

impl FileCheckpoints {
    /// Saves `bytes` as the next version of `meta.name`, unless the latest has that value. They may be others than `meta` says.
    pub(super) fn save_checked(
        &self,
        meta: CheckpointMeta,
        bytes: &[u8],
    ) -> Result<Saved, StoreError> {
        let digest = meta.digest;
        self.save_if(meta, bytes, || Digest::of_bytes(bytes) == digest)
    }

    /// The same for `bytes` that `meta` was made of.
    pub(super) fn save_version(
        &self,
        meta: CheckpointMeta,
        bytes: &[u8],
    ) -> Result<Saved, StoreError> {
        self.save_if(meta, bytes, || true)
    }

    /// Saves what `write` writes, whatever `meta` says of it, unless the latest version has that value.
    pub(super) fn save_written(
        &self,
        mut meta: CheckpointMeta,
        write: &mut WriteValue<'_>,
    ) -> Result<Saved, StoreError> {
        check(&meta)?;
        self.refuse_links(&meta.name)?;
        self.refuse_case_twin(&meta.name)?;
        let extension = meta.extension.clone();
        let mut intake = Intake::new(self, &extension);
        if let Err(cause) = write(&mut intake) {
            return Err(intake.into_failure().unwrap_or_else(|| not_written(cause)));
        }
        match intake.finish()? {
            Body::Few(bytes) => {
                (meta.digest, meta.size) = (Digest::of_bytes(&bytes), bytes.len() as u64);
                self.save_version(meta, &bytes)
            }
            Body::File(draft, digest, size) => {
                (meta.digest, meta.size) = (digest, size);
                // Before it is on the disk, which takes longest.
                match self.latest_with(&meta)? {
                    Some(version) => Ok(Saved::Unchanged(version)),
                    None => self.publish_draft(draft, meta),
                }
            }
        }
    }

    /// Saves `bytes` if `are_right` says so of them.
    fn save_if(
        &self,
        meta: CheckpointMeta,
        bytes: &[u8],
        are_right: impl Fn() -> bool + Sync,
    ) -> Result<Saved, StoreError> {
        check(&meta)?;
        let wrong = || {
            StoreError::new(format!(
                "the value of checkpoint `{}` does not match its metadata: set `size` and `digest` from its bytes",
                meta.name
            ))
        };
        if meta.size != bytes.len() as u64 {
            return Err(wrong());
        }
        self.refuse_links(&meta.name)?;
        if let Some(version) = self.latest_with(&meta)? {
            return if are_right() { Ok(Saved::Unchanged(version)) } else { Err(wrong()) };
        }
        self.refuse_case_twin(&meta.name)?;
        let write = || -> Result<Draft, StoreError> {
            let mut draft = self.draft(&meta.extension)?;
            draft.file.write_all(bytes).map_err(|cause| {
                StoreError::io("save a checkpoint in", draft.workplace.path(), cause)
            })?;
            Ok(draft)
        };
        let draft = if bytes.len() < WORTH_A_THREAD {
            if !are_right() {
                return Err(wrong());
            }
            write()?
        } else {
            // The disk takes longer than the digest, so the one waits for the other.
            let (draft, right) = both(write, &are_right);
            if !right {
                return Err(wrong());
            }
            draft?
        };
        self.publish_draft(draft, meta)
    }

    /// Makes what is in `draft` the next version, unless the latest has that value by now.
    fn publish_draft(&self, draft: Draft, mut meta: CheckpointMeta) -> Result<Saved, StoreError> {
        let Draft { mut staged, workplace, file } = draft;
        // Here, where no other save waits for it.
        file.sync_all()
            .map_err(|cause| StoreError::io("save a checkpoint in", workplace.path(), cause))?;
        drop(file);
        let _here = self.publishing.lock();
        let _turn = take_turn(&self.root);
        // Somebody may have saved the same value, or a twin of the name, while this one wrote.
        if let Some(version) = self.latest_with(&meta)? {
            return Ok(Saved::Unchanged(version));
        }
        self.refuse_case_twin(&meta.name)?;
        self.refuse_links(&meta.name)?;
        for _ in 0..ATTEMPTS {
            if self.try_publish(&mut staged, &mut meta)? {
                return Ok(Saved::New(meta.version));
            }
        }
        let root = self.root.display();
        Err(StoreError::new(format!(
            "cannot find a free version for checkpoint `{}` in `{root}`: too many processes save it at once; try again",
            meta.name
        )))
    }

    /// The latest version, if it has the value of `meta` and is sound.
    fn latest_with(&self, meta: &CheckpointMeta) -> Result<Option<String>, StoreError> {
        let Some(latest) = self.list_versions(&meta.name)?.pop() else {
            return Ok(None);
        };
        let folder = self.version_folder(&meta.name, &latest);
        // A latest version that cannot be read keeps nothing: the value is saved beside it.
        let sound = read_document(&folder, &meta.name, &latest)
            .ok()
            .filter(|kept| kept.same_value(meta))
            .is_some_and(|kept| verify_value(&folder, &kept).is_ok());
        Ok(sound.then_some(latest))
    }

    /// A folder to work in, of this process alone.
    pub(super) fn workplace(&self) -> Result<Living, StoreError> {
        let tmp = self.tmp();
        let failed = |cause| StoreError::io("write checkpoints in", &self.root, cause);
        refuse_link(&tmp)?;
        sweep_stale(&tmp);
        sweep_abandoned(&tmp);
        // Its own name need not survive anything: only a new root is waited for.
        let open = || Living::open(&tmp, |_| Ok(())).map(|(living, ())| living);
        let mut opened = open();
        for _ in 0..ATTEMPTS {
            if !opened.as_ref().is_err_and(is_missing) {
                break;
            }
            opened = self.create_durably(&tmp).and_then(|()| open());
        }
        opened.map_err(failed)
    }

    /// A new folder that is not visible yet, with an empty value in it.
    pub(super) fn draft(&self, extension: &str) -> Result<Draft, StoreError> {
        let workplace = self.workplace()?;
        let failed = |cause| StoreError::io("save a checkpoint in", workplace.path(), cause);
        let staged = Staged::folder(workplace.path()).map_err(failed)?;
        let file = File::create_new(value_file(staged.path(), extension)).map_err(failed)?;
        Ok(Draft { staged, workplace, file })
    }

    /// Publishes `staged` as the version after the latest; `false` if somebody else took that one first.
    fn try_publish(
        &self,
        staged: &mut Staged,
        meta: &mut CheckpointMeta,
    ) -> Result<bool, StoreError> {
        meta.version = self.next_version(meta)?.to_string();
        let text = document::write(meta).map_err(|cause| {
            StoreError::new(format!(
                "cannot write the metadata of checkpoint `{}` as JSON",
                meta.name
            ))
            .with_source(cause)
        })?;
        if let Some(flaw) = document::flaw(&text, meta) {
            let name = &meta.name;
            return Err(StoreError::new(format!(
                "the metadata of checkpoint `{name}` cannot be saved: {flaw}"
            )));
        }
        let failed = |cause| StoreError::io("save a checkpoint in", &self.root, cause);
        fs::write(staged.path().join("meta.json"), text).map_err(failed)?;
        let target = self.version_folder(&meta.name, &meta.version);
        let above = target.parent().expect("a version lies in the folder of its name");
        self.create_durably(above)
            .map_err(|cause| StoreError::io("save a checkpoint in", above, cause))?;
        match publish(staged, &target, Durable::Yes) {
            Ok(()) => Ok(true),
            Err(cause) if staged.is_pending() && is_lost_race(&target, &cause) => Ok(false),
            Err(cause) => Err(StoreError::io("save the checkpoint as", &target, cause)),
        }
    }

    /// The moment in `meta`, or the one after the latest version if that is not before it.
    fn next_version(&self, meta: &CheckpointMeta) -> Result<Moment, StoreError> {
        let wanted = Moment::of(meta.created);
        let Some(latest) = self.latest_moment(&meta.name)? else {
            return Ok(wanted);
        };
        let next = latest.next().ok_or_else(|| {
            StoreError::new(format!(
                "no version can follow {latest} of checkpoint `{}`: set the clock right, and delete that version",
                meta.name
            ))
        })?;
        Ok(wanted.max(next))
    }

    /// An error if a checkpoint is there whose name differs from `name` in the case of letters alone.
    fn refuse_case_twin(&self, name: &str) -> Result<(), StoreError> {
        let mut folder = self.root.clone();
        let mut kept = Vec::new();
        for segment in name.split('/') {
            let found = match fs::read_dir(&folder) {
                Ok(found) => found,
                Err(cause) if is_missing(&cause) => return Ok(()),
                Err(cause) => {
                    return Err(StoreError::io("read the checkpoints in", &folder, cause));
                }
            };
            let names: Vec<_> =
                found.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
            let is_new = !names.iter().any(|there| there == segment);
            if let Some(twin) = names.iter().find(|there| is_new && are_case_twins(there, segment))
            {
                let twin = [&kept[..], &[twin.as_str()]].concat().join("/");
                return Err(StoreError::new(format!(
                    "`{name}` cannot name a checkpoint: `{twin}` is there, which some systems take for the same name: \
                     write `{twin}`, or choose another name"
                )));
            }
            kept.push(segment);
            folder.push(segment);
        }
        Ok(())
    }

    /// The folder of what is being written, on the volume of the rest. No name starts with a dot.
    pub(super) fn tmp(&self) -> PathBuf {
        self.root.join(".tmp")
    }

    /// The moment of the newest thing that has the name of a version, whatever it is, or that a tag names: a tag of a deleted
    /// version must not come to name another.
    fn latest_moment(&self, name: &str) -> Result<Option<Moment>, StoreError> {
        let versions = self.version_names(name)?.into_iter().map(|(version, _)| version);
        let tagged = self.all_tags(name)?.into_iter().filter_map(|(_, version)| version.ok());
        Ok(versions.chain(tagged).filter_map(|version| Moment::parse(&version)).max())
    }

    /// Makes a folder and those above that are missing, and waits until all their names are on the disk. The root, if it is
    /// missing, is made for its user alone.
    pub(super) fn create_durably(&self, folder: &Path) -> io::Result<()> {
        let new: Vec<_> = self.root.ancestors().take_while(|above| !above.exists()).collect();
        if !new.is_empty() {
            create_private(&self.root)?;
            for made in new.into_iter().rev() {
                if let Some(above) = made.parent() {
                    sync_folder(above)?;
                }
            }
        }
        fs::create_dir_all(folder)?;
        // Those that were there too: another process may have made them a moment ago.
        let inside = folder.ancestors().skip(1).take_while(|above| above.starts_with(&self.root));
        let mut inside: Vec<_> = inside.collect();
        inside.reverse();
        inside.into_iter().try_for_each(sync_folder)
    }
}

/// An error if no version can be made with `meta`.
fn check(meta: &CheckpointMeta) -> Result<(), StoreError> {
    check_name(&meta.name)?;
    match document::extension_flaw(&meta.extension) {
        Some(flaw) => {
            Err(StoreError::new(format!("checkpoint `{}` cannot be saved: {flaw}", meta.name)))
        }
        None => Ok(()),
    }
}

/// Whether somebody else took `target`, or deleted the folder above it, while a version was to be published there.
fn is_lost_race(target: &Path, cause: &io::Error) -> bool {
    target.symlink_metadata().is_ok() || cause.kind() == io::ErrorKind::NotFound
}

/// Makes a folder, and those above that are missing, that only its owner may enter.
fn create_private(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}
