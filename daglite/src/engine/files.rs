//! Files: inputs that change under a running body, and results that are files.

use crate::event::{Event, MissReason};
use crate::graph::Key;
use crate::hash::{Claim, Seen, watching};
use crate::store::Glimpse;
use crate::task::{Task, Value};

use super::key::reference;
use super::lookup::Found;
use super::run::Run;

impl Run {
    /// Whether the files that are in the key of a computed result are still what they were; tells it if not.
    pub(super) fn inputs_have_stayed(&self, task: &Task, key: &Key) -> bool {
        let Some(path) = key.files.iter().find_map(Seen::changed) else { return true };
        let name = task.spec.name;
        tracing::warn!(target: "daglite",
            task = name,
            path = %path.display(),
            "an input file changed while the task ran: its result is used and not cached"
        );
        self.engine.tell_run(|| Event::InputChanged {
            task: name,
            key: key.digest,
            path: path.to_path_buf(),
        });
        false
    }

    /// What an entry has whose result may hold files: its value is read at once, since it says which files those are.
    ///
    /// The value has no digest from here on. Whoever takes it as an argument hashes it, and thereby the files as they are
    /// then.
    pub(super) fn look_at_files(&self, task: &'static Task, key: &Key, glimpse: Glimpse) -> Found {
        let took = glimpse.meta.took;
        match self.value_with_sound_files(task, key, glimpse) {
            Ok(value) => {
                self.count_hit(task, key, took);
                Found::WithFiles(value, took)
            }
            Err(reason) => Found::Nothing(reason),
        }
    }

    /// The value of an entry, if the files in it are what was written.
    fn value_with_sound_files(
        &self,
        task: &'static Task,
        key: &Key,
        glimpse: Glimpse,
    ) -> Result<Value, MissReason> {
        let Glimpse { meta, bytes } = glimpse;
        let bytes = match bytes {
            Some(bytes) => bytes,
            None => self.fetch(&key.digest, reference(&meta))?,
        };
        let (value, watched) =
            watching(|| self.engine.decode(task, &bytes, &meta.format, meta.shape));
        let value = value?;
        match watched.claims.iter().find_map(Claim::broken) {
            Some(what) => Err(MissReason::OutputChanged(what)),
            None => {
                let (name, size) = (task.spec.name, meta.size);
                self.engine.tell_task(|| Event::Loaded { task: name, key: key.digest, size });
                Ok(value)
            }
        }
    }
}
