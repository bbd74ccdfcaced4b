//! What items are made of: each is parsed once, when something first reaches it, and many at once on several threads.

use std::path::Path;
use std::rc::Rc;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use proc_macro2::TokenStream;
use syn::visit::Visit;
use syn::{ImplItem, Item, TraitItem};

use super::index::Index;
use super::references::{References, Surroundings};
use crate::canonical;
use crate::sources::world::{NodeId, NodeKind};

/// What an item is made of.
pub(crate) struct Facts {
    /// The digest of its normal form.
    pub(crate) digest: [u8; 32],
    /// What it names.
    pub(crate) references: References,
}

/// How few items are not worth a thread.
const FEW: usize = 8;

/// How many threads there are at most: what is compiled beside us wants some too.
const MOST_THREADS: usize = 8;

/// How many the machine has of those. Asked for once: the system looks through several files for it.
static THREADS: LazyLock<usize> =
    LazyLock::new(|| thread::available_parallelism().map_or(1, usize::from).min(MOST_THREADS));

/// The stack of a thread: bodies may be nested as deeply as the compiler allows.
const STACK: usize = 64 << 20;

impl Index {
    /// What an item is made of.
    pub(crate) fn facts(&self, node: NodeId) -> Rc<Facts> {
        Rc::clone(self.facts[node].get_or_init(|| Rc::new(self.unparsed(node).parsed())))
    }

    /// Works out what many items are made of.
    pub(crate) fn prepare(&self, nodes: &[NodeId]) {
        let mut unknown: Vec<NodeId> = nodes.to_vec();
        unknown.retain(|node| self.facts[*node].get().is_none());
        unknown.sort_unstable();
        unknown.dedup();
        let threads = (unknown.len() / FEW).min(*THREADS);
        if threads < 2 {
            return;
        }
        let unparsed: Vec<Unparsed<'_>> = unknown.iter().map(|node| self.unparsed(*node)).collect();
        for (at, facts) in on_threads(&unparsed, threads) {
            // Nobody else has worked it out meanwhile: there is one walk at a time.
            let _ = self.facts[unknown[at]].set(Rc::new(facts));
        }
    }

    /// An item, and all that is needed to parse it.
    fn unparsed(&self, node: NodeId) -> Unparsed<'_> {
        let it = &self.world.nodes[node];
        let package = &self.world.crates[self.world.modules[it.module].krate].package;
        let file = &self.world.files[it.file];
        let reading = match (&it.what, it.owner) {
            (NodeKind::Impl(head), _) => Reading::Head(head.end),
            (NodeKind::Trait(end), _) => Reading::Head(*end),
            (_, None) => Reading::Whole,
            (_, Some(owner)) => match self.world.nodes[owner].what {
                NodeKind::Trait(_) => Reading::MemberOfTrait,
                _ => Reading::MemberOfImpl,
            },
        };
        Unparsed {
            file: &file.text,
            start: it.start,
            end: it.end,
            reading,
            surroundings: Surroundings {
                package: &package.folder,
                beside: file.path.parent().unwrap_or(Path::new("")),
            },
        }
    }
}

/// Parses items on several threads: each takes the next one that nobody has taken.
///
/// What is made on a thread is plain data, and its tokens stay there. A thread that cannot be had is no harm, since this
/// one does what is left.
fn on_threads(unparsed: &[Unparsed<'_>], threads: usize) -> Vec<(usize, Facts)> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(one) = unparsed.get(at) else { return done };
            done.push((at, one.parsed()));
        }
    };
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads)
            .filter_map(|_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).ok())
            .collect();
        let mut done = work();
        for other in others {
            match other.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    })
}

/// How the text of an item is read.
enum Reading {
    /// Its head alone, up to there: its members are items of their own.
    Head(usize),
    /// As an item.
    Whole,
    /// As a member of a trait.
    MemberOfTrait,
    /// As a member of an impl.
    MemberOfImpl,
}

/// An item that is not parsed yet.
struct Unparsed<'a> {
    /// The text of its file.
    file: &'a str,
    /// Its first byte there.
    start: usize,
    /// The byte after its last.
    end: usize,
    /// How it is read.
    reading: Reading,
    /// Where it is.
    surroundings: Surroundings<'a>,
}

impl Unparsed<'_> {
    /// Its text.
    fn text(&self) -> &str {
        &self.file[self.start..self.end]
    }

    /// What it is made of.
    fn parsed(&self) -> Facts {
        let mut facts = self.understood().unwrap_or_else(|| {
            let tokens: TokenStream = self.text().parse().unwrap_or_default();
            Facts {
                digest: canonical::tokens_digest(tokens.clone()),
                references: References::of(&self.surroundings, |found| found.loose(tokens)),
            }
        });
        if facts.references.has_place {
            // Its lines and columns are part of what it computes.
            let mut hasher = blake3::Hasher::new();
            hasher.update(&facts.digest);
            hasher.update(format!("{:?}", self.place()).as_bytes());
            hasher.update(self.text().as_bytes());
            facts.digest = *hasher.finalize().as_bytes();
        }
        facts
    }

    /// The line that it starts in, and the column.
    fn place(&self) -> (usize, usize) {
        let before = &self.file[..self.start];
        let line = before.bytes().filter(|byte| *byte == b'\n').count();
        (line, self.start - before.rfind('\n').unwrap_or(0))
    }

    /// What it is made of; `None` if it cannot be parsed.
    fn understood(&self) -> Option<Facts> {
        match self.reading {
            Reading::Head(end) => {
                let head = self.file.get(self.start..end)?;
                self.of_item(syn::parse_str(&format!("{head} {{}}")).ok()?)
            }
            Reading::Whole => self.of_item(syn::parse_str(self.text()).ok()?),
            Reading::MemberOfTrait => {
                let member = syn::parse_str::<TraitItem>(self.text()).ok()?;
                let references = References::of(&self.surroundings, |found| {
                    found.visit_trait_item(&member);
                });
                Some(Facts { references, digest: canonical::digest_of_trait_item(member) })
            }
            Reading::MemberOfImpl => {
                let member = syn::parse_str::<ImplItem>(self.text()).ok()?;
                let references = References::of(&self.surroundings, |found| {
                    found.visit_impl_item(&member);
                });
                Some(Facts { references, digest: canonical::digest_of_impl_item(member) })
            }
        }
    }

    /// What an item is made of.
    fn of_item(&self, item: Item) -> Option<Facts> {
        let references = References::of(&self.surroundings, |found| found.visit_item(&item));
        Some(Facts { references, digest: canonical::digest_of_item(item) })
    }
}
