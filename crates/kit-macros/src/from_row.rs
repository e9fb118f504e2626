use proc_macro2::TokenStream;
use quote::quote;
use syn::{DeriveInput, Field, LitStr, Path};

/// `#[row(…)]` on a field.
#[derive(Default)]
struct FieldOptions {
    column: Option<String>,
    with: Option<Path>,
    flatten: bool,
}

pub fn expand(item: &DeriveInput) -> syn::Result<TokenStream> {
    let name = &item.ident;
    let (generics, type_generics, bounds) = item.generics.split_for_impl();
    let mut values = Vec::new();
    for field in crate::named_fields(item)? {
        let options = field_options(field)?;
        let (ident, kind) = (&field.ident, &field.ty);
        let value = match options {
            FieldOptions { with: Some(with), .. } => quote! { #with(row)? },
            FieldOptions { flatten: true, .. } => quote! { <#kind as ::kit::row::FromRow>::from_row(row)? },
            FieldOptions { column, .. } => {
                let column = column.unwrap_or_else(|| crate::plain_name(field));
                quote! { row.get::<#kind>(#column)? }
            }
        };
        values.push(quote! { #ident: #value });
    }
    Ok(quote! {
        impl #generics ::kit::row::FromRow for #name #type_generics #bounds {
            fn from_row(row: &::kit::row::Row) -> ::std::result::Result<Self, ::kit::Problem> {
                ::std::result::Result::Ok(Self { #(#values),* })
            }
        }
    })
}

fn field_options(field: &Field) -> syn::Result<FieldOptions> {
    let mut options = FieldOptions::default();
    for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("row")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("column") {
                options.column = Some(meta.value()?.parse::<LitStr>()?.value());
            } else if meta.path.is_ident("with") {
                options.with = Some(meta.value()?.parse()?);
            } else if meta.path.is_ident("flatten") {
                options.flatten = true;
            } else {
                return Err(meta.error("expected `column = …`, `with = …` or `flatten`"));
            }
            Ok(())
        })?;
    }
    Ok(options)
}
