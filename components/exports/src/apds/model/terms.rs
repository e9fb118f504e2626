//! By which prices, and by what right, somebody parks.

use kit::input::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Meta, Text, VersionedReference};

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
