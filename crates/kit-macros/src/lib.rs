//! The derives of the kit. Their documentation stands at the traits that they implement: `kit::input::Input` and `kit::row::FromRow`.

mod from_row;
mod input;

use proc_macro::TokenStream;
use syn::{Data, DeriveInput, Field, Fields, parse_macro_input};

/// Implements `kit::input::Input`, and with it `kit::input::Field` for use inside other requests.
#[proc_macro_derive(Input, attributes(input))]
pub fn derive_input(tokens: TokenStream) -> TokenStream {
    expand(&parse_macro_input!(tokens as DeriveInput), input::expand)
}

/// Implements `kit::row::FromRow`.
#[proc_macro_derive(FromRow, attributes(row))]
pub fn derive_from_row(tokens: TokenStream) -> TokenStream {
    expand(&parse_macro_input!(tokens as DeriveInput), from_row::expand)
}

fn expand(item: &DeriveInput, work: impl FnOnce(&DeriveInput) -> syn::Result<proc_macro2::TokenStream>) -> TokenStream {
    work(item).unwrap_or_else(|error| error.to_compile_error()).into()
}

/// The named fields of a struct; an error for anything else.
fn named_fields(item: &DeriveInput) -> syn::Result<impl Iterator<Item = &Field>> {
    match &item.data {
        Data::Struct(data) if matches!(data.fields, Fields::Named(_)) => Ok(data.fields.iter()),
        _ => Err(syn::Error::new_spanned(item, "only a struct with named fields can be derived")),
    }
}

/// The field's name as it is written outside Rust.
fn plain_name(field: &Field) -> String {
    field.ident.as_ref().map(|ident| ident.to_string().trim_start_matches("r#").to_owned()).unwrap_or_default()
}
