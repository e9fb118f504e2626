//! The objects of APDS, as far as they are told here.

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

/// Rate tables.
#[derive(Serialize, ToSchema)]
#[schema(as = ApdsRateTableList)]
pub struct RateTableList {
    /// What is said of the list as a whole.
    pub meta: Meta,
    /// The tables.
    pub data: Vec<RateTable>,
}

/// Prices of the spaces of a site, or of one kind of them.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApdsRateTable)]
pub struct RateTable {
    /// What names it.
    pub id: String,
    /// It rises with each change.
    pub version: i64,
    /// What it is called.
    pub rate_table_name: Vec<Text>,
    /// `public`.
    pub availability: &'static str,
    /// `hourly`.
    pub rate_type: &'static str,
    /// Since when it holds.
    pub validity: Validity,
    /// One: the prices.
    pub rate_line_collections: Vec<RateLineCollection>,
}

/// When something holds.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApdsValidity)]
pub struct Validity {
    /// From when on.
    pub validity_time_specification: OverallPeriod,
}

/// A period without an end.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApdsOverallPeriod)]
pub struct OverallPeriod {
    /// Its start.
    pub overall_start_time: Timestamp,
}

impl Validity {
    pub const fn since(at: Timestamp) -> Self {
        Self { validity_time_specification: OverallPeriod { overall_start_time: at } }
    }
}

/// The prices of a day, from midnight to midnight at the site.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApdsRateLineCollection)]
pub struct RateLineCollection {
    /// What names it.
    pub id: String,
    /// It rises with each change.
    pub version: i64,
    /// 1: there is one.
    pub collection_sequence: usize,
    /// ISO 4217.
    pub applicable_currency: String,
    /// When it begins anew, by the site's clock.
    pub reset_time: &'static str,
    /// The least for a stay that costs anything.
    pub min_value_collection: Amount,
    /// The most for a day; left out when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub max_value_collection: Option<Amount>,
    /// Since when it holds.
    pub valid_start: Timestamp,
    /// False: times are those of the site's clock.
    pub relative_times: bool,
    /// True: what is said is what is paid.
    pub tax_included: bool,
    /// What is free at first, if anything, and an hour's price.
    pub rate_lines: Vec<RateLine>,
}

/// A part of the prices.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApdsRateLine)]
pub struct RateLine {
    /// What names it.
    pub id: String,
    /// It rises with each change.
    pub version: i64,
    /// Its place among them, from 1.
    pub sequence: usize,
    /// `flatRateTier` or `incrementingRate`.
    pub rate_line_type: &'static str,
    /// From when after the start of a stay on, `hh:mm`; left out for what holds all the time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub duration_start: Option<String>,
    /// Until when after the start of a stay, `hh:mm`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub duration_end: Option<String>,
    /// How long a part of a stay costs so much.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub increment_period: Option<&'static str>,
    /// How much, in the currency's main unit.
    pub value: f64,
}

/// An amount of money.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApdsAmount)]
pub struct Amount {
    /// ISO 4217.
    pub currency_type: String,
    /// How much, in the currency's main unit.
    pub currency_value: f64,
}

/// Right specifications.
#[derive(Serialize, ToSchema)]
#[schema(as = ApdsRightSpecificationList)]
pub struct RightSpecificationList {
    /// What is said of the list as a whole.
    pub meta: Meta,
    /// One for each site and rate table.
    pub data: Vec<RightSpecification>,
}

/// What may be done at which places, and by which rates.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApdsRightSpecification)]
pub struct RightSpecification {
    /// What names it.
    pub id: String,
    /// It rises with each change.
    pub version: i64,
    /// What it is called.
    pub description: Vec<Text>,
    /// `oneTimeUseParking`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// False: a stay is its driver's.
    pub transferable: bool,
    /// Who grants it.
    pub issuer: VersionedReference,
    /// Since when it holds.
    pub validity: Validity,
    /// Where.
    pub hierarchy_elements: Vec<VersionedReference>,
    /// By which rates; free of charge when it names none.
    pub rate_eligibility: Vec<RateEligibility>,
}

/// By which rates something is done, and by whom.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApdsRateEligibility)]
pub struct RateEligibility {
    /// What names it.
    pub id: String,
    /// It rises with each change.
    pub version: i64,
    /// 1: there is one.
    pub priority: u8,
    /// False: one table is applied.
    pub combinable: bool,
    /// The rates; left out where it is free of charge.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub rate_table: Option<VersionedReference>,
    /// Who may: anybody, and whether it is free.
    pub eligibility: Eligibility,
}

/// Who may do something.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApdsEligibility)]
pub struct Eligibility {
    /// What names it.
    pub id: String,
    /// It rises with each change.
    pub version: i64,
    /// One.
    pub qualifications: Vec<Qualification>,
}

/// What is asked of who may do something.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApdsQualification)]
pub struct Qualification {
    /// Whether it costs nothing.
    pub free_to_park: bool,
    /// False: a space may be taken without one.
    pub with_reservation: bool,
}
