//! Where a request is being read, and what was refused so far.

use serde_json::Value;

use super::{Field, Object};
use crate::problem::FieldErrors;

/// Where in a request something is being read, and what was refused so far.
pub struct At<'a> {
    path: String,
    errors: &'a mut FieldErrors,
    now_ms: i64,
    textual: bool,
    path_values: &'a [(String, String)],
}

impl<'a> At<'a> {
    /// At the top of a body (`textual: false`), or of a query string, whose numbers and booleans are texts.
    pub fn top(errors: &'a mut FieldErrors, now_ms: i64, textual: bool) -> Self {
        Self { path: String::new(), errors, now_ms, textual, path_values: &[] }
    }

    /// With the parameters of the request's path.
    #[must_use]
    pub fn with_path(self, path_values: &'a [(String, String)]) -> Self {
        Self { path_values, ..self }
    }

    /// Refuses a field that is not, in any case, what the path names.
    pub fn same_as_path<T: std::ops::Deref<Target = str>>(
        &mut self,
        sent: Option<Option<T>>,
        name: &str,
        parameter: &str,
    ) -> Option<Option<T>> {
        let named = self.path_values.iter().find(|(known, _)| known == parameter).map(|(_, value)| value.as_str());
        let other = sent.iter().flatten().any(|sent| named.is_some_and(|named| !sent.eq_ignore_ascii_case(named)));
        self.check_field(!other, name, "cannot be changed");
        sent
    }

    /// Refuses these fields where they are sent, unless as null, or as the parameter of this name in the path.
    pub fn refuse_read_only(&mut self, object: &Object, names: &[&str]) {
        for name in names {
            let Some(sent) = object.get(*name).filter(|sent| !sent.is_null()) else { continue };
            let named = self.path_values.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
            let is_named = named.zip(sent.as_str()).is_some_and(|(named, sent)| named.eq_ignore_ascii_case(sent.trim()));
            self.check_field(is_named, name, "is read-only");
        }
    }

    /// Refuses the fields of the object that stands here which are not known.
    pub fn refuse_unknown(&mut self, object: &Object, knows: impl Fn(&str) -> bool) {
        for name in object.keys().filter(|name| !knows(name)) {
            self.refuse_field(name, "is not a field of this request");
        }
    }

    /// The time of the request, milliseconds.
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// Whether numbers and booleans are written as texts, as in a query string.
    pub fn is_textual(&self) -> bool {
        self.textual
    }

    /// Refuses what stands here.
    pub fn refuse(&mut self, reason: impl Into<String>) {
        let name = if self.path.is_empty() { "body" } else { &self.path };
        self.errors.entry(name.to_owned()).or_default().push(reason.into());
    }

    /// Refuses the whole that stands here, unless something was refused already: that says more.
    pub fn refuse_whole(&mut self, reason: &str) {
        if self.errors.is_empty() {
            self.refuse(reason);
        }
    }

    /// Refuses what stands here, and gives nothing for it.
    pub(super) fn refused<T>(&mut self, reason: &str) -> Option<T> {
        self.refuse(reason);
        None
    }

    /// Refuses the field of this name in the object that stands here.
    pub fn refuse_field(&mut self, name: &str, reason: impl Into<String>) {
        self.inside(name, |at| at.refuse(reason));
    }

    /// Refuses the field of this name unless `holds`.
    pub fn check_field(&mut self, holds: bool, name: &str, reason: &str) {
        if !holds {
            self.refuse_field(name, reason);
        }
    }

    /// Reads a field that must be there unless its type says otherwise.
    pub fn field<T: Field>(&mut self, object: &Object, name: &str, aliases: &[&str]) -> Option<T> {
        self.read(object, name, aliases, || None)
    }

    /// Reads a field whose default stands for one that was not sent.
    pub fn field_or_default<T: Field + Default>(&mut self, object: &Object, name: &str, aliases: &[&str]) -> Option<T> {
        self.read(object, name, aliases, || Some(T::default()))
    }

    fn read<T: Field>(&mut self, object: &Object, name: &str, aliases: &[&str], default: impl Fn() -> Option<T>) -> Option<T> {
        let sent = object.get(name).or_else(|| aliases.iter().find_map(|alias| object.get(*alias)));
        // An empty parameter is one that was not given.
        let sent = sent.filter(|value| !(self.textual && value.as_str() == Some("")));
        self.inside(name, |at| match sent {
            None => T::absent().or_else(default).or_else(|| at.missing()),
            Some(Value::Null) if T::absent().is_some() && T::null().is_none() => at.must_not_be_null(),
            Some(Value::Null) => T::null().or_else(default).or_else(|| at.missing()),
            Some(value) => T::read(value, at),
        })
    }

    fn missing<T>(&mut self) -> Option<T> {
        self.refused("is required")
    }

    fn must_not_be_null<T>(&mut self) -> Option<T> {
        self.refused("must not be null")
    }

    /// Does `work` at a field of the object that stands here.
    pub fn inside<T>(&mut self, name: &str, work: impl FnOnce(&mut At<'_>) -> T) -> T {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        work(&mut At { path, errors: self.errors, now_ms: self.now_ms, textual: self.textual, path_values: self.path_values })
    }

    /// Does `work` at an element of the array that stands here.
    pub fn element<T>(&mut self, index: usize, work: impl FnOnce(&mut At<'_>) -> T) -> T {
        let path = format!("{}[{index}]", self.path);
        work(&mut At { path, errors: self.errors, now_ms: self.now_ms, textual: self.textual, path_values: self.path_values })
    }
}
