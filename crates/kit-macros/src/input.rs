use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::punctuated::Punctuated;
use syn::{Attribute, DeriveInput, Expr, ExprLit, Field, Lit, LitStr, Meta, Token};

/// `#[input(…)]` on the struct.
#[derive(Default)]
struct StructOptions {
    check: bool,
    example: Option<Expr>,
    read_only: Vec<LitStr>,
    refuse_unknown: bool,
}

/// `#[input(…)]` on a field.
#[derive(Default)]
struct FieldOptions {
    name: Option<String>,
    aliases: Vec<LitStr>,
    default: bool,
    flatten: bool,
    same_as_path: Option<LitStr>,
}

pub fn expand(item: &DeriveInput) -> syn::Result<TokenStream> {
    let options = struct_options(&item.attrs)?;
    let name = &item.ident;
    let (generics, type_generics, bounds) = item.generics.split_for_impl();
    let (mut reads, mut values, mut properties, mut known) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut named_by_path, mut flattened_names_path) = (Vec::new(), Vec::new());
    for field in crate::named_fields(item)? {
        let FieldOptions { name, aliases, default, flatten, same_as_path } = field_options(field)?;
        let (ident, kind) = (&field.ident, &field.ty);
        // Apart from the names that the expansion uses itself.
        let local = format_ident!("field_{}", crate::plain_name(field));
        if flatten {
            reads.push(quote! { let #local = <#kind as ::kit::input::Input>::read(object, at); });
            properties.push(quote! { properties.extend(<#kind as ::kit::input::Input>::properties(schemas)); });
            known.push(quote! { <#kind as ::kit::input::Input>::knows(name) });
            flattened_names_path.push(quote! { <#kind as ::kit::input::Input>::NAMES_PATH });
        } else {
            let name = name.unwrap_or_else(|| crate::plain_name(field));
            let description = doc_comment(&field.attrs);
            known.push(quote! { [#name, #(#aliases),*].contains(&name) });
            let read = if default { quote!(field_or_default) } else { quote!(field) };
            reads.push(quote! { let #local = at.#read::<#kind>(object, #name, &[#(#aliases),*]); });
            if let Some(parameter) = same_as_path {
                named_by_path.push(ident);
                reads.push(quote! { let #local = at.same_as_path(#local, #name, #parameter); });
            }
            properties.push(quote! {
                properties.push(::kit::input::Property::new::<#kind>(#name, &[#(#aliases),*], #description, #default, schemas));
            });
        }
        values.push(quote! { #ident: #local? });
    }
    let read_only = &options.read_only;
    if !read_only.is_empty() {
        reads.push(quote! { at.refuse_read_only(object, &[#(#read_only),*]); });
        known.push(quote! { [#(#read_only),*].contains(&name) });
        properties.push(quote! { properties.extend([#(#read_only),*].map(::kit::input::Property::read_only)); });
    }
    let refuse_unknown = options.refuse_unknown;
    if refuse_unknown {
        reads.push(quote! { at.refuse_unknown(object, <Self as ::kit::input::Input>::knows); });
    }
    let check = options.check.then(|| quote! { value.check(at); });
    let example = options.example.map(|example| {
        quote! {
            fn example() -> ::std::option::Option<&'static str> { ::std::option::Option::Some(#example) }
        }
    });
    // What the path names may be repeated, of what is read-only too.
    let names_path = !named_by_path.is_empty() || !read_only.is_empty();
    // Keeps the compiler from warning that the field is never read.
    let read = (!named_by_path.is_empty()).then(|| quote! { const _: fn(&#name) = |value| { #(let _ = &value.#named_by_path;)* }; });
    let (title, description) = (name.to_string(), doc_comment(&item.attrs));
    Ok(quote! {
        impl #generics ::kit::input::Input for #name #type_generics #bounds {
            const NAME: &'static str = #title;
            const DESCRIPTION: &'static str = #description;
            const NAMES_PATH: bool = #names_path #(|| #flattened_names_path)*;
            const REFUSES_UNKNOWN: bool = #refuse_unknown;

            fn read(object: &::kit::input::Object, at: &mut ::kit::input::At<'_>) -> ::std::option::Option<Self> {
                #(#reads)*
                let value = Self { #(#values),* };
                #check
                ::std::option::Option::Some(value)
            }

            fn knows(name: &str) -> bool {
                false #(|| #known)*
            }

            fn properties(schemas: &mut ::kit::input::Schemas) -> ::std::vec::Vec<::kit::input::Property> {
                let mut properties = ::std::vec::Vec::new();
                #(#properties)*
                properties
            }

            #example
        }

        #read

        impl #generics ::kit::input::Field for #name #type_generics #bounds {
            fn read(value: &::kit::input::Value, at: &mut ::kit::input::At<'_>) -> ::std::option::Option<Self> {
                ::kit::input::read_object(value, at)
            }

            fn schema(schemas: &mut ::kit::input::Schemas) -> ::kit::input::SchemaRef {
                ::kit::input::reference::<Self>(schemas)
            }
        }
    })
}

fn struct_options(attributes: &[Attribute]) -> syn::Result<StructOptions> {
    let mut options = StructOptions::default();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("input")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("check") {
                options.check = true;
            } else if meta.path.is_ident("example") {
                options.example = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("read_only") {
                let names;
                syn::parenthesized!(names in meta.input);
                options.read_only.extend(Punctuated::<LitStr, Token![,]>::parse_terminated(&names)?);
            } else if meta.path.is_ident("refuse_unknown") {
                options.refuse_unknown = true;
            } else {
                return Err(meta.error("expected `check`, `example = …`, `read_only(…)` or `refuse_unknown`"));
            }
            Ok(())
        })?;
    }
    Ok(options)
}

fn field_options(field: &Field) -> syn::Result<FieldOptions> {
    let mut options = FieldOptions::default();
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("input")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("rename") {
                options.name = Some(meta.value()?.parse::<LitStr>()?.value());
            } else if meta.path.is_ident("alias") {
                let aliases;
                syn::parenthesized!(aliases in meta.input);
                options.aliases.extend(Punctuated::<LitStr, Token![,]>::parse_terminated(&aliases)?);
            } else if meta.path.is_ident("default") {
                options.default = true;
            } else if meta.path.is_ident("same_as_path") {
                options.same_as_path = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("flatten") {
                options.flatten = true;
            } else {
                return Err(meta.error("expected `rename = …`, `alias(…)`, `default`, `same_as_path = …` or `flatten`"));
            }
            Ok(())
        })?;
    }
    Ok(options)
}

/// The text of the doc comment: what the API document says of it.
fn doc_comment(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value().trim().to_owned()),
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}
