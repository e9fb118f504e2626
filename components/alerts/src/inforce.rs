//! Alerts in force: what everybody may read of them now, as the old temple system's clients ask for it.

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use domain::alert::Severity;
use domain::role::Role;
use http::header::VARY;
use kit::caller::{MaybeCaller, Principal};
use kit::db::{self, Value};
use kit::page::Listing;
use kit::request::{Now, Query};
use kit::{Answer, Problem, params};
use serde_json::json;
use strum::VariantNames as _;

use crate::read::below;

const FILTERS: [&str; 4] = ["zone", "severity", "alert_type", "is_public"];

/// GET `/api/alerts/active`, newest first: what is not resolved and has not expired. Anyone gets what is meant for the public, in its
/// public words; operators, with a token, all of it. Filters `site`, `zone`, `severity`, `alert_type`, `is_public`; what names no site, or
/// no zone, concerns each.
pub async fn all(MaybeCaller(caller): MaybeCaller, Now(now): Now, Query(query): Query) -> Answer<Response> {
    let mut filters = vec!["site"];
    filters.extend(FILTERS);
    let listing = Listing::parse(&query, &filters)?;
    page(&listing, listing.filter("site"), caller.as_ref(), now)
}

/// GET `/api/alerts/temple/{temple_id}`: the same of one temple; filters `zone`, `severity`, `alert_type`, `is_public`.
pub async fn of_temple(
    MaybeCaller(caller): MaybeCaller,
    Now(now): Now,
    Path(temple): Path<String>,
    Query(query): Query,
) -> Answer<Response> {
    let listing = Listing::parse(&query, &FILTERS)?;
    let rows = db::run("select 1 from sites where slug = ?", params![&temple])?;
    rows.first().ok_or_else(|| Problem::not_found("temple"))?;
    page(&listing, Some(&temple), caller.as_ref(), now)
}

fn page(listing: &Listing, site: Option<&str>, caller: Option<&Principal>, now: i64) -> Answer<Response> {
    let everything = caller.is_some_and(|caller| caller.role.holds(Role::Operator));
    let severity = listing.choice("severity", Severity::VARIANTS)?;
    let is_public = listing.bool("is_public")?;
    // Its index holds only what is not resolved, which never is much. That it has not expired is asked here too: the clean-up by
    // whoever looks or by the scheduled run is not waited for.
    let mut filtered = "a.id < ? and a.status <> 'resolved' and (a.expires_at is null or a.expires_at > ?)".to_owned();
    let mut params: Vec<Value> = vec![below(listing), now.into()];
    let column = if everything { "document" } else { "public_document" };
    if !everything {
        filtered.push_str(" and a.is_public = 1");
    }
    for (condition, value) in [
        (" and (a.site is null or a.site = ?)", site.map(Value::from)),
        (
            " and (coalesce(a.zones, '[]') = '[]' or exists (select 1 from json_each(a.zones) z where z.value = ? collate nocase))",
            listing.filter("zone").map(Value::from),
        ),
        (" and a.severity = ?", severity.map(Value::from)),
        (" and +a.alert_type = ?", listing.filter("alert_type").map(Value::from)),
        (" and a.is_public = ?", is_public.map(Value::from)),
    ] {
        if let Some(value) = value {
            filtered.push_str(condition);
            params.push(value);
        }
    }
    params.push(listing.fetch().into());
    let index = if everything { "alerts_in_force" } else { "alerts_public_in_force" };
    let rows = db::run(
        &format!(
            "select d.id, d.{column}
             from (select a.id from alerts a indexed by {index} where {filtered} order by a.id desc limit ?) as page
             join alert_documents d on d.id = page.id
             order by page.id desc"
        ),
        params,
    )?;
    let page = listing.page(rows, |row| Ok(json!([row.text(0)?])), |row| row.json(1))?;
    // What a cache keeps for one caller is not for another.
    Ok(([(VARY, "authorization")], Json(page)).into_response())
}
