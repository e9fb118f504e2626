//! The objects of APDS, as far as they are told here.

mod terms;

pub use terms::{
    Amount, Eligibility, Qualification, RateEligibility, RateLine, RateLineCollection, RateTable, RateTableList, RightSpecification,
    RightSpecificationList, Validity,
};

use kit::input::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

/// What is said of a list as a whole.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApdsListMeta)]
pub struct Meta {
    /// When anything in it last changed, seconds since 1970.
    reference_instant: i64,
    /// The number of the first item; 0, as a list is answered as a whole.
    offset: usize,
    /// How many items a list has at most.
    page_size: usize,
    /// How many items there are.
    total: usize,
}

impl Meta {
    pub const fn new(changed_at: i64, total: usize) -> Self {
        let page_size = crate::scope::MAX_SITES + crate::scope::MAX_ZONES + crate::scope::MAX_SPACES as usize;
        Self { reference_instant: changed_at / 1000, offset: 0, page_size, total }
    }
}

/// A thing and its version.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApdsVersionedReference)]
pub struct VersionedReference {
    /// What names it.
    pub id: String,
    /// It rises with each change.
    pub version: i64,
    /// What it is.
    pub class_name: &'static str,
}

/// A thing without its version.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApdsReference)]
pub struct Reference {
    /// What names it.
    pub id: String,
    /// What it is.
    pub class_name: &'static str,
}

/// A text in a language.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApdsText)]
pub struct Text {
    /// ISO 639-1.
    pub language: String,
    /// The text.
    pub string: String,
}

/// A point of GeoJSON.
#[derive(Serialize, ToSchema)]
#[schema(as = ApdsPoint)]
pub struct Point {
    /// `Point`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Longitude, then latitude, degrees of WGS 84.
    pub coordinates: [f64; 2],
}

/// Places, their parts and their spaces.
#[derive(Serialize, ToSchema)]
#[schema(as = ApdsHierarchyElementList)]
pub struct HierarchyElementList {
    /// What is said of the list as a whole.
    pub meta: Meta,
    /// Each place, followed by its parts, each followed by its spaces.
    pub data: Vec<HierarchyElement>,
}

/// A place, a part of one, or a space.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApdsHierarchyElement)]
pub struct HierarchyElement {
    /// What names it.
    pub id: String,
    /// It rises with each change.
    pub version: i64,
    /// `campus`, `place`, `subplaceElement` or `space`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The name that people read.
    pub name: Vec<Text>,
    /// What it is called in Gatehouse: a site's slug, a zone's code, a spot's id.
    pub aliases: Vec<Vec<Text>>,
    /// 0 for a place, 1 for its parts, 2 for a space.
    pub layer: u8,
    /// What it is a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub parent_id: Option<VersionedReference>,
    /// Its parts or spaces, where they are told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub child_ids: Vec<VersionedReference>,
    /// What may be done there, and by which rates.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub right_specifications: Vec<VersionedReference>,
    /// When it was made.
    pub hierarchy_element_record: Record,
    /// How many spaces there are, and how many are taken.
    pub hierarchy_element_reference: Usage,
    /// Of a place: the IANA name of its time zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub time_zone: Option<String>,
    /// Of a place: where it is.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub indicative_place_point_location: Vec<Point>,
    /// Of a place: what it is like.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub characteristics: Option<Characteristics>,
    /// Of a space: what names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub space_id: Option<Reference>,
}

/// When a place was made.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApdsRecord)]
pub struct Record {
    /// When this version of it was made.
    pub creation_time: Timestamp,
}

/// How many spaces there are, and how many are taken.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApdsHierarchyElementReference)]
pub struct Usage {
    /// Of what.
    pub element_id: VersionedReference,
    /// How many are taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub demand_table: Vec<DemandTable>,
    /// How many can be used.
    pub supply: Vec<Supply>,
}

/// How many spaces are taken at a time.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApdsDemandTable)]
pub struct DemandTable {
    /// When any of it last changed.
    pub timestamp: Timestamp,
    /// How many.
    pub demand_type: Vec<Demand>,
}

/// How many spaces are taken.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApdsDemandType)]
pub struct Demand {
    /// Spaces that nobody else can have: occupied, or kept for somebody.
    pub count: i64,
    /// `counted`.
    pub occupancy_calculation: &'static str,
    /// Their share of those that can be used; left out where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub percentage: Option<f64>,
    /// When any of it last changed.
    pub record_date_time: Timestamp,
}

/// How many spaces can be used.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApdsSupply)]
pub struct Supply {
    /// `spaceView`: each is marked.
    pub supply_view_type: &'static str,
    /// How many.
    pub supply_quantity: i64,
}

/// What a place is like.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApdsCharacteristics)]
pub struct Characteristics {
    /// All spaces.
    pub spaces_total: i64,
}
