//! Finds the items of a source file, and what their heads say, without parsing their bodies.

use super::lexer::{Kind, Token, tokens};
use super::use_tree::{Import, imports};

/// An item, or a member of an impl or a trait.
#[derive(Debug)]
pub(crate) struct Skimmed {
    /// What it is.
    pub(crate) what: What,
    /// Its name, if it has one.
    pub(crate) name: Option<String>,
    /// Its bytes in the file, attributes included.
    pub(crate) start: usize,
    /// The byte after its last.
    pub(crate) end: usize,
    /// The bytes of its attributes.
    pub(crate) attributes: Vec<(usize, usize)>,
    /// Whether it is there under some configurations only.
    pub(crate) conditional: bool,
    /// Whether impls stand in its body.
    pub(crate) has_impls: bool,
}

/// What an item is.
#[derive(Debug)]
pub(crate) enum What {
    /// A function.
    Function,
    /// A struct or a union.
    Struct,
    /// An enum, with the names of its variants.
    Enum(Vec<String>),
    /// A constant.
    Constant,
    /// A static.
    Static,
    /// A type alias, with the paths that it stands for; as a member: an associated type.
    Alias(Vec<Vec<String>>),
    /// A trait: where its head ends, and its members.
    Trait(usize, Vec<Skimmed>),
    /// An impl: its head, and its members.
    Impl(ImplHead, Vec<Skimmed>),
    /// `macro_rules!` or `macro`.
    Macro,
    /// The call of a macro in the place of an item: the path of the macro.
    Call(Vec<String>),
    /// A block of foreign functions and statics, with their names.
    Foreign(Vec<String>),
    /// A module: its items, or `None` if they are in another file, and what `#[path]` says.
    Module(Option<Vec<Skimmed>>, Vec<String>),
    /// A `use` declaration.
    Use(Vec<Import>),
    /// `extern crate name as alias`.
    ExternCrate(String),
}

/// What the head of an impl says.
#[derive(Debug)]
pub(crate) struct ImplHead {
    /// The byte after the head: where the members open.
    pub(crate) end: usize,
    /// The path of the trait, without its arguments.
    pub(crate) of_trait: Option<Vec<String>>,
    /// The paths in the arguments of the trait.
    pub(crate) trait_arguments: Vec<Vec<String>>,
    /// The paths in the type, its generic parameters left out.
    pub(crate) types: Vec<Vec<String>>,
    /// Whether the type may be any type: a projection or a macro.
    pub(crate) is_open: bool,
}

/// The items of a file; `None` if it is no Rust that we understand.
pub(crate) fn items(text: &str) -> Option<Vec<Skimmed>> {
    let tokens = tokens(text)?;
    let skimmer = Skimmer { text, tokens: &tokens };
    skimmer.items(0, tokens.len())
}

/// Text with its tokens.
struct Skimmer<'a> {
    text: &'a str,
    tokens: &'a [Token],
}

/// What stands before an item's keyword.
#[derive(Default)]
struct Before {
    attributes: Vec<(usize, usize)>,
    paths: Vec<String>,
    conditional: bool,
}

impl<'a> Skimmer<'a> {
    /// What stands at a place.
    fn kind(&self, at: usize) -> Option<Kind> {
        self.tokens.get(at).map(|token| token.kind)
    }

    /// Whether a sign stands at a place.
    fn sign(&self, at: usize, sign: u8) -> bool {
        self.kind(at) == Some(Kind::Sign(sign))
    }

    /// Whether a bracket opens at a place.
    fn open(&self, at: usize, bracket: u8) -> bool {
        self.kind(at) == Some(Kind::Open(bracket))
    }

    /// The word at a place; empty if there is none.
    fn word(&self, at: usize) -> &'a str {
        match self.tokens.get(at) {
            Some(token) if token.kind == Kind::Ident => {
                &self.text[token.start as usize..token.end as usize]
            }
            _ => "",
        }
    }

    /// The name at a place, without `r#`.
    fn name(&self, at: usize) -> Option<String> {
        let word = self.word(at);
        (!word.is_empty()).then(|| word.strip_prefix("r#").unwrap_or(word).to_string())
    }

    /// The place where a group ends.
    fn partner(&self, open: usize) -> usize {
        self.tokens[open].partner as usize
    }

    /// The items between two tokens.
    fn items(&self, mut at: usize, end: usize) -> Option<Vec<Skimmed>> {
        let mut items = Vec::new();
        while at < end {
            if self.sign(at, b';') {
                at += 1;
            } else if self.sign(at, b'#') && self.sign(at + 1, b'!') && self.open(at + 2, b'[') {
                at = self.partner(at + 2) + 1;
            } else {
                let (item, after) = self.item(at, end)?;
                items.extend(item);
                at = after;
            }
        }
        Some(items)
    }

    /// The attributes and the visibility at `at`, and where they end.
    fn before(&self, mut at: usize) -> (Before, usize) {
        let mut before = Before::default();
        while self.sign(at, b'#') && self.open(at + 1, b'[') {
            let close = self.partner(at + 1);
            before.attributes.push(self.bytes(at, close));
            let name = self.word(at + 2);
            before.conditional |= matches!(name, "cfg" | "cfg_attr");
            if matches!(name, "path" | "cfg_attr") {
                before.paths.extend(self.path_attributes(at + 2, close));
            }
            at = close + 1;
        }
        if self.word(at) == "pub" || self.word(at) == "crate" && !self.sign(at + 1, b':') {
            at += 1;
            let scoped = matches!(self.word(at + 1), "crate" | "self" | "super" | "in");
            if self.open(at, b'(') && scoped {
                at = self.partner(at) + 1;
            }
        }
        (before, at)
    }

    /// All `path = "…"` in an attribute.
    fn path_attributes(&self, start: usize, end: usize) -> Vec<String> {
        let is_path = |at: &usize| {
            self.word(*at) == "path"
                && self.sign(at + 1, b'=')
                && self.kind(at + 2) == Some(Kind::Text)
        };
        let value = |at: usize| {
            let token = self.tokens[at + 2];
            let literal = &self.text[token.start as usize..token.end as usize];
            syn::parse_str::<syn::LitStr>(literal).ok().map(|literal| literal.value())
        };
        (start..end).filter(is_path).filter_map(value).collect()
    }

    /// The first byte of a token, and the byte after another.
    fn bytes(&self, first: usize, last: usize) -> (usize, usize) {
        (self.tokens[first].start as usize, self.tokens[last].end as usize)
    }

    /// The item at `at`, and the token after it. No item: nothing that counts, as a stray attribute.
    fn item(&self, at: usize, end: usize) -> Option<(Option<Skimmed>, usize)> {
        let (before, mut here) = self.before(at);
        if here >= end {
            return Some((None, end));
        }
        here = self.modifiers(here);
        let (what, name, last) = match self.word(here) {
            "fn" => (What::Function, self.name(here + 1), self.end_of_head(here, end)?),
            "struct" => (What::Struct, self.name(here + 1), self.end_of_struct(here, end)?),
            "union" if self.kind(here + 1) == Some(Kind::Ident) => {
                (What::Struct, self.name(here + 1), self.end_of_struct(here, end)?)
            }
            "enum" => {
                let last = self.end_of_head(here, end)?;
                (What::Enum(self.variants(last)), self.name(here + 1), last)
            }
            "const" => (What::Constant, self.name(here + 1), self.semicolon(here, end)?),
            "static" => {
                let name = here + 1 + usize::from(self.word(here + 1) == "mut");
                (What::Static, self.name(name), self.semicolon(here, end)?)
            }
            "type" => {
                let last = self.semicolon(here, end)?;
                (What::Alias(self.paths(here + 2, last, &[])), self.name(here + 1), last)
            }
            "trait" => self.a_trait(here, end)?,
            "impl" => self.an_impl(here, end)?,
            "mod" => {
                let (items, last) = if self.open(here + 2, b'{') {
                    let close = self.partner(here + 2);
                    (Some(self.items(here + 3, close)?), close)
                } else {
                    (None, self.semicolon(here, end)?)
                };
                (What::Module(items, before.paths.clone()), self.name(here + 1), last)
            }
            "use" => {
                let last = self.semicolon(here, end)?;
                let tree = &self.tokens[here + 1..last];
                (What::Use(imports(self.text, tree, before.conditional)?), None, last)
            }
            "extern" => self.an_extern(here, end)?,
            "macro" if self.kind(here + 1) == Some(Kind::Ident) => {
                let body = (here..end).find(|&at| self.open(at, b'{'))?;
                (What::Macro, self.name(here + 1), self.partner(body))
            }
            _ => self.a_call(here, end)?,
        };
        let (start, stop) = self.bytes(at, last);
        let Before { attributes, conditional, .. } = before;
        let has_impls = matches!(what, What::Function | What::Constant | What::Static)
            && (here..last).any(|at| self.starts_an_impl(at));
        let item = Skimmed { what, name, start, end: stop, attributes, conditional, has_impls };
        Some((Some(item), last + 1))
    }

    /// Whether an impl starts here, and not a type `impl Trait`.
    fn starts_an_impl(&self, at: usize) -> bool {
        self.word(at) == "impl"
            && match self.tokens[at - 1].kind {
                Kind::Open(b'{') | Kind::Close | Kind::Sign(b';') => true,
                Kind::Ident => matches!(self.word(at - 1), "unsafe" | "default"),
                _ => false,
            }
    }

    /// Skips the words before the keyword of an item.
    fn modifiers(&self, mut at: usize) -> usize {
        loop {
            let next = self.word(at + 1);
            at += match self.word(at) {
                "unsafe" | "async" | "default" | "safe" | "auto" | "gen"
                    if !next.is_empty() || self.open(at + 1, b'{') =>
                {
                    1
                }
                "const"
                    if matches!(next, "fn" | "unsafe" | "async" | "extern" | "trait" | "impl") =>
                {
                    1
                }
                "extern" if next == "fn" => 1,
                "extern" if self.kind(at + 1) == Some(Kind::Text) && self.word(at + 2) == "fn" => 2,
                "extern"
                    if self.kind(at + 1) == Some(Kind::Text) && self.word(at + 2) == "unsafe" =>
                {
                    2
                }
                _ => return at,
            };
        }
    }

    /// The token that ends what starts at `at`: a semicolon, or the end of the first braces outside of `<…>`.
    fn end_of_head(&self, mut at: usize, end: usize) -> Option<usize> {
        let mut angles = 0_i32;
        while at < end {
            match self.tokens[at].kind {
                Kind::Sign(b'<') => angles += 1,
                Kind::Sign(b'>') if !self.is_arrow(at) => angles -= 1,
                Kind::Sign(b';') => return Some(at),
                Kind::Open(b'{') if angles <= 0 => return Some(self.partner(at)),
                Kind::Open(_) => at = self.partner(at),
                _ => {}
            }
            at += 1;
        }
        None
    }

    /// Whether the `>` at `at` is the end of `->` or `=>`.
    fn is_arrow(&self, at: usize) -> bool {
        at > 0
            && (self.sign(at - 1, b'-') || self.sign(at - 1, b'='))
            && self.tokens[at - 1].end == self.tokens[at].start
    }

    /// The token that ends a struct.
    fn end_of_struct(&self, at: usize, end: usize) -> Option<usize> {
        self.end_of_head(at, end)
    }

    /// The next semicolon outside of groups.
    fn semicolon(&self, mut at: usize, end: usize) -> Option<usize> {
        while at < end {
            match self.tokens[at].kind {
                Kind::Sign(b';') => return Some(at),
                Kind::Open(_) => at = self.partner(at),
                _ => {}
            }
            at += 1;
        }
        None
    }

    /// The names of the variants of an enum whose braces end at `close`.
    fn variants(&self, close: usize) -> Vec<String> {
        let is_it = |at: &usize| self.open(*at, b'{') && self.partner(*at) == close;
        let Some(open) = (0..close).rev().find(is_it) else { return Vec::new() };
        let mut names = Vec::new();
        let mut at = open + 1;
        while at < close {
            let (_, here) = self.before(at);
            names.extend(self.name(here));
            at = here;
            while at < close && !self.sign(at, b',') {
                at = if let Kind::Open(_) = self.tokens[at].kind { self.partner(at) } else { at }
                    + 1;
            }
            at += 1;
        }
        names
    }

    /// A trait, or the alias of one.
    fn a_trait(&self, at: usize, end: usize) -> Option<(What, Option<String>, usize)> {
        let name = self.name(at + 1);
        let last = self.end_of_head(at, end)?;
        if self.sign(last, b';') {
            return Some((What::Alias(self.paths(at + 2, last, &[])), name, last));
        }
        let open = self.opening(last)?;
        let head = self.tokens[open].start as usize;
        Some((What::Trait(head, self.items(open + 1, last)?), name, last))
    }

    /// The token that the group ending at `close` starts with.
    fn opening(&self, close: usize) -> Option<usize> {
        let is_it = |at: &usize| {
            matches!(self.tokens[*at].kind, Kind::Open(_)) && self.partner(*at) == close
        };
        (0..close).rev().find(is_it)
    }

    /// An impl.
    fn an_impl(&self, at: usize, end: usize) -> Option<(What, Option<String>, usize)> {
        let last = self.end_of_head(at, end)?;
        let open = self.opening(last)?;
        let mut here = at + 1;
        let mut generics = Vec::new();
        if self.sign(here, b'<') {
            let close = self.closing_angle(here, open)?;
            generics = self.generics(here + 1, close);
            here = close + 1;
        }
        while self.sign(here, b'!') || self.sign(here, b'?') || self.word(here) == "const" {
            here += 1;
        }
        let head_end =
            self.at_depth_zero(here, open, |at| self.word(at) == "where").unwrap_or(open);
        let is_for = |at: usize| self.word(at) == "for" && !self.sign(at + 1, b'<');
        let (trait_tokens, type_start) = match self.at_depth_zero(here, head_end, is_for) {
            Some(word) => (Some((here, word)), word + 1),
            None => (None, here),
        };
        let is_open =
            self.sign(type_start, b'<') || (type_start..head_end).any(|at| self.sign(at, b'!'));
        let mut head = ImplHead {
            end: self.tokens[open].start as usize,
            of_trait: None,
            trait_arguments: Vec::new(),
            types: self.paths(type_start, head_end, &generics),
            is_open,
        };
        if let Some((start, end)) = trait_tokens {
            let mut paths = self.paths(start, end, &[]).into_iter();
            head.of_trait = Some(paths.next()?);
            let arguments = paths.filter(|path| !(path.len() == 1 && generics.contains(&path[0])));
            head.trait_arguments = arguments.collect();
        }
        Some((What::Impl(head, self.items(open + 1, last)?), None, last))
    }

    /// The first token outside of `<…>` and groups for which `wanted` holds.
    fn at_depth_zero(
        &self,
        mut at: usize,
        end: usize,
        wanted: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let mut angles = 0_i32;
        while at < end {
            match self.tokens[at].kind {
                Kind::Sign(b'<') => angles += 1,
                Kind::Sign(b'>') if !self.is_arrow(at) => angles -= 1,
                Kind::Open(_) => at = self.partner(at),
                _ if angles == 0 && wanted(at) => return Some(at),
                _ => {}
            }
            at += 1;
        }
        None
    }

    /// The `>` that ends what a `<` starts.
    fn closing_angle(&self, open: usize, end: usize) -> Option<usize> {
        let mut angles = 0_i32;
        let mut at = open;
        while at < end {
            match self.tokens[at].kind {
                Kind::Sign(b'<') => angles += 1,
                Kind::Sign(b'>') if !self.is_arrow(at) => {
                    angles -= 1;
                    if angles == 0 {
                        return Some(at);
                    }
                }
                Kind::Open(_) => at = self.partner(at),
                _ => {}
            }
            at += 1;
        }
        None
    }

    /// The names of generic parameters.
    fn generics(&self, start: usize, end: usize) -> Vec<String> {
        let mut names = Vec::new();
        let mut angles = 0_i32;
        let mut expects = true;
        let mut at = start;
        while at < end {
            match self.tokens[at].kind {
                Kind::Sign(b'<') => angles += 1,
                Kind::Sign(b'>') if !self.is_arrow(at) => angles -= 1,
                Kind::Sign(b',') if angles == 0 => {
                    expects = true;
                    at += 1;
                    continue;
                }
                Kind::Sign(b'#') => {}
                Kind::Ident if expects && self.word(at) != "const" => {
                    names.extend(self.name(at));
                    expects = false;
                }
                Kind::Lifetime => expects = false,
                Kind::Open(_) => at = self.partner(at),
                _ => {}
            }
            at += 1;
        }
        names
    }

    /// All paths between two tokens, in groups too; `without` are names that are none.
    fn paths(&self, start: usize, end: usize, without: &[String]) -> Vec<Vec<String>> {
        let mut paths = Vec::new();
        let mut at = start;
        while at < end {
            let Some(first) = self.name(at) else {
                at += 1;
                continue;
            };
            at += 1;
            if is_word_of_types(&first) {
                continue;
            }
            let mut path = vec![first];
            while self.sign(at, b':') && self.sign(at + 1, b':') && at + 2 < end {
                let Some(next) = self.name(at + 2) else { break };
                path.push(next);
                at += 3;
            }
            if !without.contains(&path[0]) {
                paths.push(path);
            }
        }
        paths
    }

    /// `extern crate`, or a block of foreign items.
    fn an_extern(&self, at: usize, end: usize) -> Option<(What, Option<String>, usize)> {
        if self.word(at + 1) == "crate" {
            let last = self.semicolon(at, end)?;
            let name = self.name(at + 2)?;
            let alias = if self.word(at + 3) == "as" { self.name(at + 4) } else { None };
            return Some((What::ExternCrate(name.clone()), Some(alias.unwrap_or(name)), last));
        }
        let open = (at..end).find(|&at| self.open(at, b'{'))?;
        let last = self.partner(open);
        let declares = |at: &usize| matches!(self.word(*at), "fn" | "static" | "type" | "mut");
        let names = (open..last).filter(declares).filter_map(|at| self.name(at + 1)).collect();
        Some((What::Foreign(names), None, last))
    }

    /// `path::to::macro! { … }`, or the definition of a macro.
    fn a_call(&self, at: usize, end: usize) -> Option<(What, Option<String>, usize)> {
        let mut here = at;
        let mut path = Vec::new();
        loop {
            while self.sign(here, b':') || self.sign(here, b'$') {
                here += 1;
            }
            path.push(self.name(here)?);
            here += 1;
            if !self.sign(here, b':') {
                break;
            }
        }
        if !self.sign(here, b'!') {
            return None;
        }
        let name = self.name(here + 1);
        let group = here + 1 + usize::from(name.is_some());
        let Some(Kind::Open(bracket)) = self.kind(group) else { return None };
        let close = self.partner(group);
        let last = if bracket != b'{' && close + 1 < end && self.sign(close + 1, b';') {
            close + 1
        } else {
            close
        };
        match name {
            Some(name) if path.last().is_some_and(|last| last == "macro_rules") => {
                Some((What::Macro, Some(name), last))
            }
            _ => Some((What::Call(path), None, last)),
        }
    }
}

/// Whether a word between types is none.
fn is_word_of_types(word: &str) -> bool {
    matches!(
        word,
        "dyn"
            | "mut"
            | "const"
            | "as"
            | "impl"
            | "for"
            | "fn"
            | "where"
            | "unsafe"
            | "extern"
            | "_"
            | "ref"
    )
}
