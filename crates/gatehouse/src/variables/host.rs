//! The host functions of `spin:variables`.

use std::collections::HashMap;

use wasmtime::component::{Accessor, HasData};

use crate::bindings::variables::variables::{Error, Host, HostWithStore};
use crate::manifest::is_variable_name;

/// The part of an instance's state that `spin:variables` needs.
pub struct VariablesView<'a> {
    /// The component's variables.
    pub values: &'a HashMap<String, String>,
}

/// Implements `spin:variables` for any store that has a [`VariablesView`].
pub struct VariablesHost;

impl HasData for VariablesHost {
    type Data<'a> = VariablesView<'a>;
}

impl Host for VariablesView<'_> {}

impl<T: Send + 'static> HostWithStore<T> for VariablesHost {
    async fn get(accessor: &Accessor<T, Self>, name: String) -> wasmtime::Result<Result<String, Error>> {
        if !is_variable_name(&name) {
            return Ok(Err(Error::InvalidName(name)));
        }
        let value = accessor.with(|mut access| access.get().values.get(&name).cloned());
        Ok(value.ok_or_else(|| Error::Undefined(format!("no variable {name:?}"))))
    }
}
