//! [`Task`] to tokens. It cannot fail.
//!
//! The function is kept as an inner one, `__daglite_body`. Around it: a `static` with what is known without types, a
//! function that makes the [`Task`] with its types at the first call, and the function that callers see, which turns
//! its arguments into nodes of the graph. Questions about types are put as `daglite::task::probe` explains; the tokens
//! that ask them stand where the user's type stands, so that the compiler points there.

use proc_macro2::{Group, Ident, Literal, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Path, Type, parse_quote};

use crate::model::{
    Attempts, Cache, Fallible, Generics, Hash, HashAll, Isolate, Output, Param, Running, Strategy,
    Taken, Task,
};

/// The code of a task.
pub(crate) fn expand(task: &Task) -> TokenStream {
    let Task { library, outer_attributes, visibility, ident, generics, params, result, .. } = task;
    let private = private(library);
    let generics_outer = generics.outer();
    let where_outer = generics.outer_where();
    let turbofish = generics.turbofish();
    let inputs = params.iter().map(|param| {
        let (ident, stored) = (&param.ident, stored(&private, &param.taken));
        quote!(#ident: impl #library::IntoArg<#stored>)
    });
    let future = future(library, result);
    let body = body_function(task);
    let description = description(task, &private);
    let notes = notes(task);
    let watched = task.files.iter().map(|file| {
        quote! {
            const _: &[u8] =
                ::core::include_bytes!(::core::concat!(::core::env!("CARGO_MANIFEST_DIR"), "/", #file));
        }
    });
    let nodes = params.iter().map(|param| {
        let (ident, stored) = (&param.ident, stored(&private, &param.taken));
        quote!(#library::IntoArg::<#stored>::into_arg(#ident))
    });
    quote! {
        #(#outer_attributes)*
        #[track_caller]
        #visibility fn #ident #generics_outer (#(#inputs),*) -> #future #where_outer {
            #body
            #description
            #notes
            #(#watched)*
            #private::call(__daglite_task #turbofish (), [#(#nodes),*])
        }
    }
}

/// What users should know of the fingerprint, as warnings: a macro has no other way to warn than a use of something
/// deprecated.
fn notes(task: &Task) -> TokenStream {
    let name = format_ident!("fingerprint_of_{}", task.ident.unraw());
    let notes = task.notes.iter().map(|note| {
        quote! {
            const _: () = {
                #[deprecated(note = #note)]
                const fn #name() {}
                #name()
            };
        }
    });
    quote!(#(#notes)*)
}

/// What callers get. Its first and its last token stand where the user's return type starts and ends, so that all that
/// the compiler says of it, it says there.
fn future(library: &Path, result: &Output) -> TokenStream {
    let value = value(&private(library), result);
    let at = match result {
        Output::Unit => return quote!(#library::TaskFuture<()>),
        Output::Plain(ty) | Output::Fallible(Fallible { whole: ty, .. }) => ty,
    };
    let library = starting_at(library, at);
    let close = quote_spanned!(ends(at).1=> >);
    quote!(#library::TaskFuture<#value #close)
}

/// A question about a type, asked where the type stands.
fn probe(private: &Path, ty: &impl ToTokens) -> TokenStream {
    let (start, end) = ends(ty);
    let private = starting_at(private, ty);
    let open = quote_spanned!(start=> probe::<);
    let close = quote_spanned!(end=> >());
    quote!(#private::#open #ty #close)
}

/// The same path, its first token where `tokens` start.
fn starting_at(path: &Path, tokens: &impl ToTokens) -> Path {
    let mut path = path.clone();
    if let Some(colons) = &mut path.leading_colon {
        colons.spans = [ends(tokens).0; 2];
    }
    path
}

/// The path of the library's hidden module.
fn private(library: &Path) -> Path {
    parse_quote!(#library::__private)
}

/// The function as the user wrote it.
fn body_function(task: &Task) -> TokenStream {
    let Task { body_attributes, asyncness, generics, params, result, block, .. } = task;
    let written = params.iter().map(|param| &param.written);
    let generics_written = &generics.written;
    let where_clause = &generics.where_clause;
    let arrow = match result {
        Output::Unit => None,
        Output::Plain(ty) | Output::Fallible(Fallible { whole: ty, .. }) => Some(quote!(-> #ty)),
    };
    quote! {
        #(#body_attributes)*
        #asyncness fn __daglite_body <#(#generics_written),*> (#(#written),*) #arrow #where_clause #block
    }
}

/// The function that describes the task to the library.
fn description(task: &Task, private: &Path) -> TokenStream {
    let Task { generics, params, result, cache, .. } = task;
    let generics_outer = generics.outer();
    let where_outer = generics.outer_where();
    let spec = spec(task, private);
    let body = body(task, private);
    // A seed is made of the arguments too.
    let is_hashed = cache.is_some() || task.running.seeded;
    let hashed = params.iter().filter(|_| is_hashed);
    let hashes = hashed.map(|param| param_hash(param, private));
    let hash_all = option(
        cache
            .as_ref()
            .and_then(|cache| cache.hash.as_ref())
            .map(|all| hash_all(all, params, private)),
    );
    let formats = formats(task, private);
    let listed = listed(task, private);
    let cloning = ask(result, private, &quote!(cloning));
    let types = generics.type_names();
    let make = quote! {
        || #private::Task {
            spec: &__DAGLITE_SPEC,
            types: &[#(#types),*],
            body: #body,
            params: ::std::vec![#(#hashes),*],
            hash_all: #hash_all,
            result: #formats,
            clone: #cloning,
            memo: #private::TaskMemo::new(),
        }
    };
    let (place, get) = if generics.is_generic() {
        let marker = generics.marker();
        (None, quote!(#private::generic_task::<#marker>(&__DAGLITE_SPEC, #make)))
    } else {
        let place = quote!(static __DAGLITE_TASK: #private::TaskCell = #private::TaskCell::new(););
        (Some(place), quote!(__DAGLITE_TASK.get(#make)))
    };
    let constants = generics.constant_types();
    quote! {
        #[allow(
            unused_variables, unused_mut, deprecated,
            clippy::all, clippy::pedantic, clippy::nursery, clippy::restriction
        )]
        fn __daglite_task #generics_outer () -> &'static #private::Task #where_outer {
            use #private::probes::*;
            #spec
            #place
            #listed
            #constants
            #get
        }
    }
}

/// The `static` with what is known without types.
fn spec(task: &Task, private: &Path) -> TokenStream {
    let name = match &task.name {
        Some(name) => quote!(#name),
        None => {
            let name = format!("::{}", task.ident.unraw());
            quote!(::core::concat!(::core::module_path!(), #name))
        }
    };
    let package = &task.package;
    let fingerprint = Literal::byte_string(&task.fingerprint);
    let code = &task.code;
    let conditions = task.conditions.iter().map(|condition| {
        let holds: TokenStream = condition.parse().unwrap_or_default();
        quote!((#condition, ::core::cfg!(#holds)))
    });
    let params = task.params.iter().map(|param| param.ident.unraw().to_string());
    let cache = option(task.cache.as_ref().map(|cache| {
        let Cache { ttl_millis, version, env, hash: _ } = cache;
        let ttl_millis = option(ttl_millis.map(ToTokens::into_token_stream));
        quote! {
            #private::CacheSpec { ttl_millis: #ttl_millis, version: #version, env: &[#(#env),*] }
        }
    }));
    let Running { attempts, weight, limits, isolate, seeded } = &task.running;
    let isolate = option(isolate.as_ref().map(|Isolate { memory }| {
        let memory = option(memory.map(ToTokens::into_token_stream));
        quote!(#private::IsolateSpec { memory: #memory })
    }));
    let attempts = option(attempts.as_ref().map(|attempts| {
        let Attempts { retries, delay_millis, timeout_millis, picky } = attempts;
        let delay_millis = option(delay_millis.map(ToTokens::into_token_stream));
        let timeout_millis = option(timeout_millis.map(ToTokens::into_token_stream));
        quote! {
            #private::AttemptsSpec {
                retries: #retries,
                delay_millis: #delay_millis,
                timeout_millis: #timeout_millis,
                picky: #picky,
            }
        }
    }));
    quote! {
        struct __DagliteHere;
        #[allow(unexpected_cfgs)]
        static __DAGLITE_SPEC: #private::TaskSpec = #private::TaskSpec {
            name: #name,
            package: #package,
            place: ::core::any::type_name::<__DagliteHere>,
            fingerprint: *#fingerprint,
            code: #code,
            conditions: &[#(#conditions),*],
            params: &[#(#params),*],
            cache: #cache,
            attempts: #attempts,
            weight: #weight,
            limits: &[#(#limits),*],
            isolate: #isolate,
            seeded: #seeded,
        };
    }
}

/// The closure that takes the arguments and calls the body.
fn body(task: &Task, private: &Path) -> TokenStream {
    let Task { asyncness, generics, params, result, .. } = task;
    let args = match asyncness {
        Some(_) => quote!(&mut __daglite_args),
        None => quote!(__daglite_args),
    };
    let lets = params.iter().enumerate().map(|(index, param)| {
        let local = local(index);
        let stored = stored(private, &param.taken);
        let name = param.ident.unraw().to_string();
        let probe = probe(private, &stored);
        let storage = quote!((&&&#probe).__daglite_storage());
        match &param.taken {
            Taken::Lent(_) => quote!(let #local = #storage.lent::<#stored>(#args, #index);),
            Taken::Owned(_) => {
                let owned = if task.is_repeated() { quote!(repeated) } else { quote!(owned) };
                quote!(let #local = #storage.#owned::<#stored>(#args, #index, #name)?;)
            }
        }
    });
    let passed = params.iter().enumerate().map(|(index, param)| {
        let local = local(index);
        lend(private, &param.taken, &quote!(&*#local), &quote!(#local))
    });
    let turbofish = generics.turbofish();
    let wait = asyncness.map(|_| quote!(.await));
    let call = quote!(__daglite_body #turbofish (#(#passed),*) #wait);
    let value = kept(result, private);
    let steps = quote! {
        #(#lets)*
        let __daglite_result = #call;
        #value
    };
    match asyncness {
        None => quote!(#private::Body::Sync(|__daglite_args| { #steps })),
        Some(word) => {
            // The compiler says of a future that is not `Send` where it is boxed: let that be at the word `async`.
            let future = quote_spanned!(word.span=> ::std::boxed::Box::pin(async move { #steps }));
            quote!(#private::Body::Async(|mut __daglite_args| #future))
        }
    }
}

/// What becomes of `__daglite_result`.
fn kept(result: &Output, private: &Path) -> TokenStream {
    match result {
        Output::Unit => ask_storage(&quote!(()), private, &quote!(value::<()>(__daglite_result))),
        Output::Plain(ty) => {
            let probe = probe(private, ty);
            quote!((&&&(&&#probe).__daglite_plain()).__daglite_storage().value::<#ty>(__daglite_result))
        }
        Output::Fallible(fallible) => {
            let Fallible { whole, error_at, retry_if, .. } = fallible;
            let error = projected(private, whole, error_at, "Error");
            let value = value(private, result);
            let storage = ask_storage(&value, private, &quote!(value::<#value>(__daglite_value)));
            let probe = probe(private, &error);
            match retry_if {
                None => quote! {
                    let __daglite_value =
                        (&&#probe).__daglite_error().value::<#error, #whole>(__daglite_result)?;
                    #storage
                },
                // A `let` with the function's type, so that a wrong function is told so at its path.
                Some(function) => {
                    let (start, end) = ends(error_at);
                    let open = quote_spanned!(start=> fn);
                    let close = quote_spanned!(end=> bool);
                    quote! {
                        let __daglite_retry_if: #open(&#error) -> #close = #function;
                        let __daglite_value = (&&#probe)
                            .__daglite_error()
                            .value_if::<#error, #whole>(__daglite_result, __daglite_retry_if)?;
                        #storage
                    }
                }
            }
        }
    }
}

fn ask_storage(ty: &TokenStream, private: &Path, answer: &TokenStream) -> TokenStream {
    let probe = probe(private, ty);
    quote!((&&&#probe).__daglite_storage().#answer)
}

/// How the result's type is stored: `answer` is the question's last step.
fn ask(result: &Output, private: &Path, answer: &TokenStream) -> TokenStream {
    match result {
        Output::Plain(ty) => {
            let probe = probe(private, ty);
            quote!((&&&(&&#probe).__daglite_plain()).__daglite_storage().#answer())
        }
        Output::Unit | Output::Fallible(_) => {
            ask_storage(&value(private, result), private, &quote!(#answer()))
        }
    }
}

/// How the result is encoded.
fn formats(task: &Task, private: &Path) -> TokenStream {
    let result = &task.result;
    let value = value(private, result);
    let probe = match result {
        Output::Plain(ty) => {
            let probe = probe(private, ty);
            quote!((&&#probe).__daglite_plain())
        }
        Output::Unit | Output::Fallible(_) => probe(private, &value),
    };
    let asked = quote!((&&&&#probe).__daglite_formats());
    match (&task.cache, &task.running.isolate) {
        (Some(_), _) => option(Some(quote!(#asked.required::<#value>()))),
        (None, Some(_)) => option(Some(quote!(#asked.sent::<#value>()))),
        (None, None) => quote!(#asked.optional()),
    }
}

/// The task's row in the program's table, if it is isolated: all others would take a third longer to compile.
fn listed(task: &Task, private: &Path) -> Option<TokenStream> {
    task.running.isolate.as_ref()?;
    let formats = task.params.iter().map(|param| {
        let stored = stored(private, &param.taken);
        let probe = probe(private, &stored);
        quote!((&&&&#probe).__daglite_formats().sent::<#stored>())
    });
    // The macro of `inventory` copies what it is given several times: that is a name.
    Some(quote! {
        const __DAGLITE_ENTRY: #private::TaskEntry =
            #private::TaskEntry::new(&__DAGLITE_SPEC, __daglite_task, |__daglite_formats| {
                #(#private::ArgumentFormats::add(__daglite_formats, #formats);)*
            });
        #private::inventory::submit!(__DAGLITE_ENTRY);
    })
}

/// How the argument for one parameter is hashed.
fn param_hash(param: &Param, private: &Path) -> TokenStream {
    let stored = stored(private, &param.taken);
    match &param.hash {
        Hash::Excluded => {
            let probe = probe(private, &stored);
            quote!(#private::ParamHash::Excluded((&&&&#probe).__daglite_hash().excluded()))
        }
        Hash::Covered => quote!(#private::ParamHash::Covered),
        Hash::Value(strategy) => {
            let strategy = strategy.map(|strategy| {
                let word = match strategy {
                    Strategy::Auto => quote!(Auto),
                    Strategy::Exact => quote!(Exact),
                    Strategy::Fast => quote!(Fast),
                    Strategy::Sampled => quote!(Sampled),
                };
                quote!(#private::Strategy::#word)
            });
            let strategy = option(strategy);
            let probe = probe(private, &stored);
            quote! {
                #private::ParamHash::Value(
                    (&&&&#probe).__daglite_hash().value::<#stored>(),
                    #strategy,
                )
            }
        }
        Hash::Registry => quote!(#private::ParamHash::Registry(::core::any::type_name::<#stored>)),
        Hash::Custom(function) => {
            let argument =
                lend(private, &param.taken, &quote!(__daglite_value), &quote!(__daglite_value));
            let write = write_hash(function, &[argument], private);
            quote! {
                #private::ParamHash::Custom(|__daglite_value, __daglite_hasher| {
                    let ::core::option::Option::Some(__daglite_value) =
                        #private::hashable::<#stored>(__daglite_value, __daglite_hasher)
                    else {
                        return;
                    };
                    #write
                })
            }
        }
    }
}

/// The closure that hashes all arguments by one function.
fn hash_all(all: &HashAll, params: &[Param], private: &Path) -> TokenStream {
    let lets = all.params.iter().map(|index| {
        let local = local(*index);
        let stored = stored(private, &params[*index].taken);
        quote! {
            let ::core::option::Option::Some(#local) =
                #private::hashable::<#stored>(&*__daglite_values[#index], __daglite_hasher)
            else {
                return;
            };
        }
    });
    let arguments: Vec<TokenStream> = all
        .params
        .iter()
        .map(|index| {
            let local = local(*index);
            lend(private, &params[*index].taken, &quote!(#local), &quote!(#local))
        })
        .collect();
    let write = write_hash(&all.function, &arguments, private);
    quote! {
        |__daglite_values: &[#private::Value], __daglite_hasher: &mut #private::ContentHasher| {
            #(#lets)*
            #write
        }
    }
}

/// Hashes what the user's `function` makes of the arguments.
fn write_hash(function: &Path, arguments: &[TokenStream], private: &Path) -> TokenStream {
    // A wrong function is told so at its name: the arguments stand there too.
    let arguments = arguments.iter().map(|argument| respanned(argument.clone(), function.span()));
    let call = quote_spanned!(function.span()=> (#(#arguments),*));
    let write = Ident::new("write", function.span());
    quote! {
        let __daglite_hashed = #function #call;
        (&&&&#private::probe_of(&__daglite_hashed)).__daglite_hash().#write(&__daglite_hashed, __daglite_hasher)
    }
}

/// The name of the local variable for one argument.
fn local(index: usize) -> Ident {
    format_ident!("__daglite_{index}")
}

/// `Some(…)` or `None`.
fn option(value: Option<TokenStream>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}

/// The type that the graph keeps for a parameter.
pub(crate) fn stored(private: &Path, taken: &Taken) -> TokenStream {
    match taken {
        Taken::Owned(ty) => ty.to_token_stream(),
        Taken::Lent(Type::Slice(slice)) => {
            let elem = &slice.elem;
            let open = quote_spanned!(slice.bracket_token.span.open()=> ::std::vec::Vec<);
            let close = quote_spanned!(slice.bracket_token.span.close()=> >);
            quote!(#open #elem #close)
        }
        Taken::Lent(ty) => {
            let (start, end) = ends(ty);
            let open = quote_spanned!(start=> <);
            let close = quote_spanned!(end=> Owner);
            quote!(#open #ty as #private::Lent>::#close)
        }
    }
}

/// What the body is given: `borrowed`, a reference to what is stored, as a lent parameter sees it, or `moved`.
fn lend(private: &Path, taken: &Taken, borrowed: &TokenStream, moved: &TokenStream) -> TokenStream {
    match taken {
        Taken::Owned(_) => moved.clone(),
        Taken::Lent(ty) => quote!(<#ty as #private::Lent>::lend(#borrowed)),
    }
}

/// The type of the task's value.
pub(crate) fn value(private: &Path, result: &Output) -> TokenStream {
    match result {
        Output::Unit => quote!(()),
        Output::Plain(ty) => ty.to_token_stream(),
        Output::Fallible(fallible) => {
            projected(private, &fallible.whole, &fallible.value_at, "Value")
        }
    }
}

/// An associated type of a `Result`, whose tokens start and end where `at` does.
fn projected(private: &Path, whole: &Type, at: &TokenStream, name: &str) -> TokenStream {
    let (start, end) = ends(at);
    let open = quote_spanned!(start=> <);
    let name = Ident::new(name, end);
    quote!(#open #whole as #private::Fallible>::#name)
}

/// The spans of the first and of the last token: on stable Rust no span covers both.
fn ends(tokens: impl ToTokens) -> (Span, Span) {
    let tokens: Vec<TokenTree> = tokens.into_token_stream().into_iter().collect();
    match (tokens.first(), tokens.last()) {
        (Some(first), Some(last)) => (first.span(), last.span()),
        _ => (Span::call_site(), Span::call_site()),
    }
}

/// The same tokens, all at `span`, but looked up as they were: a `$crate` stays what it is.
fn respanned(tokens: TokenStream, span: Span) -> TokenStream {
    let tokens = tokens.into_iter().map(|mut token| {
        if let TokenTree::Group(group) = &token {
            token = Group::new(group.delimiter(), respanned(group.stream(), span)).into();
        }
        token.set_span(span.resolved_at(token.span()));
        token
    });
    tokens.collect()
}

impl Generics {
    /// The parameters of the function that callers see: no lifetimes, since nothing there borrows.
    pub(crate) fn outer(&self) -> Option<TokenStream> {
        let types = self.types.iter().map(|param| &param.ident);
        let consts = &self.consts;
        self.is_generic().then(|| quote!(<#(#types,)* #(#consts),*>))
    }

    /// Its where clause: values of the types wait in the graph, so threads must be able to share them.
    ///
    /// All bounds stand here, since clippy does not want those of one type in two places.
    pub(crate) fn outer_where(&self) -> Option<TokenStream> {
        if !self.is_generic() {
            return self.where_clause.as_ref().map(ToTokens::to_token_stream);
        }
        let types = self.types.iter().map(|param| {
            let (ident, bounds) = (&param.ident, param.bounds.iter());
            quote!(#ident: #(#bounds +)* ::core::marker::Send + ::core::marker::Sync + 'static)
        });
        let written = self.where_clause.iter().flat_map(|clause| &clause.predicates);
        Some(quote! {
            where
                #(#types,)*
                #(#written,)*
        })
    }

    /// The types and constants that a function was called with, to call the next one.
    fn names(&self) -> Vec<&Ident> {
        let types = self.types.iter().map(|param| &param.ident);
        types.chain(self.consts.iter().map(|param| &param.ident)).collect()
    }

    /// The same as a turbofish, if there are some.
    fn turbofish(&self) -> Option<TokenStream> {
        let names = self.names();
        self.is_generic().then(|| quote!(::<#(#names),*>))
    }

    /// A type for each constant, so that constants can be named as types are.
    fn constant_types(&self) -> TokenStream {
        let types = self.consts.iter().map(|param| {
            let (name, ident, ty) = (constant_type(&param.ident), &param.ident, &param.ty);
            quote!(struct #name<const #ident: #ty>;)
        });
        quote!(#(#types)*)
    }

    /// All types, with those of the constants.
    fn all_types(&self) -> Vec<TokenStream> {
        let types = self.types.iter().map(|param| param.ident.to_token_stream());
        let consts = self.consts.iter().map(|param| {
            let (name, ident) = (constant_type(&param.ident), &param.ident);
            quote!(#name<#ident>)
        });
        types.chain(consts).collect()
    }

    /// A function for each type and constant that gives its name.
    fn type_names(&self) -> Vec<TokenStream> {
        self.all_types().iter().map(|ty| quote!(::core::any::type_name::<#ty>)).collect()
    }

    /// One type that stands for the whole choice of types and constants.
    fn marker(&self) -> TokenStream {
        let types = self.all_types();
        quote!(fn(#(#types),*))
    }
}

/// The name of the type that stands for a constant.
fn constant_type(constant: &Ident) -> Ident {
    format_ident!("__Daglite{}", constant)
}
