//! `#[derive(ContentHash)]`: a type's fields into its content hash.

use std::collections::HashSet;

use proc_macro2::{Ident, Literal, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Error, Field, Fields, Path, Type, parse_quote};

/// The impl, or a compile error for each mistake.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let input = match syn::parse2::<DeriveInput>(input) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    let mut errors = Errors(None);
    let TypeOptions { krate, transparent } = read_type(&input.attrs, &mut errors);
    let content = match transparent {
        Some(span) => transparent_content(&input, &krate, span, &mut errors),
        None => content(&input, &krate, &mut errors),
    };
    match errors.0 {
        // The impl is there all the same, so that the type's users do not see follow-on errors.
        Some(errors) => {
            let errors = errors.into_compile_error();
            let fallback = implement(&input, &krate, &quote!(::core::unreachable!()));
            quote!(#errors #fallback)
        }
        None => implement(&input, &krate, &content),
    }
}

/// What is said above a type.
struct TypeOptions {
    /// The library.
    krate: Path,
    /// Where `transparent` stands, if it does.
    transparent: Option<Span>,
}

/// All mistakes of one type.
struct Errors(Option<Error>);

impl Errors {
    fn add(&mut self, error: Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            None => self.0 = Some(error),
        }
    }
}

/// How one field is hashed.
enum How {
    /// By its own `ContentHash`.
    Own,
    /// By its `serde::Serialize`.
    Serde,
    /// By a function of the user's, which takes a reference to it and the hasher.
    With(Path),
    /// Not at all.
    Skip,
}

/// The impl of the trait around `content`.
fn implement(input: &DeriveInput, krate: &Path, content: &TokenStream) -> TokenStream {
    let name = &input.ident;
    let mut generics = input.generics.clone();
    let used = used_in_own_hashes(input);
    for parameter in generics.type_params_mut() {
        if used.contains(&parameter.ident) {
            parameter.bounds.push(parse_quote!(#krate::ContentHash));
        }
    }
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let (_, type_generics, _) = input.generics.split_for_impl();
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::ContentHash for #name #type_generics #where_clause {
            #[allow(unused_variables)]
            fn content_hash(&self, __daglite_hasher: &mut #krate::ContentHasher) {
                #content
            }
        }
    }
}

/// The statements that hash the whole value.
fn content(input: &DeriveInput, krate: &Path, errors: &mut Errors) -> TokenStream {
    let hasher = quote!(#krate::ContentHasher);
    let name = input.ident.unraw().to_string();
    match &input.data {
        Data::Struct(data) => {
            let (pattern, contents) = contents(&data.fields, krate, errors);
            let written = form(&name, None, &data.fields, contents, &hasher);
            quote! {
                let Self #pattern = self;
                #written
            }
        }
        Data::Enum(data) if data.variants.is_empty() => quote!(match *self {}),
        Data::Enum(data) => {
            let arms = data.variants.iter().enumerate().map(|(index, variant)| {
                for attribute in content_hash_attributes(&variant.attrs) {
                    errors.add(Error::new_spanned(
                        attribute,
                        "`#[content_hash(…)]` on a variant has no meaning: write it on a field",
                    ));
                }
                let ident = &variant.ident;
                let index = u32::try_from(index).expect("an enum has fewer variants");
                let of = (index, ident.unraw().to_string());
                let (pattern, contents) = contents(&variant.fields, krate, errors);
                let written = form(&name, Some(of), &variant.fields, contents, &hasher);
                quote!(Self::#ident #pattern => { #written })
            });
            let arms: Vec<_> = arms.collect();
            quote!(match self { #(#arms)* })
        }
        Data::Union(data) => {
            errors.add(Error::new(
                data.union_token.span,
                "a union does not know which of its fields is alive: implement `ContentHash` by hand",
            ));
            TokenStream::new()
        }
    }
}

/// The type parameters that stand in the types of fields which are hashed by their own `ContentHash`. Others need no
/// bound: what is skipped or hashed by a function of the user's may be of any type.
fn used_in_own_hashes(input: &DeriveInput) -> HashSet<Ident> {
    /// Collects every identifier of a type: one too many is a bound too many, as with other derives.
    fn collect(tokens: TokenStream, found: &mut HashSet<Ident>) {
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => drop(found.insert(ident)),
                TokenTree::Group(group) => collect(group.stream(), found),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
    let fields: Vec<&Field> = match &input.data {
        Data::Struct(data) => data.fields.iter().collect(),
        Data::Enum(data) => data.variants.iter().flat_map(|variant| &variant.fields).collect(),
        Data::Union(_) => Vec::new(),
    };
    let mut found = HashSet::new();
    for field in fields {
        // Its mistakes are reported where its content is written.
        if matches!(read_field(field, &mut Errors(None)), How::Own) && !is_phantom(&field.ty) {
            collect(field.ty.to_token_stream(), &mut found);
        }
    }
    found
}

/// Whether a type is `PhantomData<…>`, which has a hash whatever it is of.
fn is_phantom(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    path.path.segments.last().is_some_and(|last| last.ident == "PhantomData")
}

/// The statements that hash the one field that counts, in place of the whole value.
fn transparent_content(
    input: &DeriveInput,
    krate: &Path,
    span: Span,
    errors: &mut Errors,
) -> TokenStream {
    let Data::Struct(data) = &input.data else {
        errors.add(Error::new(span, "`transparent` is for a struct: drop it"));
        return TokenStream::new();
    };
    let (pattern, mut contents) = contents(&data.fields, krate, errors);
    match (contents.pop(), contents.is_empty()) {
        (Some((_, content)), true) => quote!(let Self #pattern = self; #content),
        _ => {
            errors.add(Error::new(
                span,
                "`transparent` is for a struct with one field: drop it, or write \
                 `#[content_hash(skip)]` on the others",
            ));
            TokenStream::new()
        }
    }
}

/// The statements that write a struct, or a variant of an enum, with its number and name: what stands for all that is known of it
/// here, worked out here, and the contents of its fields. Names are there for who shows a value.
fn form(
    name: &str,
    variant: Option<(u32, String)>,
    fields: &Fields,
    contents: Vec<(Option<String>, TokenStream)>,
    hasher: &TokenStream,
) -> TokenStream {
    let names: Vec<&str> = contents.iter().filter_map(|(name, _)| name.as_deref()).collect();
    let form = Form { name, variant: variant.as_ref(), fields, len: contents.len(), names: &names };
    let id = Literal::byte_string(&form.id());
    let shown = form.shown(hasher);
    let contents = contents.iter().map(|(name, content)| match name {
        Some(name) => quote!(#hasher::derived_field(__daglite_hasher, #name); #content),
        None => content.clone(),
    });
    quote! {
        #hasher::begin_derived(__daglite_hasher, #id, |__daglite_hasher| { #shown });
        #(#contents)*
    }
}

/// What is known of a struct or variant without a value.
struct Form<'a> {
    /// Of the type.
    name: &'a str,
    /// Number and name.
    variant: Option<&'a (u32, String)>,
    fields: &'a Fields,
    /// How many fields count.
    len: usize,
    /// Their names, if they have some.
    names: &'a [&'a str],
}

impl Form<'_> {
    /// The 16 bytes that stand for it: `docs/format.md`.
    fn id(&self) -> [u8; 16] {
        let mut bytes = b"daglite derived v1".to_vec();
        let mut text = |text: &str| {
            bytes.extend((text.len() as u64).to_le_bytes());
            bytes.extend(text.as_bytes());
        };
        text(self.name);
        if let Some((index, variant)) = self.variant {
            text(&index.to_string());
            text(variant);
        }
        text(match (self.variant.is_some(), self.fields) {
            (false, Fields::Named(_) | Fields::Unit) => "struct",
            (false, Fields::Unnamed(_)) => "tuple struct",
            (true, Fields::Named(_)) => "struct variant",
            (true, Fields::Unnamed(_)) => "tuple variant",
            (true, Fields::Unit) => "unit variant",
        });
        text(&self.len.to_string());
        self.names.iter().copied().for_each(text);
        let mut id = [0; 16];
        id.copy_from_slice(&blake3::hash(&bytes).as_bytes()[..16]);
        id
    }

    /// The statements that write its names.
    fn shown(&self, hasher: &TokenStream) -> TokenStream {
        let (name, len) = (self.name, self.len);
        let Some((index, variant)) = self.variant else {
            let begin = match self.fields {
                Fields::Unnamed(_) => quote!(begin_tuple_struct),
                Fields::Named(_) | Fields::Unit => quote!(begin_struct),
            };
            return quote!(#hasher::#begin(__daglite_hasher, #name, #len););
        };
        let begin = match self.fields {
            Fields::Unit => quote!(#hasher::unit(__daglite_hasher)),
            Fields::Unnamed(_) => quote!(#hasher::begin_tuple(__daglite_hasher, #len)),
            Fields::Named(_) => quote!(#hasher::begin_struct(__daglite_hasher, #variant, #len)),
        };
        quote! {
            #hasher::begin_variant(__daglite_hasher, #name, #index, #variant);
            #begin;
        }
    }
}

/// The pattern that takes a struct or variant apart, and of each field that counts its name and the statement that hashes it.
fn contents(
    fields: &Fields,
    krate: &Path,
    errors: &mut Errors,
) -> (TokenStream, Vec<(Option<String>, TokenStream)>) {
    let mut patterns = Vec::new();
    let mut contents = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        let binding = format_ident!("__daglite_{index}");
        let how = read_field(field, errors);
        let bound = if matches!(how, How::Skip) { quote!(_) } else { quote!(#binding) };
        patterns.push(match &field.ident {
            Some(ident) => quote!(#ident: #bound),
            None => bound,
        });
        let ty = &field.ty;
        // Shown at the type, so that a type without a hash is underlined itself; resolved as our own names are, for
        // the type may come from a `macro_rules!` of the user.
        let span = Span::call_site().located_at(ty.span());
        let content = match how {
            How::Skip => continue,
            How::Own => quote_spanned! {span=>
                <#ty as #krate::ContentHash>::content_hash(#binding, __daglite_hasher);
            },
            How::Serde => quote_spanned! {span=>
                #krate::serde_hash::<#ty>(#binding, __daglite_hasher);
            },
            How::With(function) => quote!(#function(#binding, __daglite_hasher);),
        };
        contents.push((field.ident.as_ref().map(|ident| ident.unraw().to_string()), content));
    }
    let pattern = match fields {
        Fields::Named(_) => quote!({ #(#patterns),* }),
        Fields::Unnamed(_) => quote!(( #(#patterns),* )),
        Fields::Unit => TokenStream::new(),
    };
    (pattern, contents)
}

/// The attributes that are ours.
fn content_hash_attributes(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("content_hash"))
}

/// Reads `#[content_hash(crate = path)]` and `#[content_hash(transparent)]` on the type.
fn read_type(attributes: &[Attribute], errors: &mut Errors) -> TypeOptions {
    let mut krate = None;
    let mut transparent = None;
    for attribute in content_hash_attributes(attributes) {
        let read = attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("crate") {
                let path = meta.value()?.call(Path::parse_mod_style)?;
                if krate.replace(path).is_some() {
                    return Err(meta.error("`crate` is given twice: write it once"));
                }
                Ok(())
            } else if meta.path.is_ident("transparent") {
                if transparent.replace(meta.path.span()).is_some() {
                    return Err(meta.error("`transparent` is given twice: write it once"));
                }
                Ok(())
            } else if ["skip", "serde", "with"].iter().any(|option| meta.path.is_ident(option)) {
                let option = meta.path.require_ident()?;
                Err(meta.error(format!("`{option}` is for a field: write it on the field")))
            } else {
                Err(meta.error("unknown option: a type takes `crate = path` or `transparent`"))
            }
        });
        read.unwrap_or_else(|error| errors.add(error));
    }
    TypeOptions { krate: krate.unwrap_or_else(|| parse_quote!(::daglite)), transparent }
}

/// Reads `#[content_hash(skip)]`, `#[content_hash(serde)]` and `#[content_hash(with = path)]` on a field.
fn read_field(field: &Field, errors: &mut Errors) -> How {
    let mut how = None;
    for attribute in content_hash_attributes(&field.attrs) {
        let read = attribute.parse_nested_meta(|meta| {
            let found = if meta.path.is_ident("skip") {
                How::Skip
            } else if meta.path.is_ident("serde") {
                How::Serde
            } else if meta.path.is_ident("with") {
                How::With(meta.value()?.parse()?)
            } else if meta.path.is_ident("crate") || meta.path.is_ident("transparent") {
                let option = meta.path.require_ident()?;
                return Err(
                    meta.error(format!("`{option}` is for the type: write it above the type"))
                );
            } else {
                return Err(
                    meta.error("unknown option: a field takes `skip`, `serde` or `with = path`")
                );
            };
            match how.replace(found) {
                Some(_) => {
                    Err(meta.error("a field takes one option: keep `skip`, `serde` or `with`"))
                }
                None => Ok(()),
            }
        });
        read.unwrap_or_else(|error| errors.add(error));
    }
    how.unwrap_or(How::Own)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(input: TokenStream) -> Vec<String> {
        let text = expand(input).to_string();
        let parts = text.split("compile_error ! { \"").skip(1);
        parts.map(|part| part.split('"').next().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn every_mistake_is_reported_at_once() {
        let found = errors(quote! {
            #[content_hash(skip)]
            struct Options {
                #[content_hash(skp)]
                a: u8,
                #[content_hash(crate = x)]
                b: u8,
                #[content_hash(skip, serde)]
                c: u8,
            }
        });
        assert_eq!(found.len(), 4, "{found:?}");
    }

    #[test]
    fn a_union_is_refused() {
        let found = errors(quote!(union U { a: u8, b: f32 }));
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("a union does not know"), "{found:?}");
    }

    #[test]
    fn an_option_on_a_variant_is_refused() {
        let found = errors(quote!(
            enum E {
                #[content_hash(skip)]
                A,
            }
        ));
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("on a variant"), "{found:?}");
    }

    #[test]
    fn transparent_is_for_one_field_of_a_struct() {
        for input in [
            quote!(
                #[content_hash(transparent)]
                struct S(u8, u8);
            ),
            quote!(
                #[content_hash(transparent)]
                struct S;
            ),
            quote!(
                #[content_hash(transparent)]
                enum E {
                    A(u8),
                }
            ),
        ] {
            let found = errors(input);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].starts_with("`transparent` is for a struct"), "{found:?}");
        }
    }

    #[test]
    fn only_what_hashes_itself_is_asked_for_a_hash() {
        let text = expand(quote! {
            struct S<A, B, C, D> {
                own: Vec<A>,
                #[content_hash(skip)]
                skipped: B,
                #[content_hash(with = by)]
                with: C,
                phantom: PhantomData<D>,
            }
        });
        let text = text.to_string();
        assert!(text.contains("impl < A : :: daglite :: ContentHash , B , C , D >"), "{text}");
    }

    #[test]
    fn the_library_goes_by_the_name_it_is_given() {
        let text = expand(quote! {
            #[content_hash(crate = ::other)]
            struct S<T>(T);
        });
        let text = text.to_string();
        assert!(!text.contains(":: daglite ::"), "{text}");
        assert!(text.contains(":: other :: ContentHash for S < T >"), "{text}");
    }
}
