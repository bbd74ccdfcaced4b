//! [`Input`] to [`Task`]: every rule, and every error at once.

use daglite_fingerprint::{Fingerprint, Function};
use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{
    Attribute, Error, FnArg, GenericArgument, GenericParam, ItemFn, Meta, Pat, Path, PathArguments,
    ReturnType, Signature, Token, Type, WherePredicate,
};

use crate::compiled::Compiled;
use crate::fallback::Refused;
use crate::model::{
    Attempts, Cache, Fallible, Generics, Hash, HashAll, Isolate, Output, Param, Running, Taken,
    Task,
};
use crate::option::{Options, read_all};
use crate::parse::Input;
use crate::shape;

/// Checks a function and its attribute.
///
/// # Errors
///
/// All that is wrong with them, and as much of the function as callers can still be shown.
pub(crate) fn check(compiled: &Compiled, input: Input) -> Result<Task, Box<Refused>> {
    let Input { options: written, function, mut errors } = input;
    let names = param_names(&function.sig);
    let options = read_all(&written, &names, &mut errors);
    let library = options.library.clone().unwrap_or_else(|| syn::parse_quote!(::daglite));

    check_words(&function.sig, &mut errors);
    let before = errors.len();
    check_generics(&function.sig.generics, &mut errors);
    let generics_hold = errors.len() == before;
    let mut params = Vec::new();
    for input in &function.sig.inputs {
        if let FnArg::Typed(param) = input {
            params.push(read_param(param, &mut errors));
        }
    }
    let result = read_result(&function.sig.output, &mut errors);
    if let (Some((key, _)), Some(Output::Unit | Output::Plain(_))) = (&options.retry_if, &result) {
        let message = "`retry_if` looks at the error of a task, and this one has none: return a `Result`, or drop `retry_if`";
        errors.push(Error::new(key.span(), message));
    }
    if let (Some(key), Some(_)) = (&options.seeded, &options.isolate) {
        let message = "`seeded` cannot be had with `isolate`, as a worker does not know the seed of the session: drop one of \
                       them, or draw the seed outside and pass it as an argument, `seed: u64`";
        errors.push(Error::new(key.span(), message));
    }
    if let Some(key) = &options.isolate
        && function.sig.generics.params.iter().any(|it| !matches!(it, GenericParam::Lifetime(_)))
    {
        let message = "another process is told a task by its name, and a generic function is as many tasks as it has types: \
                       drop `isolate`, or write a task for each choice of types that calls this function";
        errors.push(Error::new(key.span(), message));
    }
    if function.sig.receiver().is_none() {
        errors.extend(shape::self_type(&function));
    }

    let code = if errors.is_empty() {
        code(compiled, &options, &function, &mut errors)
    } else {
        Fingerprint::default()
    };
    if let Some(errors) = combined(errors) {
        return Err(Box::new(Refused { errors, library, function, params, result, generics_hold }));
    }
    let params = params
        .into_iter()
        .map(|param| param.taken.map(|taken| (param.written, param.ident, taken)));
    let params =
        params.collect::<Option<Vec<_>>>().expect("a parameter without a type has an error");
    let result = result.expect("a result without a type has an error");
    Ok(build(&compiled.package, code, library, options, function, params, result))
}

/// What stands for the code of the function.
fn code(
    compiled: &Compiled,
    options: &Options,
    function: &ItemFn,
    errors: &mut Vec<Error>,
) -> Fingerprint {
    let ways = options.cache_hash_params.iter().flat_map(|(_, ways)| ways);
    let custom = ways.filter_map(|(_, way)| match way {
        Hash::Custom(function) => Some(function),
        Hash::Excluded | Hash::Covered | Hash::Value(_) | Hash::Registry => None,
    });
    let (dependencies, files) = &options.cache_deps;
    let names: Vec<String> = files.iter().map(syn::LitStr::value).collect();
    let asked = Function {
        function,
        hash_functions: &options
            .cache_hash
            .iter()
            .map(|(_, path)| path)
            .chain(custom)
            .collect::<Vec<_>>(),
        dependencies: &dependencies.iter().collect::<Vec<_>>(),
        files: &names.iter().map(String::as_str).collect::<Vec<_>>(),
    };
    // A worker is to notice that it is another program in whatever the body reaches.
    let matters = options.cache.is_some() || options.isolate.is_some();
    let tracks = matters && !options.cache_track_function;
    let code = match &compiled.place {
        Some(place) if tracks => asked.at(place),
        Some(place) => asked.alone_in(&place.package),
        None => asked.alone(),
    };
    for path in dependencies {
        let text = path.segments.iter().map(|segment| segment.ident.unraw().to_string());
        let text = text.collect::<Vec<_>>().join("::");
        if code.missing.contains(&text) {
            let message = format!(
                "no item `{text}` can be seen from here: write a path to one of this package, or a file in quotes"
            );
            errors.push(Error::new_spanned(path, message));
        }
    }
    for file in files {
        if code.missing.contains(&file.value()) {
            let message = format!(
                "there is no file {:?} in the package: write its path from the folder of `Cargo.toml` on",
                file.value()
            );
            errors.push(Error::new(file.span(), message));
        }
    }
    code
}

/// One error of all of them.
fn combined(errors: Vec<Error>) -> Option<Error> {
    errors.into_iter().reduce(|mut all, error| {
        all.combine(error);
        all
    })
}

/// Puts together what was checked.
fn build(
    package: &str,
    code: Fingerprint,
    library: Path,
    options: Options,
    function: ItemFn,
    params: Vec<(TokenStream, Ident, Taken)>,
    mut result: Output,
) -> Task {
    // No `..`: a new option does not compile until it has its place here.
    let Options {
        given: _,
        cache,
        cache_ttl,
        cache_exclude,
        cache_hash,
        cache_hash_params,
        cache_version,
        cache_env,
        cache_deps: (_, files),
        cache_track_function: _,
        retries,
        retry_delay,
        retry_if,
        timeout,
        weight,
        limits,
        isolate,
        isolate_memory,
        seeded,
        name,
        library: _,
    } = options;
    let mut ways = cache_hash_params.map_or_else(Vec::new, |(_, ways)| ways);
    let own = format!("{:016x} {}\n", first_bytes(&code.own), function.sig.ident.unraw());

    let excluded = |ident: &Ident| cache_exclude.contains(ident);
    let hash = cache_hash.map(|(_, function)| HashAll {
        function,
        params: (0..params.len()).filter(|index| !excluded(&params[*index].1)).collect(),
    });
    let params = params
        .into_iter()
        .map(|(written, ident, taken)| {
            let way =
                ways.iter().position(|(param, _)| *param == ident).map(|at| ways.swap_remove(at).1);
            let hash = match way {
                _ if excluded(&ident) => Hash::Excluded,
                _ if hash.is_some() => Hash::Covered,
                Some(way) => way,
                None => Hash::Value(None),
            };
            Param { written, ident, taken, hash }
        })
        .collect();
    let cache = cache.map(|_| Cache {
        ttl_millis: cache_ttl,
        version: cache_version.unwrap_or_default(),
        env: cache_env,
        hash,
    });

    let attempts = (retries.is_some() || timeout.is_some()).then(|| Attempts {
        retries: retries.unwrap_or(0),
        delay_millis: retry_delay.map(|(_, millis)| millis),
        timeout_millis: timeout,
        picky: retry_if.is_some(),
    });
    let isolate = isolate.map(|_| Isolate { memory: isolate_memory.map(|(_, bytes)| bytes) });
    let seeded = seeded.is_some();
    let running = Running { attempts, weight: weight.unwrap_or(1), limits, isolate, seeded };
    if let Output::Fallible(fallible) = &mut result {
        fallible.retry_if = retry_if.map(|(_, function)| function);
    }

    let (outer_attributes, body_attributes) = split_attributes(function.attrs);
    let Signature { asyncness, ident, generics, .. } = function.sig;
    Task {
        library,
        name,
        package: package.to_owned(),
        fingerprint: code.digest,
        code: own + &code.listed,
        conditions: code.conditions,
        notes: code.notes,
        files: files.iter().map(syn::LitStr::value).collect(),
        cache,
        running,
        outer_attributes,
        body_attributes,
        visibility: function.vis,
        ident,
        asyncness,
        generics: sort_generics(generics),
        params,
        result,
        block: function.block,
    }
}

/// The first bytes of a digest, as a number.
fn first_bytes(digest: &[u8; 32]) -> u64 {
    let first = digest.first_chunk().expect("a digest has 32 bytes");
    u64::from_le_bytes(*first)
}

/// The names of the parameters, as far as they are plain.
fn param_names(signature: &Signature) -> Vec<Ident> {
    let plain = signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(param) => match &*param.pat {
            Pat::Ident(name) => Some(name.ident.clone()),
            _ => None,
        },
        FnArg::Receiver(_) => None,
    });
    plain.collect()
}

/// The words before `fn`, and the two parameters that are not ones.
fn check_words(signature: &Signature, errors: &mut Vec<Error>) {
    if let Some(variadic) = &signature.variadic {
        // Such a function is `unsafe extern` by necessity: that needs no messages of its own.
        let message = "a task has a fixed number of parameters: write a slice, such as `&[i32]`";
        errors.push(Error::new_spanned(variadic.dots, message));
        return;
    }
    if let Some(word) = signature.constness {
        let message = "a `const fn` runs in the compiler, a task when the graph does: drop `const`";
        errors.push(Error::new(word.span, message));
    }
    if let syn::Safety::Unsafe(word) = signature.safety {
        let message = "a task is called by the engine, which cannot keep an unsafe promise: write a safe function \
                       with `unsafe` in its body";
        errors.push(Error::new(word.span, message));
    }
    if let Some(abi) = &signature.abi {
        let message = "a task has no ABI of its own: drop `extern`, and call the task from an `extern` function";
        errors.push(Error::new_spanned(abi, message));
    }
    if let Some(receiver) = signature.receiver() {
        let message =
            "a method cannot be a task: write a free function that takes the value as a parameter";
        errors.push(Error::new(receiver.self_token.span, message));
    }
}

/// A parameter as far as it could be read.
pub(crate) struct ReadParam {
    /// The parameter as written.
    pub(crate) written: TokenStream,
    /// Its name, or one in its place.
    pub(crate) ident: Ident,
    /// What the body gets, unless the type is refused.
    pub(crate) taken: Option<Taken>,
    /// The type as written, if it is refused because one can call its values.
    pub(crate) callable: Option<Type>,
}

fn read_param(param: &syn::PatType, errors: &mut Vec<Error>) -> ReadParam {
    for attribute in &param.attrs {
        if attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr") {
            let message = "a parameter of a task cannot depend on `cfg`: write two functions, each under its `#[cfg]`";
            errors.push(Error::new_spanned(attribute.path(), message));
        }
    }
    let ident = match shape::param_name(&param.pat) {
        Ok(ident) => ident,
        Err(error) => {
            errors.push(error);
            Ident::new("__daglite_unnamed", param.pat.span())
        }
    };
    let before = errors.len();
    let taken = match shape::peeled(&param.ty) {
        Type::Reference(reference) => {
            errors.extend(shape::lent_type(reference));
            Taken::Lent((*reference.elem).clone())
        }
        owned => {
            errors.extend(shape::owned_type(owned));
            Taken::Owned(owned.clone())
        }
    };
    let taken = (errors.len() == before).then_some(taken);
    let callable = shape::is_callable(&param.ty).then(|| (*param.ty).clone());
    ReadParam { written: param.to_token_stream(), ident, taken, callable }
}

fn read_result(output: &ReturnType, errors: &mut Vec<Error>) -> Option<Output> {
    let ReturnType::Type(_, whole) = output else {
        return Some(Output::Unit);
    };
    let found = shape::result_type(whole);
    if !found.is_empty() {
        errors.extend(found);
        return None;
    }
    Some(match arguments_of_result(whole) {
        None => Output::Plain((**whole).clone()),
        Some(arguments) => {
            let at = |index: usize| {
                arguments.get(index).map_or_else(|| whole.to_token_stream(), |ty| quote!(#ty))
            };
            Output::Fallible(Fallible {
                value_at: at(0),
                error_at: at(1),
                retry_if: None,
                whole: (**whole).clone(),
            })
        }
    })
}

/// The type arguments of a type whose last part is called `Result`.
fn arguments_of_result(whole: &Type) -> Option<Vec<&Type>> {
    let Type::Path(path) = shape::peeled(whole) else {
        return None;
    };
    let last = path.path.segments.last()?;
    if last.ident != "Result" {
        return None;
    }
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return Some(Vec::new());
    };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    Some(types.collect())
}

/// Finds what generic parameters of a task cannot have.
struct GenericsCheck<'a> {
    /// The lifetimes that the function declares.
    declared: Vec<&'a syn::Lifetime>,
    errors: &'a mut Vec<Error>,
}

fn check_generics(generics: &syn::Generics, errors: &mut Vec<Error>) {
    let declared = generics.lifetimes().map(|param| &param.lifetime).collect();
    let mut check = GenericsCheck { declared, errors };
    for param in &generics.params {
        match param {
            GenericParam::Lifetime(param) => {
                param.bounds.iter().for_each(|bound| check.refuse(bound))
            }
            GenericParam::Type(param) => check.visit_type_param(param),
            GenericParam::Const(_) => {}
        }
    }
    for predicate in generics.where_clause.iter().flat_map(|clause| &clause.predicates) {
        match predicate {
            WherePredicate::Lifetime(predicate) => check.refuse(&predicate.lifetime),
            other => check.visit_where_predicate(other),
        }
    }
}

impl GenericsCheck<'_> {
    fn refuse(&mut self, lifetime: &syn::Lifetime) {
        let message = format!(
            "the values of a task live as long as its graph: drop the bound with `{lifetime}`"
        );
        self.errors.push(Error::new(lifetime.span(), message));
    }
}

impl<'ast> Visit<'ast> for GenericsCheck<'_> {
    fn visit_lifetime(&mut self, lifetime: &'ast syn::Lifetime) {
        if self.declared.contains(&lifetime) {
            self.refuse(lifetime);
        }
    }

    fn visit_trait_bound(&mut self, bound: &'ast syn::TraitBound) {
        if bound.maybe.is_some() {
            let message = "the types of a task are sized: drop the bound; a `&T` parameter of a task can be `&str`, \
                           `&[T]` or `&Path`, written out";
            self.errors.push(Error::new_spanned(bound, message));
            return;
        }
        visit::visit_trait_bound(self, bound);
    }
}

/// Sorts generic parameters by where they go.
fn sort_generics(generics: syn::Generics) -> Generics {
    let written: Vec<GenericParam> = generics.params.into_iter().collect();
    let mut types = Vec::new();
    let mut consts = Vec::new();
    for param in &written {
        match param {
            GenericParam::Type(param) => types.push(param.clone()),
            GenericParam::Const(param) => consts.push(param.clone()),
            GenericParam::Lifetime(_) => {}
        }
    }
    Generics { written, types, consts, where_clause: generics.where_clause }
}

/// The attributes that are about the function as callers see it, lint levels among them, since those reach inwards too.
const OUTER: [&str; 9] =
    ["doc", "cfg", "must_use", "deprecated", "allow", "warn", "deny", "forbid", "expect"];

/// Sorts attributes: first those for the function that callers see, then those for the function with the body.
fn split_attributes(attributes: Vec<Attribute>) -> (Vec<Attribute>, Vec<Attribute>) {
    let (mut outer, mut body) = (Vec::new(), Vec::new());
    for attribute in attributes {
        let path = attribute.path();
        if path.is_ident("track_caller") {
            // The function that callers see has it anyway, and the one with the body has only the engine as its caller.
            continue;
        }
        if is_outer(path) || (path.is_ident("cfg_attr") && only_outer(&attribute)) {
            outer.push(attribute);
        } else {
            body.push(attribute);
        }
    }
    (outer, body)
}

fn is_outer(path: &Path) -> bool {
    OUTER.iter().any(|name| path.is_ident(name))
        || path.segments.first().is_some_and(|tool| tool.ident == "rustfmt")
}

/// Whether a `cfg_attr` adds nothing but attributes for the function that callers see.
fn only_outer(attribute: &Attribute) -> bool {
    let metas = attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
    metas.is_ok_and(|metas| metas.iter().skip(1).all(|meta| is_outer(meta.path())))
}
