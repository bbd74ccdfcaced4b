//! What a type looks like to serde: names and kinds, learnt by watching its `Deserialize` at work.
//!
//! A probing `Deserializer` is asked for a value, notes every question, and answers with something plausible. One pass
//! sees one variant of every enum, so passes follow until all variants were seen. What has several parts is written down
//! once, as a numbered definition; what contains itself refers to its number. A type whose questions cannot be followed
//! to the end (it wants to see the data first, or refuses every answer) has an incomplete shape, and formats that do not
//! describe themselves are not used for it.

use std::any::{TypeId, type_name};
use std::collections::HashMap;
use std::fmt::{self, Display, Write};
use std::sync::{Arc, LazyLock};

use dashmap::DashMap;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use crate::digest::{ByDigest, Digest};
use crate::hash::is_file;

/// What is known of a type's shape.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// Equal digests: the same names and kinds, as far as they were seen.
    pub(super) digest: Digest,
    /// Whether all of the type was seen.
    pub(super) complete: bool,
    /// What is read of every enum and struct in it.
    pub(super) read: Arc<[Read]>,
    /// Whether a path that stands for a content was seen in it.
    pub(super) files: bool,
}

/// How an enum or a struct is read.
#[derive(Debug)]
pub(super) struct Read {
    /// Its name.
    pub(super) name: &'static str,
    /// Its variants in the order in which they are counted, each with the number of its parts; a struct is one variant
    /// called [`FIELDS`].
    pub(super) variants: Vec<(&'static str, Option<usize>)>,
}

/// The only way that a struct can go.
pub(super) const FIELDS: &str = "fields";

/// The shapes that have been probed.
static KNOWN: LazyLock<DashMap<(TypeId, Readers), Shape, ByDigest>> =
    LazyLock::new(DashMap::default);

impl Shape {
    /// The digest of the shape of `T`.
    pub(super) fn digest_of<T: DeserializeOwned + 'static>(readers: Readers) -> Digest {
        let known = KNOWN.get(&(TypeId::of::<T>(), readers)).map(|shape| shape.digest);
        known.unwrap_or_else(|| Self::of::<T>(readers).digest)
    }

    /// The shape of `T`, probed once a process.
    pub(super) fn of<T: DeserializeOwned + 'static>(readers: Readers) -> Self {
        let key = (TypeId::of::<T>(), readers);
        if let Some(known) = KNOWN.get(&key) {
            return known.clone();
        }
        // Probed outside of the lock: a `Deserialize` is anyone's code.
        let notes = describe::<T>(readers);
        let text = format!("daglite shape v1\n{}", notes.text());
        let digest = Digest::of_bytes(text.as_bytes());
        let (complete, read, files) = (notes.complete, notes.read(), notes.files);
        KNOWN.entry(key).or_insert(Self { digest, complete, read, files }).clone()
    }
}

/// Whom a format is for; many types serialize themselves differently for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Readers {
    /// Formats of text.
    People,
    /// Formats of bytes.
    Machines,
}

/// What is learnt about `T`.
fn describe<T: DeserializeOwned>(readers: Readers) -> Notes {
    look::<T>(Notes::new(readers))
}

/// What is learnt about `T` beside what is known.
fn look<T: DeserializeOwned>(mut notes: Notes) -> Notes {
    loop {
        notes.begin_pass();
        let result = T::deserialize(Probe { notes: &mut notes, depth: 0 });
        if notes.end_pass(result.is_ok()) == Next::Enough {
            return notes;
        }
    }
}

/// Passes over one type before giving up.
const MAX_PASSES: usize = 10_000;

/// Questions before giving up: a type may be made of many that are made of many.
const MAX_QUESTIONS: usize = 1_000_000;

/// Questions within questions before giving up.
const MAX_DEPTH: usize = 100;

/// Whether another pass can learn more.
#[derive(PartialEq, Eq)]
enum Next {
    Again,
    Enough,
}

/// One way a definition can go: the body of a struct, one variant of an enum, the element of a list.
struct Way {
    name: &'static str,
    /// How many parts it has, once they were asked for.
    parts: Option<usize>,
    /// What was seen, once it was.
    seen: Option<Seen>,
}

/// The outcome of following a way.
struct Seen {
    body: String,
    /// Numbers of the definitions in it.
    children: Vec<usize>,
    /// Ways that could be followed to their end, in the order of time: the earliest of a definition needs none but
    /// earlier ones, so always taking it ends even in a type that contains itself. `None`: it led nowhere.
    finished: Option<usize>,
}

/// What has several parts or several ways.
struct Definition {
    /// The name of an enum or struct.
    name: Option<&'static str>,
    head: String,
    ways: Vec<Way>,
    /// Lists, maps and options: "nothing" is an answer too.
    optional: bool,
}

/// A way that is being followed.
struct Frame {
    definition: usize,
    way: usize,
    /// Whether it is seen for the first time. If not, the body is written and thrown away.
    recorded: bool,
    body: String,
    children: Vec<usize>,
    /// Answers given directly in this frame: their number is their place.
    answers: usize,
}

/// Where an answer was given: the definition, its way, and the how-manieth in there.
type Place = (usize, usize, usize);

/// All that is learnt about one type.
struct Notes {
    readers: Readers,
    definitions: Vec<Definition>,
    /// Definitions by what identifies them in this process.
    numbers: HashMap<String, usize>,
    frames: Vec<Frame>,
    /// Which of the plausible answers is given at a place, where it is not the first.
    tries: HashMap<Place, usize>,
    /// The last answer of this pass, and how many there are to try: if the type refuses, it is the likely cause.
    last_answer: Option<(Place, usize)>,
    finished: usize,
    /// How many passes were begun.
    passes: usize,
    questions: usize,
    progress: bool,
    /// Whether an answer was refused in this pass; the type may have swallowed that.
    refused: bool,
    /// Whether a limit was reached.
    exhausted: bool,
    complete: bool,
    /// Whether a path that stands for a content was asked for.
    files: bool,
}

/// The number of the outermost frame, which is no definition.
const ROOT: usize = usize::MAX;

impl Notes {
    fn new(readers: Readers) -> Self {
        Self {
            readers,
            definitions: Vec::new(),
            numbers: HashMap::new(),
            frames: Vec::new(),
            tries: HashMap::new(),
            last_answer: None,
            finished: 0,
            passes: 0,
            questions: 0,
            progress: false,
            refused: false,
            exhausted: false,
            complete: true,
            files: false,
        }
    }

    fn begin_pass(&mut self) {
        self.passes += 1;
        self.exhausted |= self.passes == MAX_PASSES;
        self.frames.clear();
        self.frames.push(Frame::new(ROOT, 0, true));
        self.last_answer = None;
        self.progress = false;
        self.refused = false;
    }

    fn end_pass(&mut self, ok: bool) -> Next {
        let ok = ok && !self.refused;
        if !ok && !self.exhausted && self.try_another_answer() {
            return Next::Again;
        }
        if !ok {
            // What was being seen stays as far as it was seen. Nothing can be said about what would have come next.
            self.complete = false;
            self.abandon_down_to(1);
        }
        let unseen = self.definitions.iter().any(|d| d.ways.iter().any(|way| way.seen.is_none()));
        if unseen && self.progress && !self.exhausted {
            return Next::Again;
        }
        self.complete &= !unseen;
        Next::Enough
    }

    /// Lets the next pass give another answer where this one gave its last.
    fn try_another_answer(&mut self) -> bool {
        let Some((place, answers)) = self.last_answer else {
            return false;
        };
        let tried = self.tries.entry(place).or_insert(0);
        *tried += 1;
        *tried < answers
    }

    /// The whole description. The outermost frame is the last pass's; every pass writes the same there.
    fn text(&self) -> String {
        let mut text = self.frames[0].body.clone();
        for (number, definition) in self.definitions.iter().enumerate() {
            write!(text, "\n#{number} = {}", definition.head).expect("a string takes all");
            for way in &definition.ways {
                let body = way.seen.as_ref().map_or("?", |seen| &seen.body);
                write!(text, "\n  {:?}: {body}", way.name).expect("a string takes all");
            }
        }
        text
    }

    /// What is read of every enum and struct.
    fn read(&self) -> Arc<[Read]> {
        let read = |definition: &Definition| {
            let variants = definition.ways.iter().map(|way| (way.name, way.parts)).collect();
            Some(Read { name: definition.name?, variants })
        };
        self.definitions.iter().filter_map(read).collect()
    }

    /// Takes down how many parts are asked for in what is being followed.
    fn parts(&mut self, parts: usize) {
        let frame = self.frames.last().expect("the outermost frame stays");
        if let Some(definition) = self.definitions.get_mut(frame.definition) {
            definition.ways[frame.way].parts = Some(parts);
        }
    }

    /// Writes into the description of what is being followed.
    fn note(&mut self, text: impl Display) {
        let frame = self.frames.last_mut().expect("the outermost frame stays");
        write!(frame.body, "{text} ").expect("a string takes all");
    }

    /// Which of `answers` plausible answers to give here.
    fn answer(&mut self, answers: usize) -> usize {
        let frame = self.frames.last_mut().expect("the outermost frame stays");
        let place = (frame.definition, frame.way, frame.answers);
        frame.answers += 1;
        self.last_answer = Some((place, answers));
        self.tries.get(&place).copied().unwrap_or(0).min(answers - 1)
    }

    /// Gives up what was entered and not left: as much of it as was seen stays.
    fn abandon_down_to(&mut self, depth: usize) {
        for frame in self.frames.split_off(depth) {
            self.complete = false;
            if frame.recorded {
                self.progress = true;
                self.record(frame, None);
            }
        }
    }

    /// The number of a definition, made if it is new, noted where it is used.
    fn define<V>(
        &mut self,
        name: Option<&'static str>,
        head: String,
        ways: &[&'static str],
    ) -> usize {
        // The name of the Rust type only tells definitions apart; it is not part of the description.
        let identity = format!("{head}{ways:?}{}", type_name::<V>());
        let number = *self.numbers.entry(identity).or_insert(self.definitions.len());
        if number == self.definitions.len() {
            let ways = ways.iter().map(|name| Way { name, parts: None, seen: None }).collect();
            // Lists, maps and options have no name, and nothing else has none.
            self.definitions.push(Definition { name, head, ways, optional: name.is_none() });
        }
        self.note(format_args!("#{number}"));
        self.frames.last_mut().expect("the outermost frame stays").children.push(number);
        number
    }

    /// Which way of a definition to follow now, and follows it; `None`: give the answer "nothing".
    fn enter(&mut self, number: usize) -> Result<Option<usize>, Refused> {
        let mut way = self.choose(number)?;
        if self.definitions[number].optional {
            // Some lists must not be empty.
            let something = self.answer(2) == 1 && !self.follows(number, 0);
            way = way.or(something.then_some(0));
        }
        if let Some(way) = way {
            let recorded =
                self.definitions[number].ways[way].seen.is_none() && !self.follows(number, way);
            self.frames.push(Frame::new(number, way, recorded));
        }
        Ok(way)
    }

    /// Ends what `enter` began when there were `depth` frames. What was entered since and not left was refused, and
    /// the refusal swallowed.
    fn leave(&mut self, depth: usize) {
        self.abandon_down_to(depth + 1);
        let frame = self.frames.pop().expect("entered before");
        if frame.recorded {
            self.progress = true;
            let finished = self.finished;
            self.finished += 1;
            self.record(frame, Some(finished));
        }
    }

    fn record(&mut self, frame: Frame, finished: Option<usize>) {
        let Frame { definition, way, body, children, .. } = frame;
        self.definitions[definition].ways[way].seen = Some(Seen { body, children, finished });
    }

    fn choose(&self, number: usize) -> Result<Option<usize>, Refused> {
        let definition = &self.definitions[number];
        let ways = || 0..definition.ways.len();
        let idle = |way: &usize| !self.follows(number, *way);
        if let Some(unseen) = ways().filter(idle).find(|way| definition.ways[*way].seen.is_none()) {
            return Ok(Some(unseen));
        }
        if let Some(open) = ways().filter(idle).find(|way| self.leads_to_unseen(number, *way)) {
            return Ok(Some(open));
        }
        if definition.optional {
            return Ok(None);
        }
        let finished =
            |way: &usize| definition.ways[*way].seen.as_ref().and_then(|seen| seen.finished);
        let earliest = ways().filter(|way| finished(way).is_some()).min_by_key(finished);
        // A struct inside itself, not finished yet: an option or a list on the way down will be its end.
        let only = (definition.ways.len() == 1).then_some(0);
        earliest.or(only).map(Some).ok_or(Refused)
    }

    /// Whether a way is being followed.
    fn follows(&self, definition: usize, way: usize) -> bool {
        self.frames.iter().any(|frame| frame.definition == definition && frame.way == way)
    }

    /// Whether something unseen can be reached by a way.
    fn leads_to_unseen(&self, definition: usize, way: usize) -> bool {
        let children = |definition: usize, way: usize| {
            let seen = self.definitions[definition].ways[way].seen.as_ref();
            seen.filter(|seen| seen.finished.is_some()).map_or(&[][..], |seen| &seen.children)
        };
        let mut reached = vec![false; self.definitions.len()];
        let mut next = children(definition, way).to_vec();
        while let Some(number) = next.pop() {
            if std::mem::replace(&mut reached[number], true) {
                continue;
            }
            for way in 0..self.definitions[number].ways.len() {
                if self.follows(number, way) {
                    continue;
                }
                if self.definitions[number].ways[way].seen.is_none() {
                    return true;
                }
                next.extend_from_slice(children(number, way));
            }
        }
        false
    }
}

impl Frame {
    fn new(definition: usize, way: usize, recorded: bool) -> Self {
        Self { definition, way, recorded, body: String::new(), children: Vec::new(), answers: 0 }
    }
}

/// The end of a pass: the type refused an answer, or the search was given up.
#[derive(Debug)]
struct Refused;

impl Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer of the probe was refused")
    }
}

impl std::error::Error for Refused {}

impl de::Error for Refused {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

/// Texts that types accept which check what they read: times, addresses, numbers, versions, identifiers.
const TEXTS: &[&str] = &[
    "",
    "1",
    "a",
    "1970-01-01T00:00:00Z",
    "1970-01-01T00:00:00",
    "1970-01-01",
    "00:00:00",
    "UTC",
    "127.0.0.1",
    "127.0.0.1:80",
    "::1",
    "1.0.0",
    "http://a/",
    "00000000-0000-0000-0000-000000000000",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "true",
    "1s",
    "AAAA",
];

/// Lengths of byte strings that types accept which check what they read.
const BYTE_LENGTHS: &[usize] = &[0, 1, 4, 8, 12, 16, 20, 24, 32, 48, 64];

static ZEROS: [u8; 64] = [0; 64];

/// Answers one question.
struct Probe<'a> {
    notes: &'a mut Notes,
    depth: usize,
}

impl Probe<'_> {
    /// For a question within this one.
    fn inner(&mut self) -> Probe<'_> {
        Probe { notes: self.notes, depth: self.depth + 1 }
    }

    /// Counts a question and notes it; too many, or too deep, end the search.
    fn question(&mut self) -> Result<(), Refused> {
        self.notes.questions += 1;
        if self.notes.questions > MAX_QUESTIONS || self.depth > MAX_DEPTH {
            self.notes.exhausted = true;
            return Err(Refused);
        }
        Ok(())
    }

    /// Hands the probe to what is inside, and sees whether it is content.
    fn inside<'de, S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Refused> {
        let result = seed.deserialize(self.inner());
        self.notes.refused |= result.is_err();
        result
    }
}

/// Methods for numbers: 1, which is a valid number of most things, then others.
macro_rules! numbers {
    ($($method:ident $kind:literal $visit:ident [$($answer:expr),+];)*) => {$(
        fn $method<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
            self.question()?;
            self.notes.note($kind);
            let answers = [$($answer),+];
            visitor.$visit(answers[self.notes.answer(answers.len())])
        }
    )*};
}

/// Methods for text, which differ in their kind alone.
macro_rules! texts {
    ($($method:ident $kind:literal;)*) => {$(
        fn $method<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
            self.question()?;
            self.notes.note($kind);
            visitor.visit_borrowed_str(TEXTS[self.notes.answer(TEXTS.len())])
        }
    )*};
}

/// Methods for bytes, which differ in their kind alone.
macro_rules! bytes {
    ($($method:ident $kind:literal;)*) => {$(
        fn $method<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
            self.question()?;
            self.notes.note($kind);
            let len = BYTE_LENGTHS[self.notes.answer(BYTE_LENGTHS.len())];
            visitor.visit_borrowed_bytes(&ZEROS[..len])
        }
    )*};
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Refused;

    numbers! {
        deserialize_bool "bool" visit_bool [false, true];
        deserialize_i8 "i8" visit_i8 [1, 0, 2, -1];
        deserialize_i16 "i16" visit_i16 [1, 0, 2, -1, 1000];
        deserialize_i32 "i32" visit_i32 [1, 0, 2, -1, 1000];
        deserialize_i64 "i64" visit_i64 [1, 0, 2, -1, 1000];
        deserialize_i128 "i128" visit_i128 [1, 0, 2, -1, 1000];
        deserialize_u8 "u8" visit_u8 [1, 0, 2, 100];
        deserialize_u16 "u16" visit_u16 [1, 0, 2, 1000];
        deserialize_u32 "u32" visit_u32 [1, 0, 2, 1000];
        deserialize_u64 "u64" visit_u64 [1, 0, 2, 1000];
        deserialize_u128 "u128" visit_u128 [1, 0, 2, 1000];
        deserialize_f32 "f32" visit_f32 [1.0, 0.0, 0.5, -1.0];
        deserialize_f64 "f64" visit_f64 [1.0, 0.0, 0.5, -1.0];
        deserialize_char "char" visit_char ['a', '0', ' '];
    }

    texts! {
        deserialize_str "str";
        deserialize_string "str";
        deserialize_identifier "identifier";
    }

    bytes! {
        deserialize_bytes "bytes";
        deserialize_byte_buf "bytes";
    }

    fn is_human_readable(&self) -> bool {
        self.notes.readers == Readers::People
    }

    fn deserialize_any<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.question()?;
        self.notes.note("any");
        self.notes.complete = false;
        match self.notes.answer(7) {
            0 => visitor.visit_unit(),
            1 => visitor.visit_borrowed_str("a"),
            2 => visitor.visit_u64(1),
            3 => visitor.visit_bool(false),
            4 => visitor.visit_f64(1.0),
            5 => visitor.visit_seq(Parts { probe: self, left: 0 }),
            _ => visitor.visit_map(Entries { probe: self, left: 0 }),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.question()?;
        let number = self.notes.define::<V::Value>(None, "option".into(), &["some"]);
        let depth = self.notes.frames.len();
        match self.notes.enter(number)? {
            None => visitor.visit_none(),
            Some(_) => {
                let value = visitor.visit_some(self.inner())?;
                self.notes.leave(depth);
                Ok(value)
            }
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.question()?;
        self.notes.note("unit");
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.question()?;
        self.notes.note(format_args!("unit-struct {name:?}"));
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.question()?;
        self.notes.note(format_args!("newtype {name:?}"));
        self.notes.files |= is_file(name);
        visitor.visit_newtype_struct(self.inner())
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.question()?;
        let number = self.notes.define::<V::Value>(None, "seq".into(), &["element"]);
        let depth = self.notes.frames.len();
        match self.notes.enter(number)? {
            None => visitor.visit_seq(Parts { probe: self, left: 0 }),
            Some(_) => {
                let value = visitor.visit_seq(Parts { probe: self.inner(), left: 1 })?;
                self.notes.leave(depth);
                Ok(value)
            }
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        mut self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.question()?;
        self.notes.note(format_args!("tuple {len} ("));
        let value = visitor.visit_seq(Parts { probe: self.inner(), left: len })?;
        self.notes.note(")");
        Ok(value)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.question()?;
        let head = format!("tuple-struct {name:?} {len}");
        let number = self.notes.define::<V::Value>(Some(name), head, &[FIELDS]);
        let depth = self.notes.frames.len();
        self.notes.enter(number)?;
        self.notes.parts(len);
        let value = visitor.visit_seq(Parts { probe: self.inner(), left: len })?;
        self.notes.leave(depth);
        Ok(value)
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Refused> {
        self.question()?;
        let number = self.notes.define::<V::Value>(None, "map".into(), &["entry"]);
        let depth = self.notes.frames.len();
        match self.notes.enter(number)? {
            None => visitor.visit_map(Entries { probe: self, left: 0 }),
            Some(_) => {
                let value = visitor.visit_map(Entries { probe: self.inner(), left: 1 })?;
                self.notes.leave(depth);
                Ok(value)
            }
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.question()?;
        self.notes.files |= is_file(name);
        let head = format!("struct {name:?} {fields:?}");
        let number = self.notes.define::<V::Value>(Some(name), head, &[FIELDS]);
        let depth = self.notes.frames.len();
        self.notes.enter(number)?;
        self.notes.parts(fields.len());
        let value = visitor.visit_seq(Parts { probe: self.inner(), left: fields.len() })?;
        self.notes.leave(depth);
        Ok(value)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.question()?;
        let number = self.notes.define::<V::Value>(Some(name), format!("enum {name:?}"), variants);
        let depth = self.notes.frames.len();
        let way = self.notes.enter(number)?.ok_or(Refused)?;
        let value = visitor.visit_enum(Variant { probe: self.inner(), name: variants[way] })?;
        self.notes.leave(depth);
        Ok(value)
    }
}

/// Hands out parts, so long as there are any left.
struct Parts<'a> {
    probe: Probe<'a>,
    left: usize,
}

impl<'de> SeqAccess<'de> for Parts<'_> {
    type Error = Refused;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Refused> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.probe.inside(seed).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// Hands out entries, so long as there are any left.
struct Entries<'a> {
    probe: Probe<'a>,
    left: usize,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Refused;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Refused> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        self.probe.inside(seed).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Refused> {
        self.probe.inside(seed)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left)
    }
}

/// Hands out one variant.
struct Variant<'a> {
    probe: Probe<'a>,
    name: &'static str,
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = Refused;
    type Variant = Probe<'a>;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Probe<'a>), Refused> {
        let name = BorrowedStrDeserializer::<Refused>::new(self.name);
        Ok((seed.deserialize(name)?, self.probe))
    }
}

impl<'de> VariantAccess<'de> for Probe<'_> {
    type Error = Refused;

    fn unit_variant(self) -> Result<(), Refused> {
        self.notes.parts(0);
        self.notes.note("unit");
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(
        mut self,
        seed: T,
    ) -> Result<T::Value, Refused> {
        self.notes.parts(1);
        self.notes.note("newtype");
        self.inside(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(
        mut self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.notes.parts(len);
        self.notes.note(format_args!("tuple {len}"));
        visitor.visit_seq(Parts { probe: self.inner(), left: len })
    }

    fn struct_variant<V: Visitor<'de>>(
        mut self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.notes.parts(fields.len());
        self.notes.note(format_args!("struct {fields:?}"));
        visitor.visit_seq(Parts { probe: self.inner(), left: fields.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    enum Way {
        _First,
        _Second,
        _Third,
    }

    #[test]
    fn a_type_that_takes_too_many_passes_is_given_up_on() {
        let after = |passes| look::<Way>(Notes { passes, ..Notes::new(Readers::Machines) });
        assert!(after(0).complete);
        assert!(after(MAX_PASSES - 3).complete);
        assert!(!after(MAX_PASSES - 2).complete);
    }
}
