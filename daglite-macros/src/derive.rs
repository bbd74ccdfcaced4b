//! `#[derive(ContentHash)]`: a type's fields into its content hash.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DeriveInput, Error, Field, Fields, Path, parse_quote};

/// The impl, or a compile error for each mistake.
pub(crate) fn expand(input: TokenStream) -> TokenStream {
    let input = match syn::parse2::<DeriveInput>(input) {
        Ok(input) => input,
        Err(error) => return error.into_compile_error(),
    };
    let mut errors = Errors(None);
    let krate = read_crate(&input.attrs, &mut errors);
    let content = content(&input, &krate, &mut errors);
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
    /// Not at all.
    Skip,
}

/// The impl of the trait around `content`.
fn implement(input: &DeriveInput, krate: &Path, content: &TokenStream) -> TokenStream {
    let name = &input.ident;
    let mut generics = input.generics.clone();
    for parameter in generics.type_params_mut() {
        parameter.bounds.push(parse_quote!(#krate::ContentHash));
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
            let (pattern, parts) = parts(&data.fields, krate, errors);
            let begin = match &data.fields {
                Fields::Unnamed(_) => quote!(begin_tuple_struct),
                Fields::Named(_) | Fields::Unit => quote!(begin_struct),
            };
            let (len, parts) = (parts.len(), parts);
            quote! {
                let Self #pattern = self;
                #hasher::#begin(__daglite_hasher, #name, #len);
                #(#parts)*
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
                let variant_name = ident.unraw().to_string();
                let index = u32::try_from(index).expect("an enum has fewer variants");
                let (pattern, parts) = parts(&variant.fields, krate, errors);
                let len = parts.len();
                let begin = match &variant.fields {
                    Fields::Unit => quote!(#hasher::unit(__daglite_hasher)),
                    Fields::Unnamed(_) => quote!(#hasher::begin_tuple(__daglite_hasher, #len)),
                    Fields::Named(_) => {
                        quote!(#hasher::begin_struct(__daglite_hasher, #variant_name, #len))
                    }
                };
                quote! {
                    Self::#ident #pattern => {
                        #hasher::begin_variant(__daglite_hasher, #name, #index, #variant_name);
                        #begin;
                        #(#parts)*
                    }
                }
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

/// The pattern that takes a struct or variant apart, and the statements for the fields that count.
fn parts(fields: &Fields, krate: &Path, errors: &mut Errors) -> (TokenStream, Vec<TokenStream>) {
    let mut patterns = Vec::new();
    let mut parts = Vec::new();
    for (index, field) in fields.iter().enumerate() {
        let binding = format_ident!("__daglite_{index}");
        let how = read_field(field, errors);
        let bound = if matches!(how, How::Skip) { quote!(_) } else { quote!(#binding) };
        let field_name = match &field.ident {
            Some(ident) => {
                patterns.push(quote!(#ident: #bound));
                let name = ident.unraw().to_string();
                quote!(#krate::ContentHasher::field(__daglite_hasher, #name);)
            }
            None => {
                patterns.push(bound);
                TokenStream::new()
            }
        };
        let ty = &field.ty;
        // Shown at the type, so that a type without a hash is underlined itself; resolved as our own names are, for
        // the type may come from a `macro_rules!` of the user.
        let span = Span::call_site().located_at(ty.span());
        let hash = match how {
            How::Skip => continue,
            How::Own => quote_spanned! {span=>
                <#ty as #krate::ContentHash>::content_hash(#binding, __daglite_hasher);
            },
            How::Serde => quote_spanned! {span=>
                #krate::serde_hash::<#ty>(#binding, __daglite_hasher);
            },
        };
        parts.push(quote!(#field_name #hash));
    }
    let pattern = match fields {
        Fields::Named(_) => quote!({ #(#patterns),* }),
        Fields::Unnamed(_) => quote!(( #(#patterns),* )),
        Fields::Unit => TokenStream::new(),
    };
    (pattern, parts)
}

/// The attributes that are ours.
fn content_hash_attributes(attributes: &[Attribute]) -> impl Iterator<Item = &Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("content_hash"))
}

/// Reads `#[content_hash(crate = path)]` on the type.
fn read_crate(attributes: &[Attribute], errors: &mut Errors) -> Path {
    let mut krate = None;
    for attribute in content_hash_attributes(attributes) {
        let read = attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("crate") {
                let path = meta.value()?.call(Path::parse_mod_style)?;
                if krate.replace(path).is_some() {
                    return Err(meta.error("`crate` is given twice: write it once"));
                }
                Ok(())
            } else if meta.path.is_ident("skip") || meta.path.is_ident("serde") {
                let option = meta.path.require_ident()?;
                Err(meta.error(format!("`{option}` is for a field: write it on the field")))
            } else {
                Err(meta.error("unknown option: a type takes `crate = path`"))
            }
        });
        read.unwrap_or_else(|error| errors.add(error));
    }
    krate.unwrap_or_else(|| parse_quote!(::daglite))
}

/// Reads `#[content_hash(skip)]` and `#[content_hash(serde)]` on a field.
fn read_field(field: &Field, errors: &mut Errors) -> How {
    let mut how = None;
    for attribute in content_hash_attributes(&field.attrs) {
        let read = attribute.parse_nested_meta(|meta| {
            let found = if meta.path.is_ident("skip") {
                How::Skip
            } else if meta.path.is_ident("serde") {
                How::Serde
            } else if meta.path.is_ident("crate") {
                return Err(meta.error("`crate` is for the type: write it above the type"));
            } else {
                return Err(meta.error("unknown option: a field takes `skip` or `serde`"));
            };
            match how.replace(found) {
                Some(_) => Err(meta.error("a field takes one option: keep `skip` or `serde`")),
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
