//! The shapes of parameters and results that a task cannot have, each with what to write instead.

use proc_macro2::{Ident, Span};
use quote::ToTokens;
use syn::visit::{self, Visit};
use syn::{
    Error, FnArg, ItemFn, Lifetime, Pat, Path, Result, ReturnType, Type, TypeParamBound,
    TypeReference,
};

const DYN_PARAM: &str = "a trait object has no content that a key could stand for: write the concrete type, an enum of \
                         the types there are, or a generic parameter";
const FN_POINTER: &str = "a function pointer has no content that a key could stand for: pass a value, such as an enum, \
                          that says which function the body calls";
const CLOSURE: &str = "a closure has no content that a key could stand for: pass what it captures, and call a named \
                       function in the body";
const IMPL_PARAM: &str = "an `impl Trait` parameter has no name that a key could stand for: write the type, or a generic \
                          parameter such as `<T: Trait>`";
const IMPL_RESULT: &str = "a task returns a value of a type with a name: write the type, such as `Vec<T>` for an iterator";
const MUTABLE: &str = "a task cannot change its arguments, others may hold them: take the value, and return the changed one";
const INNER_REFERENCE: &str = "a task keeps its arguments as owned values: write one inside this type, such as `String` \
                               for `&str`";
const BORROWED_RESULT: &str = "a result outlives the call, so it cannot borrow: write an owned type, such as `String` \
                               for `&str`";
const STATIC_RESULT: &str = "a result may be read back from a store, into memory of its own: write an owned type, such as `String` \
                             for `&'static str`";
const NEVER: &str =
    "a task returns a value, `!` never does: write `()`, or what the function computes";
const INFERRED: &str = "a task needs to know its types: write this one";

/// The type inside parentheses and invisible groups.
pub(crate) fn peeled(ty: &Type) -> &Type {
    match ty {
        Type::Paren(inner) => peeled(&inner.elem),
        Type::Group(inner) => peeled(&inner.elem),
        other => other,
    }
}

/// The name that a parameter's pattern is.
pub(crate) fn param_name(pattern: &Pat) -> Result<Ident> {
    let message = match pattern {
        Pat::Ident(name) => match (&name.by_ref, &name.subpat) {
            (None, None) => return Ok(name.ident.clone()),
            (Some(by_ref), _) => {
                let message = format!(
                    "a parameter of a task is a plain name: write `{}`, and `&` in the type",
                    name.ident
                );
                return Err(Error::new(by_ref.span, message));
            }
            (None, Some(_)) => "a parameter of a task is a plain name: bind its parts in the body",
        },
        Pat::Wild(_) => "a parameter of a task needs a name: write one such as `_unused`",
        _ => {
            "a parameter of a task is a plain name: write one, and bind its parts in the body with `let`"
        }
    };
    Err(Error::new_spanned(pattern, message))
}

/// What is wrong with the type of a parameter `&T`.
pub(crate) fn lent_type(reference: &TypeReference) -> Vec<Error> {
    if let Some(word) = reference.mutability {
        return vec![Error::new(word.span, MUTABLE)];
    }
    if let Some(lifetime) = &reference.lifetime
        && lifetime.ident == "static"
    {
        let message =
            "the graph keeps the value and lends it for the call: write `&` without `'static`";
        return vec![Error::new(lifetime.span(), message)];
    }
    match peeled(&reference.elem) {
        Type::TraitObject(object) => vec![trait_object(object)],
        Type::Slice(slice) => Walk::parameter(&slice.elem),
        other => Walk::parameter(other),
    }
}

/// What is wrong with the type of a parameter that is no reference.
pub(crate) fn owned_type(ty: &Type) -> Vec<Error> {
    match peeled(ty) {
        Type::TraitObject(object) => vec![trait_object(object)],
        Type::Slice(slice) => {
            vec![Error::new_spanned(slice, "a slice has no size: write `&[T]` or `Vec<T>`")]
        }
        Type::Path(path) if path.path.is_ident("str") => {
            vec![Error::new_spanned(path, "`str` has no size: write `&str` or `String`")]
        }
        other => Walk::parameter(other),
    }
}

/// What is wrong with the type of a result.
pub(crate) fn result_type(ty: &Type) -> Vec<Error> {
    let mut walk = Walk { place: Place::Result, errors: Vec::new() };
    match peeled(ty) {
        Type::TraitObject(object) => {
            vec![Error::new_spanned(
                object,
                "a trait object has no size: write the type, or `Box<dyn Trait + Send + Sync>`",
            )]
        }
        other => {
            walk.visit_type(other);
            walk.errors
        }
    }
}

fn trait_object(object: &syn::TypeTraitObject) -> Error {
    let message = if object.bounds.iter().any(is_closure) { CLOSURE } else { DYN_PARAM };
    Error::new_spanned(object, message)
}

/// Whether a bound is one of the traits of closures.
fn is_closure(bound: &TypeParamBound) -> bool {
    let TypeParamBound::Trait(bound) = bound else {
        return false;
    };
    let name = bound.path.segments.last().map(|segment| segment.ident.to_string());
    matches!(
        name.as_deref(),
        Some("Fn" | "FnMut" | "FnOnce" | "AsyncFn" | "AsyncFnMut" | "AsyncFnOnce")
    )
}

/// Where a type stands.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    /// In a parameter.
    Parameter,
    /// In a result.
    Result,
}

fn is_static(reference: &TypeReference) -> bool {
    reference.mutability.is_none()
        && reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static")
}

/// Whether a parameter of this type is called in the body.
pub(crate) fn is_callable(ty: &Type) -> bool {
    match peeled(ty) {
        Type::ImplTrait(found) => found.bounds.iter().any(is_closure),
        Type::TraitObject(object) => object.bounds.iter().any(is_closure),
        Type::FnPtr(_) => true,
        Type::Reference(reference) => is_callable(&reference.elem),
        _ => false,
    }
}

/// Collects what is wrong inside a type.
struct Walk {
    place: Place,
    errors: Vec<Error>,
}

impl Walk {
    fn parameter(ty: &Type) -> Vec<Error> {
        let mut walk = Self { place: Place::Parameter, errors: Vec::new() };
        walk.visit_type(ty);
        walk.errors
    }

    fn refuse(&mut self, at: impl ToTokens, message: &str) {
        self.errors.push(Error::new_spanned(at, message));
    }
}

impl<'ast> Visit<'ast> for Walk {
    fn visit_type(&mut self, ty: &'ast Type) {
        match (ty, self.place) {
            (Type::ImplTrait(found), Place::Parameter) if found.bounds.iter().any(is_closure) => {
                self.refuse(found, CLOSURE);
            }
            (Type::ImplTrait(found), Place::Parameter) => self.refuse(found, IMPL_PARAM),
            (Type::ImplTrait(found), Place::Result) => self.refuse(found, IMPL_RESULT),
            (Type::FnPtr(found), Place::Parameter) => self.refuse(found, FN_POINTER),
            (Type::Reference(found), Place::Parameter) => self.refuse(found, INNER_REFERENCE),
            (Type::Reference(found), Place::Result) => {
                let message = if is_static(found) { STATIC_RESULT } else { BORROWED_RESULT };
                self.refuse(found, message);
            }
            (Type::Never(found), _) => self.refuse(found, NEVER),
            (Type::Infer(found), _) => self.refuse(found, INFERRED),
            // A boxed trait object or a function pointer in a result is for the compiler's check of the type: its bounds
            // may have references that are none of the value's.
            (Type::TraitObject(_) | Type::FnPtr(_), _) => {}
            (other, _) => visit::visit_type(self, other),
        }
    }

    fn visit_lifetime(&mut self, lifetime: &'ast Lifetime) {
        if lifetime.ident != "static" {
            let message =
                if self.place == Place::Parameter { INNER_REFERENCE } else { BORROWED_RESULT };
            self.errors.push(Error::new(lifetime.span(), message));
        }
    }
}

/// The first use of `Self` in a function, items in its body aside.
pub(crate) fn self_type(function: &ItemFn) -> Option<Error> {
    let mut walk = SelfWalk { found: None };
    walk.visit_signature(&function.sig);
    walk.visit_block(&function.block);
    let message = "`Self` is not known inside a task: write the name of the type, or move the function out of the `impl`";
    walk.found.map(|at| Error::new(at, message))
}

struct SelfWalk {
    found: Option<Span>,
}

impl<'ast> Visit<'ast> for SelfWalk {
    fn visit_path(&mut self, path: &'ast Path) {
        if path.segments[0].ident == "Self" {
            self.found.get_or_insert(path.segments[0].ident.span());
        }
        visit::visit_path(self, path);
    }

    fn visit_item(&mut self, _: &'ast syn::Item) {}
}

/// Whether the function as written compiles but for what was already said of it: all types are written out and have a
/// size, and nothing borrows from nowhere.
pub(crate) fn is_complete(function: &ItemFn) -> bool {
    let mut walk = CompleteWalk { complete: self_type(function).is_none() };
    for input in &function.sig.inputs {
        if let FnArg::Typed(param) = input {
            walk.visit_type(&param.ty);
            walk.complete &= is_sized(&param.ty);
        }
    }
    if let ReturnType::Type(_, ty) = &function.sig.output {
        let mut borrows = Walk { place: Place::Result, errors: Vec::new() };
        borrows.visit_type(ty);
        walk.visit_type(ty);
        walk.complete &= is_sized(ty) && borrows.errors.is_empty();
    }
    walk.complete
}

fn is_sized(ty: &Type) -> bool {
    match peeled(ty) {
        Type::TraitObject(_) | Type::Slice(_) => false,
        Type::Path(path) => !path.path.is_ident("str"),
        _ => true,
    }
}

struct CompleteWalk {
    complete: bool,
}

impl<'ast> Visit<'ast> for CompleteWalk {
    fn visit_type_infer(&mut self, _: &'ast syn::TypeInfer) {
        self.complete = false;
    }
}
