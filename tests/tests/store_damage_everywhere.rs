//! Every file and folder of a store is damaged in every way: answers are right, nothing panics, and the store heals.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, OpenOptions};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use daglite::Digest;
use daglite::store::{Artifact, CacheStore, Lookup};
use daglite_tests::folders::{class, copy, remove, tree};
use daglite_tests::pipeline::{self, Outcome};
use daglite_tests::processes::Worker;
use daglite_tests::random::{Random, rounds, seed};
use daglite_tests::stores::{key, now, open};
use tempfile::TempDir;

const WORKER: &str = env!("CARGO_BIN_EXE_store_worker");
/// What lies outside of the store and must stay as it is.
const PRECIOUS: &[u8] = b"precious";

/// A store as one process left it.
struct Fixture {
    folder: TempDir,
    /// How the process ended, for messages.
    name: &'static str,
    /// Every entry, as it was put.
    entries: Vec<(Digest, Artifact)>,
}

impl Fixture {
    /// A full store, left by a process that closed it, or by one that was killed while it was open.
    fn new(is_killed: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("cache");
        let mut worker = Worker::start(WORKER, &[&"fill", &root.display()]);
        worker.wait_for("filled", 1);
        let ended = if is_killed { worker.kill() } else { worker.finish() };
        assert!(is_killed || ended.status.success(), "{ended:?}");
        let stored = ended.lines.iter().filter_map(|line| line.strip_prefix("stored "));
        let keys = stored.map(|digest| digest.parse().unwrap()).chain((0..24).map(key));
        // A process that was killed in a put has left this.
        fs::write(root.join("v1/tmp/1-left-by-a-killed-process"), b"half an entry").unwrap();
        // What is read is a copy: a look at an index may change its files.
        let read = folder.path().join("read");
        copy(&root, &read);
        let store = open(&read);
        let entries = keys.map(|key| {
            let found = now(store.get(&key)).unwrap();
            (key, found.found().expect("all that was put is there"))
        });
        let entries: Vec<_> = entries.collect();
        assert_eq!(entries.len(), pipeline::RESULTS + 24);
        let name = if is_killed { "killed" } else { "closed" };
        Self { folder, name, entries }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("cache")
    }
}

/// What lies in the place of a file or folder.
#[derive(Debug, Clone)]
enum Damage {
    /// The bits of the mask are flipped in one byte.
    Flip { at: u64, mask: u8 },
    /// One byte is replaced.
    Byte { at: u64, by: u8 },
    /// The file ends here.
    Truncate(u64),
    /// Random bytes come after the end.
    Append(u64),
    /// Random bytes are in place of all that was there.
    Garbage(u64),
    /// Zeros are in place of all that was there.
    Zeros(u64),
    /// Nothing is there.
    Delete,
    /// A folder is there, empty or with a file in it.
    Folder { is_empty: bool },
    /// A file is there.
    File,
    /// A link is there.
    #[cfg(unix)]
    Link(Target),
}

/// Where a link leads.
#[cfg(unix)]
#[derive(Debug, Clone, Copy)]
enum Target {
    Nowhere,
    Itself,
    /// Something of the user's outside of the store.
    Precious,
    /// What was in its place, moved out of the store.
    Moved,
}

/// One damage, to one file or folder of one of the fixtures.
#[derive(Debug)]
struct Case {
    fixture: usize,
    path: PathBuf,
    damage: Damage,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fixture = ["closed", "killed"][self.fixture];
        write!(f, "{:?} of {} in the {fixture} store", self.damage, self.path.display())
    }
}

/// Does the damage to `path`; `outside` is a folder that is not the store's, with a copy of what it must keep.
fn damage(path: &Path, damage: &Damage, outside: &Path, random: &mut Random) {
    let mut bytes = if path.is_file() { fs::read(path).unwrap() } else { Vec::new() };
    let mut noise =
        |length: u64| -> Vec<u8> { (0..length).map(|_| random.number() as u8).collect() };
    let index = |at: u64| usize::try_from(at).unwrap();
    match *damage {
        Damage::Flip { at, mask } => bytes[index(at)] ^= mask,
        Damage::Byte { at, by } => bytes[index(at)] = by,
        Damage::Truncate(length) => bytes.truncate(index(length)),
        Damage::Append(length) => bytes.append(&mut noise(length)),
        Damage::Garbage(length) => bytes = noise(length),
        Damage::Zeros(length) => bytes = vec![0; index(length)],
        Damage::Delete => return remove(path),
        Damage::Folder { is_empty } => {
            remove(path);
            fs::create_dir(path).unwrap();
            if !is_empty {
                fs::write(path.join("inside"), PRECIOUS).unwrap();
            }
            return;
        }
        Damage::File => {
            remove(path);
            bytes = b"in the way".to_vec();
        }
        #[cfg(unix)]
        Damage::Link(target) => {
            let leads_to = match target {
                Target::Nowhere => PathBuf::from("nowhere"),
                Target::Itself => path.to_owned(),
                Target::Precious if path.is_dir() => outside.to_owned(),
                Target::Precious => outside.join("precious"),
                Target::Moved => outside.join("moved"),
            };
            if matches!(target, Target::Moved) {
                if path.is_dir() {
                    copy(path, &leads_to);
                } else {
                    fs::copy(path, &leads_to).unwrap();
                }
            }
            remove(path);
            return std::os::unix::fs::symlink(leads_to, path).unwrap();
        }
    }
    // Written in place, as damage is: who has the file open or mapped sees it.
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
    std::io::Write::write_all(&mut file, &bytes).unwrap();
}

/// The places of a file at which a byte is damaged: its ends, every sixteenth, around pages, and anywhere.
fn positions(length: u64, random: &mut Random) -> Vec<u64> {
    let mut at: Vec<u64> =
        (0..32).chain([40, 56, 60, 88, 92, 96, 99, 100, 103, 107, 108]).collect();
    at.extend((1..16).map(|part| length * part / 16));
    at.extend(length.saturating_sub(16)..length);
    for page in [512, 4_096, 32_768] {
        let pages = (1..=length / page).take(32).map(|number| number * page);
        at.extend(pages.flat_map(|boundary| [boundary - 1, boundary, boundary + 1]));
    }
    at.extend((0..200).map(|_| random.below(length.max(1))));
    at.retain(|&at| at < length);
    at.sort_unstable();
    at.dedup();
    at
}

/// The damages to one byte of a file.
fn damages_of_bytes(length: u64, random: &mut Random) -> Vec<Damage> {
    let mut damages = Vec::new();
    for at in positions(length, random) {
        damages.push(Damage::Flip { at, mask: 1 << random.below(8) });
        damages.extend([0x00, 0xff].map(|by| Damage::Byte { at, by }));
    }
    damages
}

/// The damages to a whole file.
fn damages_of_a_file(length: u64, random: &mut Random) -> Vec<Damage> {
    let mut lengths = vec![0, 1, length / 2, length.saturating_sub(1), random.below(length.max(1))];
    lengths.extend(
        [512, 1_024, 4_096, 32_768].into_iter().flat_map(|page| [page - 1, page, page + 1]),
    );
    lengths.retain(|&other| other < length);
    let mut damages: Vec<_> = lengths.into_iter().map(Damage::Truncate).collect();
    damages.extend([1, 4_096].map(Damage::Append));
    damages.extend([length, 1, 100].map(Damage::Garbage));
    damages.extend([Damage::Zeros(length), Damage::Delete]);
    damages.extend([true, false].map(|is_empty| Damage::Folder { is_empty }));
    damages.extend(links());
    damages
}

/// The damages to a folder.
fn damages_of_a_folder() -> Vec<Damage> {
    let mut damages = links();
    damages.extend([Damage::Delete, Damage::Folder { is_empty: true }, Damage::File]);
    damages
}

/// Links of every kind.
#[cfg(unix)]
fn links() -> Vec<Damage> {
    [Target::Nowhere, Target::Itself, Target::Precious, Target::Moved].map(Damage::Link).to_vec()
}

/// Links are for the privileged here.
#[cfg(not(unix))]
fn links() -> Vec<Damage> {
    Vec::new()
}

/// Of each class of paths the smallest and the largest, by what `size` says.
fn of_each_class(paths: &[PathBuf], size: impl Fn(&Path) -> u64) -> Vec<PathBuf> {
    let mut classes: BTreeMap<String, Vec<&PathBuf>> = BTreeMap::new();
    for path in paths {
        classes.entry(class(path)).or_default().push(path);
    }
    let ends = classes.into_values().flat_map(|mut paths| {
        paths.sort_by_key(|path| size(path));
        let largest = paths.pop();
        paths.truncate(1);
        paths.into_iter().chain(largest)
    });
    ends.cloned().collect()
}

/// Of each class of folders one at each depth.
fn of_each_depth(folders: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut depths = BTreeMap::new();
    for folder in folders {
        depths.entry((class(&folder), folder.components().count())).or_insert(folder);
    }
    depths.into_values().collect()
}

/// The files to be damaged, with their lengths, and the folders.
fn victims(root: &Path) -> (Vec<(PathBuf, u64)>, Vec<PathBuf>) {
    let length = |path: &Path| root.join(path).metadata().unwrap().len();
    let (files, folders) = tree(root);
    let files = of_each_class(&files, length);
    let files =
        files.into_iter().map(|path| (length(&path), path)).map(|(size, path)| (path, size));
    (files.collect(), of_each_depth(folders))
}

/// A copy of a fixture that may be damaged, and a folder outside of it that may not.
struct Scene {
    folder: TempDir,
}

impl Scene {
    fn new(fixture: &Fixture) -> Self {
        let scene = Self { folder: tempfile::tempdir().unwrap() };
        copy(&fixture.root(), &scene.root());
        fs::create_dir(scene.outside()).unwrap();
        fs::write(scene.outside().join("precious"), PRECIOUS).unwrap();
        scene
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn outside(&self) -> PathBuf {
        self.folder.path().join("outside")
    }

    /// What was outside of the store is as it was; `moved` is the file that was moved there.
    fn check_outside(&self, moved: Option<Vec<u8>>) -> Result<(), String> {
        let now = fs::read(self.outside().join("precious")).map_err(|error| error.to_string())?;
        if now != PRECIOUS {
            return Err("a file outside of the store was written to".to_owned());
        }
        if moved.is_some() && fs::read(self.outside().join("moved")).ok() != moved {
            return Err("a file that a link led to was written to or deleted".to_owned());
        }
        Ok(())
    }

    /// A run in this process.
    fn run(&self) -> Outcome {
        pipeline::run(open(&self.root()), 2)
    }
}

/// The line by which a worker gives the right answer, up to the counts.
fn right_line() -> String {
    format!("answer {} ", pipeline::answer())
}

/// What goes wrong after the damage; else what the second run gave.
fn attack(case: &Case, fixture: &Fixture, seed: u64) -> Result<Outcome, String> {
    let mut random = Random::new(seed);
    let scene = Scene::new(fixture);
    let path = scene.root().join(&case.path);
    damage(&path, &case.damage, &scene.outside(), &mut random);
    let moved = fs::read(scene.outside().join("moved")).ok();
    if random.below(2) == 0 {
        // In a process of its own, where a crash is noticed.
        let ended = Worker::start(WORKER, &[&"run", &scene.root().display()]).finish();
        let is_right = ended.lines.len() == 1 && ended.lines[0].starts_with(&right_line());
        if !ended.status.success() || ended.errors.contains("panicked") || !is_right {
            return Err(format!("the first run: {ended:?}"));
        }
    } else {
        let store = open(&scene.root());
        for (key, sound) in &fixture.entries {
            match now(store.get(key)) {
                Ok(Lookup::Found(found)) if found != *sound => {
                    return Err(format!("wrong: {:?} instead of {:?}", found.meta, sound.meta));
                }
                _ => {}
            }
        }
        drop(store);
        let first = scene.run();
        if first.answer != Ok(pipeline::answer()) {
            return Err(format!("the first run: {first:?}"));
        }
    }
    let second = scene.run();
    if second.answer != Ok(pipeline::answer()) {
        return Err(format!("the second run: {second:?}"));
    }
    scene.check_outside(moved)?;
    Ok(second)
}

/// Whether the store has to mend the damage by itself. A folder that somebody replaced may be left to people.
fn must_heal(case: &Case, fixture: &Fixture) -> bool {
    fixture.root().join(&case.path).is_file()
        || matches!(case.damage, Damage::Delete | Damage::Folder { .. })
}

/// All attacks on the fixtures, on two threads; panics with what went wrong.
fn attack_all(fixtures: &[Fixture], cases: &[Case], seed: u64) {
    let next = AtomicUsize::new(0);
    let (failures, unhealed) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let Some(case) = cases.get(number) else { break };
                    let fixture = &fixtures[case.fixture];
                    let attack = || attack(case, fixture, seed.wrapping_add(number as u64));
                    match catch_unwind(AssertUnwindSafe(attack)) {
                        Ok(Ok(second)) if second == Outcome::all_hits() => {}
                        Ok(Ok(_)) if !must_heal(case, fixture) => {
                            unhealed.lock().unwrap().push(case.to_string());
                        }
                        Ok(Ok(second)) => {
                            let what = format!("{case}: it does not heal: {second:?}");
                            failures.lock().unwrap().push(what);
                        }
                        Ok(Err(what)) => failures.lock().unwrap().push(format!("{case}: {what}")),
                        Err(_) => failures.lock().unwrap().push(format!("{case}: a panic")),
                    }
                }
            });
        }
    });
    println!(
        "{} damages; left to people:\n{}",
        cases.len(),
        unhealed.into_inner().unwrap().join("\n")
    );
    let failures = failures.into_inner().unwrap();
    assert!(
        failures.is_empty(),
        "DAGLITE_TEST_SEED={seed}: {} of {} damages do harm, for instance\n{}",
        failures.len(),
        cases.len(),
        failures[..failures.len().min(20)].join("\n")
    );
}

/// The two fixtures.
fn fixtures() -> [Fixture; 2] {
    [false, true].map(Fixture::new)
}

/// The damages that `of_file` and `of_folder` think of.
fn cases(
    fixtures: &[Fixture],
    mut of_file: impl FnMut(u64) -> Vec<Damage>,
    of_folder: impl Fn() -> Vec<Damage>,
) -> Vec<Case> {
    let mut cases = Vec::new();
    for (fixture, made) in fixtures.iter().enumerate() {
        let (files, folders) = victims(&made.root());
        println!("{}: {files:?} {folders:?}", made.name);
        for (path, length) in files {
            let damages = of_file(length).into_iter();
            cases.extend(damages.map(|damage| Case { fixture, path: path.clone(), damage }));
        }
        for path in folders {
            let damages = of_folder().into_iter();
            cases.extend(damages.map(|damage| Case { fixture, path: path.clone(), damage }));
        }
    }
    cases
}

#[test]
fn a_damaged_byte_anywhere_does_no_harm() {
    let seed = seed();
    let mut random = Random::new(seed);
    let fixtures = fixtures();
    let mut cases = cases(&fixtures, |length| damages_of_bytes(length, &mut random), Vec::new);
    Random::new(seed).shuffle(&mut cases);
    cases.truncate(rounds(700) as usize);
    attack_all(&fixtures, &cases, seed);
}

#[test]
fn a_file_or_folder_cut_replaced_or_deleted_does_no_harm() {
    let seed = seed();
    let mut random = Random::new(seed);
    let fixtures = fixtures();
    let of_file = |length| damages_of_a_file(length, &mut random);
    let cases = cases(&fixtures, of_file, damages_of_a_folder);
    attack_all(&fixtures, &cases, seed);
}

/// What goes wrong when the damage happens while a process has the store open.
fn attack_in_use(case: &Case, fixture: &Fixture, seed: u64) -> Result<(), String> {
    let scene = Scene::new(fixture);
    let mut worker = Worker::start(WORKER, &[&"runs", &scene.root().display()]);
    for turn in 1..=3 {
        if turn == 2 {
            let path = scene.root().join(&case.path);
            damage(&path, &case.damage, &scene.outside(), &mut Random::new(seed));
        }
        worker.tell("run");
        let said = catch_unwind(AssertUnwindSafe(|| worker.wait_for("", turn)));
        match said {
            Ok(line) if line.starts_with(&right_line()) => {}
            Ok(line) => return Err(format!("run {turn} says `{line}`")),
            Err(_) => return Err(format!("run {turn}: {:?}", worker.kill())),
        }
    }
    let ended = worker.finish();
    if !ended.status.success() || ended.errors.contains("panicked") {
        return Err(format!("the process: {ended:?}"));
    }
    let after = [scene.run(), scene.run()];
    if after[0].answer != Ok(pipeline::answer()) || after[1] != Outcome::all_hits() {
        return Err(format!("the runs of others after it: {after:?}"));
    }
    scene.check_outside(None)
}

#[test]
fn damage_under_a_session_that_goes_on_does_no_harm() {
    let seed = seed();
    let fixtures = fixtures();
    let of_file = |length| {
        let mut damages = [0, length / 2].map(Damage::Truncate).to_vec();
        damages.extend([Damage::Garbage(length), Damage::Zeros(length), Damage::Delete]);
        damages.extend([0, length / 2].map(|at| Damage::Flip { at, mask: 0x10 }));
        damages.retain(|damage| !matches!(damage, Damage::Flip { .. }) || length > 0);
        damages
    };
    let of_folder = || vec![Damage::Delete, Damage::Folder { is_empty: true }];
    let mut cases = cases(&fixtures, of_file, of_folder);
    cases.push(Case { fixture: 0, path: PathBuf::new(), damage: Damage::Delete });
    let mut failures = Vec::new();
    for case in &cases {
        let Err(what) = attack_in_use(case, &fixtures[case.fixture], seed) else { continue };
        // A mapped file that becomes shorter is a signal for who maps it: no program can do anything about it.
        let is_mapped = case.path.to_string_lossy().ends_with("-shm");
        if is_mapped && matches!(case.damage, Damage::Truncate(_)) {
            println!("{case}: {what}");
        } else {
            failures.push(format!("{case}: {what}"));
        }
    }
    println!("{} damages in use", cases.len());
    assert!(failures.is_empty(), "DAGLITE_TEST_SEED={seed}:\n{}", failures.join("\n"));
}
