//! Shuttles as they are sent.

use domain::transit::MAX_CAPACITY;
use kit::input::{Code, Input, Int, Patch, Slug, Text};

kit::text_type! {
    /// The id of a new shuttle.
    pub struct NewShuttleId, domain::transit::NEW_ID_RULE, pattern: "^[A-Za-z0-9_.-]{1,64}$", domain::transit::is_new_id
}

/// A new shuttle.
#[derive(Input)]
#[input(example = r#"{"temple_id": "somnath", "name": "Shuttle 105", "plate": "GJ32T4105", "capacity": 32}"#)]
pub struct NewShuttle {
    /// Its code; a UUID unless it says otherwise. Not `routes`, `shuttles` or `stops`, which are paths of their own.
    #[input(alias("shuttle_id"))]
    pub id: Option<NewShuttleId>,
    /// The temple's slug.
    #[input(alias("site"))]
    pub temple_id: Slug,
    /// The name that people read.
    pub name: Text<1, 100>,
    /// Its plate.
    pub plate: Option<Text<1, 20>>,
    /// How many people it is meant for.
    pub capacity: Int<1, MAX_CAPACITY>,
    /// A route of the same temple.
    #[input(alias("route"))]
    pub route_id: Option<Code>,
    /// The device that may send its position; no other shuttle in service has the same.
    pub device_code: Option<Code>,
}

/// A change of a shuttle: what is not sent stays; null takes away the route, the plate and the device.
#[derive(Input)]
#[input(read_only("passengers", "free_places", "load_percent", "location", "updated_at"))]
#[input(example = r#"{"name": "Shuttle 101 (electric)", "capacity": 36, "plate": null}"#)]
pub struct ShuttleChange {
    /// May be repeated, and cannot be changed.
    #[input(rename = "id", alias("shuttle_id"))]
    _id: Option<Code>,
    /// May be repeated, and cannot be changed.
    #[input(rename = "temple_id", alias("site"))]
    _temple_id: Option<Slug>,
    /// The name that people read.
    pub name: Option<Text<1, 100>>,
    /// Its plate; null when it is not known.
    pub plate: Patch<Text<1, 20>>,
    /// How many people it is meant for.
    pub capacity: Option<Int<1, MAX_CAPACITY>>,
    /// A route of the same temple.
    #[input(alias("route"))]
    pub route_id: Patch<Code>,
    /// The device that may send its position; no other shuttle in service has the same.
    pub device_code: Patch<Code>,
    /// False takes it out of service.
    pub is_active: Option<bool>,
}

#[cfg(test)]
mod tests {
    use kit::input::parse;

    use super::*;

    #[test]
    fn examples_are_taken() {
        assert_eq!(*parse::<NewShuttle>(NewShuttle::example().unwrap().as_bytes(), 0).unwrap().capacity, 32);
        assert_eq!(parse::<ShuttleChange>(ShuttleChange::example().unwrap().as_bytes(), 0).unwrap().plate, Patch::Clear);
    }
}
