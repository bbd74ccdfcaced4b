//! The normal form of a function, and the fingerprint made of it.
//!
//! The function is parsed, what does not count is taken out of the tree (documentation, visibility, trailing
//! separators; comments and white space are not even in it), and what is left is walked piece by piece into BLAKE3, each
//! piece with a tag for its kind and with its length before its text. Text of whole streams is never used: how a stream
//! prints differs between compilers.
//!
//! The tokens of macro calls are taken as they are, since a macro may see any difference, but for the macros of the
//! standard library that take plain expressions.
//!
//! What the function reaches (helpers, constants, types) is hashed with the same walk.

use proc_macro2::{Delimiter, Punct, Spacing, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Expr, ItemFn, Path, Token, Visibility};

/// The first bytes of every fingerprint; a new normal form gets a new number, here and below.
const DOMAIN: &[u8] = b"daglite function v2\0";

/// The first bytes of an item's digest.
const ITEM_DOMAIN: &[u8] = b"daglite item v2\0";

/// The first bytes of the digest of an impl's item.
const IMPL_ITEM_DOMAIN: &[u8] = b"daglite impl item v2\0";

/// The first bytes of the digest of a trait's item.
const TRAIT_ITEM_DOMAIN: &[u8] = b"daglite trait item v2\0";

/// The first bytes of the digest of loose tokens.
const TOKENS_DOMAIN: &[u8] = b"daglite tokens v2\0";

/// The fingerprint of `function` and of the functions that hash its arguments.
///
/// ```
/// use daglite_fingerprint::canonical::fingerprint;
///
/// let written = syn::parse_str("fn twice(n: u64) -> u64 { 2 * n }").unwrap();
/// let formatted = syn::parse_str("/// Doubles.\npub fn twice(\n    n: u64,\n) -> u64 { 2*n }").unwrap();
/// assert_eq!(fingerprint(&written, &[]), fingerprint(&formatted, &[]));
/// ```
pub fn fingerprint(function: &ItemFn, hash_functions: &[&Path]) -> [u8; 32] {
    let mut function = function.clone();
    Normalise::default().visit_item_fn_mut(&mut function);
    let mut hasher = blake3::Hasher::new();
    hasher.update(DOMAIN);
    walk(function.into_token_stream(), &mut hasher);
    for path in hash_functions {
        let mut path = (*path).clone();
        Normalise::default().visit_path_mut(&mut path);
        write(Tag::HashFunction, "", &mut hasher);
        walk(path.into_token_stream(), &mut hasher);
    }
    *hasher.finalize().as_bytes()
}

/// The digest of any item's normal form: a type, an impl, a trait, a constant, a macro, a module, an import.
///
/// ```
/// use daglite_fingerprint::canonical::item_digest;
///
/// let written = syn::parse_str("struct Point { x: u8, y: u8 }").unwrap();
/// let formatted = syn::parse_str("/// A place.\npub struct Point {\n    x: u8,\n    y: u8,\n}").unwrap();
/// assert_eq!(item_digest(&written), item_digest(&formatted));
/// ```
pub fn item_digest(item: &syn::Item) -> [u8; 32] {
    let mut item = item.clone();
    Normalise::default().visit_item_mut(&mut item);
    digest(ITEM_DOMAIN, item.into_token_stream())
}

/// The digest of the normal form of one item of an impl.
///
/// ```
/// use daglite_fingerprint::canonical::impl_item_digest;
///
/// let written = syn::parse_str("fn x(&self) -> u8 { self.x }").unwrap();
/// let formatted = syn::parse_str("/// The place.\npub fn x(&self,) -> u8 {\n    self.x\n}").unwrap();
/// assert_eq!(impl_item_digest(&written), impl_item_digest(&formatted));
/// ```
pub fn impl_item_digest(item: &syn::ImplItem) -> [u8; 32] {
    let mut item = item.clone();
    Normalise::default().visit_impl_item_mut(&mut item);
    digest(IMPL_ITEM_DOMAIN, item.into_token_stream())
}

/// The digest of the normal form of one item of a trait.
///
/// ```
/// use daglite_fingerprint::canonical::trait_item_digest;
///
/// let written = syn::parse_str("fn x(&self) -> u8;").unwrap();
/// let formatted = syn::parse_str("/// The place.\nfn x(\n    &self,\n) -> u8;").unwrap();
/// assert_eq!(trait_item_digest(&written), trait_item_digest(&formatted));
/// ```
pub fn trait_item_digest(item: &syn::TraitItem) -> [u8; 32] {
    let mut item = item.clone();
    Normalise::default().visit_trait_item_mut(&mut item);
    digest(TRAIT_ITEM_DOMAIN, item.into_token_stream())
}

/// The digest of tokens that are no item: every token counts, and white space and comments do not.
///
/// ```
/// use daglite_fingerprint::canonical::tokens_digest;
///
/// let digest = |text: &str| tokens_digest(text.parse().unwrap());
/// assert_eq!(digest("a+b"), digest("a + b // The sum."));
/// assert_ne!(digest("a+b"), digest("a+b,"));
/// ```
pub fn tokens_digest(tokens: TokenStream) -> [u8; 32] {
    digest(TOKENS_DOMAIN, tokens)
}

/// The digest of a stream under a domain.
fn digest(domain: &[u8], stream: TokenStream) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(domain);
    walk(stream, &mut hasher);
    *hasher.finalize().as_bytes()
}

/// What a piece is.
#[derive(Clone, Copy)]
enum Tag {
    /// A name or a keyword.
    Ident = 1,
    /// A literal, as written.
    Literal = 2,
    /// An operator or another sign.
    Sign = 3,
    /// The start of a group; the text says of which kind.
    Open = 4,
    /// The end of a group.
    Close = 5,
    /// The path of a hash function follows.
    HashFunction = 6,
}

fn write(tag: Tag, text: &str, hasher: &mut blake3::Hasher) {
    hasher.update(&[tag as u8]);
    hasher.update(&(text.len() as u64).to_le_bytes());
    hasher.update(text.as_bytes());
}

/// Writes every token of the stream.
fn walk(stream: TokenStream, hasher: &mut blake3::Hasher) {
    let mut tokens = stream.into_iter().peekable();
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Ident(ident) => write(Tag::Ident, &ident.to_string(), hasher),
            TokenTree::Literal(literal) => write(Tag::Literal, &literal.to_string(), hasher),
            TokenTree::Group(group) => {
                let kind = match group.delimiter() {
                    Delimiter::Parenthesis => "(",
                    Delimiter::Brace => "{",
                    Delimiter::Bracket => "[",
                    Delimiter::None => "",
                };
                write(Tag::Open, kind, hasher);
                walk(group.stream(), hasher);
                write(Tag::Close, "", hasher);
            }
            TokenTree::Punct(first) => {
                let mut sign = String::from(first.as_char());
                let mut joint = first.spacing() == Spacing::Joint;
                // Signs belong together only where Rust has such an operator: the white space in `x = -1` says nothing.
                while let Some(TokenTree::Punct(next)) = tokens.peek() {
                    if !joint || !is_operator(&sign, next) {
                        break;
                    }
                    sign.push(next.as_char());
                    joint = next.spacing() == Spacing::Joint;
                    tokens.next();
                }
                write(Tag::Sign, &sign, hasher);
            }
        }
    }
}

/// The operators of more than one sign.
///
/// `<-` is one for macros alone.
const OPERATORS: [&str; 25] = [
    "&&", "||", "<<", ">>", "+=", "-=", "*=", "/=", "%=", "^=", "&=", "|=", "==", "!=", ">=", "<=",
    "..", "::", "->", "=>", "<<=", ">>=", "...", "..=", "<-",
];

fn is_operator(start: &str, next: &Punct) -> bool {
    let sign = format!("{start}{}", next.as_char());
    OPERATORS.contains(&sign.as_str())
}

/// Takes out of a tree what does not count.
#[derive(Default)]
struct Normalise {
    /// Whether we are in a module, where visibility counts.
    in_module: bool,
    /// Whether we are in a type with derives, where documentation counts.
    in_derived: bool,
}

/// Drops the trailing separator of some lists of a node, then goes on into the node.
macro_rules! trim {
    ($($method:ident($node:ident): $($list:ident)|+;)+) => {
        $(
            fn $method(&mut self, node: &mut syn::$node) {
                $(node.$list.pop_punct();)+
                visit_mut::$method(self, node);
            }
        )+
    };
}

impl VisitMut for Normalise {
    trim! {
        visit_angle_bracketed_generic_arguments_mut(AngleBracketedGenericArguments): args;
        visit_bound_lifetimes_mut(BoundLifetimes): lifetimes;
        visit_constraint_mut(Constraint): bounds;
        visit_expr_array_mut(ExprArray): elems;
        visit_expr_call_mut(ExprCall): args;
        visit_expr_closure_mut(ExprClosure): inputs;
        visit_expr_method_call_mut(ExprMethodCall): args;
        visit_expr_struct_mut(ExprStruct): fields;
        visit_expr_tuple_mut(ExprTuple): elems;
        visit_fields_named_mut(FieldsNamed): named;
        visit_fields_unnamed_mut(FieldsUnnamed): unnamed;
        visit_generics_mut(Generics): params;
        visit_item_enum_mut(ItemEnum): variants;
        visit_item_trait_mut(ItemTrait): supertraits;
        visit_lifetime_param_mut(LifetimeParam): bounds;
        visit_parenthesized_generic_arguments_mut(ParenthesizedGenericArguments): inputs;
        visit_pat_slice_mut(PatSlice): elems;
        visit_pat_struct_mut(PatStruct): fields;
        visit_pat_tuple_mut(PatTuple): elems;
        visit_pat_tuple_struct_mut(PatTupleStruct): elems;
        visit_precise_capture_mut(PreciseCapture): params;
        visit_predicate_lifetime_mut(PredicateLifetime): bounds;
        visit_predicate_type_mut(PredicateType): bounds;
        visit_signature_mut(Signature): inputs;
        visit_trait_item_type_mut(TraitItemType): bounds;
        visit_type_fn_ptr_mut(TypeFnPtr): inputs;
        visit_type_impl_trait_mut(TypeImplTrait): bounds;
        visit_type_param_mut(TypeParam): bounds;
        visit_type_trait_object_mut(TypeTraitObject): bounds;
        visit_type_tuple_mut(TypeTuple): elems;
        visit_use_group_mut(UseGroup): items;
        visit_where_clause_mut(WhereClause): predicates;
    }

    fn visit_attributes_mut(&mut self, attributes: &mut Vec<Attribute>) {
        if !self.in_derived {
            attributes.retain(|attribute| !attribute.path().is_ident("doc"));
        }
        for attribute in attributes {
            self.visit_attribute_mut(attribute);
        }
    }

    fn visit_visibility_mut(&mut self, visibility: &mut Visibility) {
        if !self.in_module {
            *visibility = Visibility::Inherited;
        }
    }

    fn visit_item_mod_mut(&mut self, module: &mut syn::ItemMod) {
        // What a glob import or a method call finds depends on what can be seen from outside the module.
        let outer = std::mem::replace(&mut self.in_module, true);
        visit_mut::visit_item_mod_mut(self, module);
        self.in_module = outer;
    }

    fn visit_item_mut(&mut self, item: &mut syn::Item) {
        let attributes = match &*item {
            syn::Item::Struct(item) => &item.attrs,
            syn::Item::Enum(item) => &item.attrs,
            syn::Item::Union(item) => &item.attrs,
            _ => return visit_mut::visit_item_mut(self, item),
        };
        // Derives see documentation, and some make code of it.
        let derived = attributes.iter().any(|attribute| attribute.path().is_ident("derive"));
        let outer = std::mem::replace(&mut self.in_derived, derived);
        visit_mut::visit_item_mut(self, item);
        self.in_derived = outer;
    }

    fn visit_arm_mut(&mut self, arm: &mut syn::Arm) {
        // Printing puts a comma where one is needed.
        arm.comma = None;
        visit_mut::visit_arm_mut(self, arm);
    }

    fn visit_macro_mut(&mut self, call: &mut syn::Macro) {
        visit_mut::visit_macro_mut(self, call);
        let mut names = call.path.segments.iter().map(|segment| &segment.ident);
        let plain = |name: &syn::Ident| PLAIN_MACROS.iter().any(|plain| name == plain);
        let is_plain = match (names.next(), names.next(), names.next()) {
            (Some(name), None, _) => plain(name),
            (Some(root), Some(name), None) => {
                ["std", "core", "alloc"].iter().any(|library| root == library) && plain(name)
            }
            _ => false,
        };
        if !is_plain {
            return;
        }
        let arguments = Punctuated::<Expr, Token![,]>::parse_terminated;
        if let Ok(mut arguments) = arguments.parse2(call.tokens.clone()) {
            arguments.pop_punct();
            for argument in &mut arguments {
                self.visit_expr_mut(argument);
            }
            call.tokens = arguments.into_token_stream();
        }
    }
}

/// The macros of the standard library whose arguments are expressions, so that a trailing comma says nothing.
const PLAIN_MACROS: [&str; 20] = [
    "assert",
    "assert_eq",
    "assert_ne",
    "dbg",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "eprint",
    "eprintln",
    "format",
    "format_args",
    "panic",
    "print",
    "println",
    "todo",
    "unimplemented",
    "unreachable",
    "vec",
    "write",
    "writeln",
];
