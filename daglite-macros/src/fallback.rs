//! What a task becomes that is not one: its errors, and the same function for its callers, so that they see no others.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Error, FnArg, ItemFn, Path, Visibility, parse_quote};

use crate::check::ReadParam;
use crate::expand::{stored, value};
use crate::model::Output;
use crate::shape;

/// A function with mistakes, as far as it could be read.
pub(crate) struct Refused {
    /// All of them.
    pub(crate) errors: Error,
    /// The library.
    pub(crate) library: Path,
    /// The function as written.
    pub(crate) function: ItemFn,
    /// Its parameters.
    pub(crate) params: Vec<ReadParam>,
    /// Its result, unless that is refused.
    pub(crate) result: Option<Output>,
    /// Whether its generic parameters are fine.
    pub(crate) generics_hold: bool,
}

/// The errors, and a function that callers can call.
pub(crate) fn fallback(refused: Refused) -> TokenStream {
    let Refused { errors, library, mut function, params, result, generics_hold } = refused;
    let errors = errors.to_compile_error();
    let private: Path = parse_quote!(#library::__private);

    let receiver = function.sig.receiver().map(|receiver| quote!(#receiver,));
    // A refused type accepts every argument, and a refused result is whatever the caller takes it for.
    let inputs = params.iter().enumerate().map(|(index, param)| {
        let ident = format_ident!("__daglite_{index}");
        match &param.taken {
            Some(taken) if generics_hold => {
                let stored = stored(&private, taken);
                quote!(#ident: impl #library::IntoArg<#stored>)
            }
            // Closures at the call need the type that they are made for.
            _ if generics_hold && param.callable.is_some() => {
                let callable = &param.callable;
                quote!(#ident: #callable)
            }
            _ => quote!(#ident: impl ::core::marker::Sized),
        }
    });
    let inputs: Vec<TokenStream> = inputs.collect();
    let (unknown, value) = match &result {
        Some(result) if generics_hold => (None, value(&private, result)),
        _ => (Some(parse_quote!(__DagliteUnknown)), quote!(__DagliteUnknown)),
    };
    let mut generics = function.sig.generics.clone();
    if !generics_hold {
        generics = syn::Generics::default();
    }
    generics.params.extend::<Option<syn::GenericParam>>(unknown);
    let where_clause = &generics.where_clause;

    let (visibility, ident) = (function.vis.clone(), function.sig.ident.clone());
    let kept = ["cfg", "doc"];
    let attributes: Vec<_> = function
        .attrs
        .extract_if(.., |attribute| kept.iter().any(|name| attribute.path().is_ident(name)))
        .collect();
    let body = body_compiles(&function).then(|| {
        function.vis = Visibility::Inherited;
        function.sig.ident = format_ident!("__daglite_body", span = function.sig.ident.span());
        quote!(#[allow(unused, clippy::all)] #function)
    });
    quote! {
        #errors
        #(#attributes)*
        #[allow(unused, clippy::all)]
        #visibility fn #ident #generics (#receiver #(#inputs),*) -> #library::TaskFuture<#value> #where_clause {
            #body
            #private::unreachable_task()
        }
    }
}

/// Whether the function as written can stand inside another one without errors of its own.
fn body_compiles(function: &ItemFn) -> bool {
    let signature = &function.sig;
    let receiver = matches!(signature.inputs.first(), Some(FnArg::Receiver(_)));
    let foreign = signature.abi.is_some() || signature.variadic.is_some();
    let const_body = signature.constness.is_some();
    !receiver && !foreign && !const_body && shape::is_complete(function)
}
