//! Search for who works here: devices, spots, bookings, people, by how their names begin (docs/reference/search.md).
//!
//! What of the other components' tables may be found stands in views (migrations/0057_console.sql); each statement is a range of one index.

use axum::Json;
use const_format::formatcp;
use domain::role::Role;
use domain::search::{MAX_CHARACTERS, MAX_FOUND, MIN_CHARACTERS, Range, beginning_with, by_turns, codes, phones};
use kit::api::Api;
use kit::caller::{Caller, Operator};
use kit::db::{Database, Fetch as _};
use kit::input::{Input, Text};
use kit::request::Query;
use kit::row::FromRow;
use kit::{Answer, Problem, params, routes};
use serde::Serialize;
use utoipa::ToSchema;

/// The routes.
pub fn api() -> Api {
    Api::new("search", "Search over devices, spots, bookings and people.").routes(routes![search])
}

kit::component!(crate::api);

/// What to look for.
#[derive(Input)]
pub struct SearchQuery {
    /// How a name begins: of a device or spot its code or name, of a booking its code, of a person their name, address or phone number.
    q: Text<MIN_CHARACTERS, MAX_CHARACTERS>,
}

/// What kind of thing was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FoundKind {
    /// A device, whose id is its code.
    Device,
    /// A spot, whose id is its code.
    Spot,
    /// A booking.
    Booking,
    /// An account.
    Person,
}

/// Something that was found.
#[derive(Serialize, ToSchema)]
pub struct Found {
    /// What it is.
    kind: FoundKind,
    #[serde(flatten)]
    named: Named,
}

/// What is shown of it.
#[derive(Serialize, FromRow, ToSchema)]
pub struct Named {
    /// By which its own route knows it.
    #[schema(example = "PARK-B1-S005")]
    id: String,
    /// The name that people read.
    #[schema(example = "PARK-B1-S005")]
    label: String,
    /// What tells it from others of its name: a zone, a day and slot, an address.
    #[schema(example = "B1")]
    detail: Option<String>,
    /// The slug of its site; null for a person.
    #[schema(example = "city-centre")]
    site: Option<String>,
}

/// What was found.
#[derive(Serialize, ToSchema)]
pub struct SearchResults {
    /// Of each kind by turns, each in the order of its name.
    items: Vec<Found>,
    /// Whether there is more than is shown: type on.
    #[schema(example = false)]
    has_more: bool,
}

/// One more than is shown says that there is more.
const LIMIT: usize = MAX_FOUND + 1;

const DEVICES_BY_CODE: &str = formatcp!(
    "select code as id, coalesce(name, code) as label, zone as detail, site from found_devices
     where code >= ?1 and code < ?2 order by code limit {LIMIT}"
);

const DEVICES_BY_NAME: &str = formatcp!(
    "select code as id, name as label, code as detail, site from found_devices
     where name collate nocase >= ?1 and name collate nocase < ?2 order by name collate nocase limit {LIMIT}"
);

const SPOTS: &str = formatcp!(
    "select spot_id as id, spot_id as label, zone as detail, site from found_spots
     where spot_id >= ?1 and spot_id < ?2 order by spot_id limit {LIMIT}"
);

const BOOKINGS: &str = formatcp!(
    "select id, code as label, date || ', ' || slot as detail, site from found_bookings
     where code >= ?1 and code < ?2 order by code limit {LIMIT}"
);

const PEOPLE_BY_NAME: &str = formatcp!(
    "select id, name as label, email as detail, null as site from found_people
     where name collate nocase >= ?1 and name collate nocase < ?2 order by name collate nocase limit {LIMIT}"
);

const PEOPLE_BY_EMAIL: &str = formatcp!(
    "select id, name as label, email as detail, null as site from found_people where email >= ?1 and email < ?2 order by email limit {LIMIT}"
);

const PEOPLE_BY_PHONE: &str = formatcp!(
    "select id, name as label, phone as detail, null as site from found_people where phone >= ?1 and phone < ?2 order by phone limit {LIMIT}"
);

/// What one statement finds in a range of its index; nothing without one.
fn find(statement: &str, range: Option<&Range>) -> Result<Vec<Named>, Problem> {
    match range {
        Some(Range { from, to }) => Database.fetch_all(statement, params![from, to]),
        None => Ok(Vec::new()),
    }
}

/// One list of what several statements have found, each thing once.
fn together(kind: FoundKind, lists: impl IntoIterator<Item = Vec<Named>>) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    for named in lists.into_iter().flatten() {
        if all.iter().all(|found| found.named.id != named.id) {
            all.push(Found { kind, named });
        }
    }
    all
}

/// Finds devices, spots and bookings by how their names begin, and for an administrator people too.
///
/// At most 20 at once. Nobody but an administrator finds people, by whatever they type.
#[utoipa::path(get, path = "/api/search")]
pub async fn search(caller: Caller<Operator>, Query(query): Query<SearchQuery>) -> Answer<Json<SearchResults>> {
    let typed = query.q.trim();
    let (named, code) = (beginning_with(typed), codes(typed));
    let mut lists = vec![
        together(FoundKind::Device, [find(DEVICES_BY_CODE, Some(&named))?, find(DEVICES_BY_NAME, Some(&named))?]),
        together(FoundKind::Spot, [find(SPOTS, Some(&named))?]),
        together(FoundKind::Booking, [find(BOOKINGS, code.as_ref())?]),
    ];
    if caller.0.role.holds(Role::Admin) {
        let by_phone = find(PEOPLE_BY_PHONE, phones(typed).as_ref())?;
        let found = [find(PEOPLE_BY_NAME, Some(&named))?, find(PEOPLE_BY_EMAIL, Some(&named))?, by_phone];
        lists.push(together(FoundKind::Person, found));
    }
    let (items, has_more) = by_turns(lists, MAX_FOUND);
    Ok(Json(SearchResults { items, has_more }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(id: &str) -> Named {
        Named { id: id.to_owned(), label: String::new(), detail: None, site: None }
    }

    #[test]
    fn what_two_statements_find_is_shown_once() {
        let all = together(FoundKind::Person, [vec![named("a"), named("b")], vec![named("b"), named("c")]]);
        assert_eq!(all.iter().map(|found| found.named.id.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}
