//! DATEX II version 3 (CEN/TS 16157): what there is to park on as a `ParkingTablePublication`, how full it is as a `ParkingStatusPublication`.

mod publication;
mod rates;
mod status;
mod table;
mod tree;
mod xml;

use axum::response::Response;
use http::HeaderMap;
use kit::Answer;
use kit::input::{Code, Input, Slug};
use kit::kept::{Made, Publication as Document};
use kit::request::{Now, Query};
use kit::spots::next_claim_moment;
use strum::{EnumString, IntoStaticStr, VariantNames};

use crate::media::{Form, by_accept};
use crate::publisher::Publisher;
use crate::scope::{self, Filters, Scope};

/// Which publications, and of which places.
#[derive(Input)]
pub struct Asked {
    /// Only this site, by its slug.
    site: Option<Slug>,
    /// Only this zone of the site, by its code.
    zone: Option<Code>,
    /// Only this publication, as the document's root; both in one container unless it says otherwise.
    publication: Option<Which>,
}

/// Which publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, EnumString, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Which {
    /// The places, their spaces and their prices.
    Table,
    /// How full they are.
    Status,
}

kit::text_enum!(Which);

/// Returns car parks as DATEX II version 3, in XML, or in JSON for an `Accept` of `application/json`.
///
/// A `messageContainer` with a `ParkingTablePublication` (places, zones, spaces, rates) and a `ParkingStatusPublication` (occupancy).
#[utoipa::path(
    get,
    path = "/api/export/datex2/parking",
    responses(
        (status = 200, description = "The document.", content((String = "application/xml"), (Object = "application/json"))),
        (status = 404, description = "One publication was asked for, and there is no car park.")
    )
)]
pub async fn accepted(Now(now): Now, headers: HeaderMap, Query(asked): Query<Asked>) -> Answer<Response> {
    document(asked, Form::accepted(&headers), now).await.map(by_accept)
}

/// Returns car parks as DATEX II version 3, in XML.
#[utoipa::path(
    get,
    path = "/api/export/datex2/parking.xml",
    responses(
        (status = 200, description = "The document.", content_type = "application/xml", body = String),
        (status = 404, description = "One publication was asked for, and there is no car park.")
    )
)]
pub async fn xml(Now(now): Now, Query(asked): Query<Asked>) -> Answer<Response> {
    document(asked, Form::Xml, now).await.map(axum::response::IntoResponse::into_response)
}

/// Returns car parks as DATEX II version 3, in JSON.
#[utoipa::path(
    get,
    path = "/api/export/datex2/parking.json",
    responses(
        (status = 200, description = "The document.", content_type = "application/json", body = Object),
        (status = 404, description = "One publication was asked for, and there is no car park.")
    )
)]
pub async fn json(Now(now): Now, Query(asked): Query<Asked>) -> Answer<Response> {
    document(asked, Form::Json, now).await.map(axum::response::IntoResponse::into_response)
}

async fn document(asked: Asked, form: Form, now: i64) -> Answer<Document> {
    let publisher = Publisher::read().await?;
    let Asked { site, zone, publication: which } = asked;
    let name = which.map_or("both", Into::into);
    let key = format!("datex2 {form:?} {name} {}\n{}", site.as_deref().unwrap_or_default(), zone.as_deref().unwrap_or_default());
    let filters = Filters { site, zone };
    Document::find(&key, form.media_type(), scope::sources(), now, || {
        let scope = Scope::parking(&filters, now)?;
        let root = publication::root(&scope, &publisher, which)?;
        let body = match form {
            Form::Xml => xml::write(&root)?,
            Form::Json => serde_json::to_vec(&root.json()).map_err(kit::Problem::internal)?,
        };
        Ok(Made::until(body, [next_claim_moment(&kit::db::Database, now)?]))
    })
}
