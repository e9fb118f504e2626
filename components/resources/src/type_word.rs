//! The type of a resource or of an incident.

kit::text_type! {
    /// A lowercase word, such as `ambulance` or `missing_person`.
    pub struct TypeWord, "must be a lowercase word, such as ambulance or missing_person", pattern: "^[a-z_]{1,32}$", domain::resource::is_type
}
