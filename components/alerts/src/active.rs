//! Active alerts: what everybody may read of them now, as the pilgrims' clients ask for it (docs/reference/broadcasts.md).

use axum::extract::Path;
use const_format::concatcp;
use domain::alert::{Severity, Status};
use domain::role::Role;
use http::HeaderName;
use http::header::VARY;
use kit::caller::{MaybeCaller, Principal};
use kit::db::Database;
use kit::input::{Code, Input, Slug, Text};
use kit::kept::{Kept, Made, Sources};
use kit::page::{Listing, Page};
use kit::request::Now;
use kit::select::Select;
use kit::{Answer, params, sites};
use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{self, Alert, PublicAlert};
use crate::read::TOPICS;
use crate::schedule;

/// Which active alerts of one temple.
#[derive(Input)]
pub struct Filters {
    /// Those that concern this zone: they name it, or none.
    zone: Option<Code>,
    /// Only those of this severity.
    severity: Option<Severity>,
    /// Only those of this type.
    alert_type: Option<Text<1, 64>>,
    /// Only those that the public sees, or only the others.
    is_public: Option<bool>,
}

/// Which active alerts.
#[derive(Input)]
pub struct EverywhereFilters {
    /// Those that concern this site: they name it, or none.
    site: Option<Slug>,
    #[input(flatten)]
    filters: Filters,
}

/// All of an alert for operators, its public part for others.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum ActiveAlert {
    Operator(Box<Alert>),
    Public(PublicAlert),
}

/// What a cache keeps for one caller is not for another.
type PageByCaller = ([(HeaderName, &'static str); 1], Kept<Page<ActiveAlert>>);

/// Lists the alerts that are neither resolved nor expired, the newest first.
///
/// Anyone gets what is meant for the public, in its public part; operators, with a token, all of it.
#[utoipa::path(get, path = "/api/alerts/active")]
pub async fn list(MaybeCaller(caller): MaybeCaller, Now(now): Now, listing: Listing<EverywhereFilters>) -> Answer<PageByCaller> {
    let EverywhereFilters { site, filters } = &listing.filters;
    page(&listing, filters, site.as_deref(), caller.as_ref(), now)
}

/// Lists the active alerts that concern a temple, as `/api/alerts/active` does.
#[utoipa::path(get, path = "/api/alerts/temple/{temple_id}")]
pub async fn of_temple(
    MaybeCaller(caller): MaybeCaller,
    Now(now): Now,
    Path(temple): Path<String>,
    listing: Listing<Filters>,
) -> Answer<PageByCaller> {
    sites::require_in_path(&Database, &temple, "temple")?;
    page(&listing, &listing.filters, Some(&temple), caller.as_ref(), now)
}

/// The two indexes hold only what is not resolved, which never is much. That it has not expired is asked here too, rather than ending
/// what is due first: anyone may read this, and reading must not wait for writers.
const ACTIVE: &str =
    concatcp!("id < coalesce(?, '~') and status <> '", Status::Resolved.into_str(), "' and (expires_at is null or expires_at > ?)");

const FOR_OPERATORS: &str = concatcp!("select ", model::COLUMNS, " from alerts indexed by alerts_in_force where ", ACTIVE);

const FOR_THE_PUBLIC: &str =
    concatcp!("select ", model::PUBLIC_COLUMNS, " from alerts indexed by alerts_public_in_force where is_public = 1 and ", ACTIVE);

fn page<F: Input>(
    listing: &Listing<F>,
    filters: &Filters,
    site: Option<&str>,
    caller: Option<&Principal>,
    now: i64,
) -> Answer<PageByCaller> {
    let is_operator = caller.is_some_and(|caller| caller.role.holds(Role::Operator));
    let key = listing.request_of(if is_operator { "operator" } else { "public" });
    let page = Kept::find(&key, Sources::of(TOPICS), now, || {
        let select = |start: &str| {
            Select::new(start, params![listing.after_text(0), now])
                .and_if("(site is null or site = ?)", site)
                .and_if(
                    "(coalesce(alerts.zones, '[]') = '[]' or exists (select 1 from json_each(alerts.zones) z where z.value = ? collate nocase))",
                    filters.zone.as_deref(),
                )
                .and_if("severity = ?", filters.severity)
                .and_if("+alert_type = ?", filters.alert_type.as_deref())
                .and_if("is_public = ?", filters.is_public)
        };
        let page = if is_operator {
            let alerts = select(FOR_OPERATORS).fetch(&Database, "id desc", listing.fetch())?;
            listing.page(alerts, |alert: &Alert| [alert.id.clone()]).map(|alert| ActiveAlert::Operator(Box::new(alert)))
        } else {
            let alerts = select(FOR_THE_PUBLIC).fetch(&Database, "id desc", listing.fetch())?;
            listing.page(alerts, |alert: &PublicAlert| [alert.id.clone()]).map(ActiveAlert::Public)
        };
        Ok(Made::until(page, [schedule::next_expiry(now)?]))
    })?;
    Ok(([(VARY, "authorization")], page))
}
