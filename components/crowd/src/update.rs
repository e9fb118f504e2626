//! POST `/api/crowd/temple/{id}/update`: how many people are in a zone, or are and were in several.

use axum::Extension;
use axum::extract::Path;
use axum::response::{IntoResponse as _, Response};
use domain::crowd::{Density, Level, MAX_COUNT, Size, State};
use domain::reading::check_timestamp;
use domain::role::Role;
use domain::time::format_rfc3339;
use http::StatusCode;
use kit::caller::{Caller, Principal, Sender};
use kit::db::{self, DbError, Row, Transaction};
use kit::fields::Fields;
use kit::request::{JsonBytes, Now, RequestId};
use kit::serve::Quiet;
use kit::{Answer, Problem, outbox, params};
use serde::Serialize;

use crate::place::Share;
use crate::updates;

/// A stored count, and the zone's state after it.
#[derive(Debug, Serialize)]
pub struct Stored {
    temple_id: String,
    zone: String,
    count: i64,
    timestamp: String,
    received_at: String,
    capacity: Option<i64>,
    #[serde(flatten)]
    share: Share,
    /// The zone's levels: after this count, or as they were when it came late.
    level: Option<&'static str>,
    share_level: Option<&'static str>,
    density_level: Option<&'static str>,
    /// Whether a newer count was there already, so that this one changed nothing.
    late: bool,
}

/// What was sent.
pub struct Sent {
    pub zone: String,
    pub count: i64,
    pub at: i64,
}

impl Sent {
    /// Reads it; what is wrong is with the fields then.
    pub fn read(fields: &mut Fields, now: i64) -> Self {
        let zone = fields.alias("zone", "zone_code").text("zone", 1..=64);
        let count = fields.int("count", 0..=MAX_COUNT);
        let timestamp = fields.text("timestamp", 1..=64);
        let mut errors = domain::FieldErrors::new();
        let at = check_timestamp(Some(&timestamp), now, &mut errors);
        for (field, reason) in errors {
            if !fields.errors().contains_key(field) {
                fields.refuse(field, reason);
            }
        }
        Self { zone, count, at: at.unwrap_or(now) }
    }
}

/// An object `{zone, count, timestamp}` → 201 with the zone's state, durable. 403 for a device that does not stand on the zone, 404 for an
/// unknown temple or an inactive device, 409 for a repeat, 422 naming each bad field. An array of such objects, each judged alone: see
/// [`updates`].
pub async fn send(
    caller: Caller<Sender>,
    Now(now): Now,
    Extension(RequestId(request_id)): Extension<RequestId>,
    Path(site): Path<String>,
    JsonBytes(body): JsonBytes,
) -> Answer<Response> {
    let (mut response, alarming) = if body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[') {
        let sent = updates::parse(&body, now)?;
        let (tally, alarming) = db::transaction(|transaction| updates::store(transaction, &caller.0, &site, sent, now))?;
        (axum::Json(tally).into_response(), alarming)
    } else {
        let mut fields = Fields::parse(&body)?;
        let sent = Sent::read(&mut fields, now);
        fields.finish()?;
        let (stored, alarming) = db::transaction(|transaction| store(transaction, &caller.0, &site, &sent, now))?;
        ((StatusCode::CREATED, axum::Json(stored)).into_response(), alarming)
    };
    if alarming {
        outbox::wake_dispatcher(request_id);
    }
    response.extensions_mut().insert(Quiet);
    Ok(response)
}

/// Stores the count and, unless it is late, the zone's new state. Also tells whether the zone has turned critical.
fn store(transaction: &Transaction, caller: &Principal, site: &str, sent: &Sent, now: i64) -> Answer<(Stored, bool)> {
    let rows = transaction.run(
        "select z.code, z.capacity, z.area_m2, c.at, c.share_level, c.share_alone, c.density_level, c.density_alone
         from sites s left join zones z on z.site = s.slug and z.code = ?2
            left join crowd_state c on c.site = z.site and c.zone = z.code
         where s.slug = ?1",
        params![site, &sent.zone],
    )?;
    let row = rows.first().ok_or_else(|| Problem::not_found("temple"))?;
    let zone = row.opt_text(0)?.ok_or_else(|| Problem::invalid_field("zone", "is not a zone of this temple"))?;
    let counter = Counter::find(transaction, caller)?;
    if !counter.counts(site, zone) {
        return Err(Problem::forbidden(NOT_ITS_ZONE));
    }
    let size = Size { capacity: row.opt_int(1)?, area_m2: row.opt_real(2)? };
    let newest = row.opt_int(3)?;
    let before = state(row)?;

    let inserted = transaction.run(
        "insert into crowd_readings (site, zone, at, received_at, count, device_id, sent_by) values (?, ?, ?, ?, ?, ?, ?)",
        params![site, zone, sent.at, now, sent.count, counter.id(), &caller.id],
    );
    match inserted {
        Err(DbError::Unique(_)) => return Err(Problem::conflict("this zone's count of that time is stored already")),
        other => other?,
    };
    let late = newest.is_some_and(|newest| sent.at < newest);
    let after = if late { before } else { before.after(sent.count, &size) };
    if !late {
        write_state(transaction, site, zone, sent, &after, now)?;
    }
    let stored = Stored {
        temple_id: site.to_owned(),
        zone: zone.to_owned(),
        count: sent.count,
        timestamp: format_rfc3339(sent.at),
        received_at: format_rfc3339(now),
        capacity: size.capacity,
        share: Share::of(sent.count, &size),
        level: after.level().map(|level| level.into_str()),
        share_level: after.share.map(|(level, _)| level.into_str()),
        density_level: after.density.map(|(level, _)| level.into_str()),
        late,
    };
    Ok((stored, turns_critical(&before, &after)))
}

/// Whether the world must hear of it at once.
pub fn turns_critical(before: &State, after: &State) -> bool {
    let critical = |state: &State| state.level() == Some(Level::Critical);
    critical(after) && !critical(before)
}

/// Writes the zone's state after its newest count; triggers tell of it.
pub fn write_state(transaction: &Transaction, site: &str, zone: &str, newest: &Sent, after: &State, now: i64) -> Answer<()> {
    transaction.run(
        "insert into crowd_state (site, zone, count, at, received_at, level, share_level, share_alone, density_level, density_alone,
            level_changed_at)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?5)
         on conflict do update set count = excluded.count, at = excluded.at, received_at = excluded.received_at,
            level = excluded.level, share_level = excluded.share_level, share_alone = excluded.share_alone,
            density_level = excluded.density_level, density_alone = excluded.density_alone,
            level_changed_at = iif(excluded.level is level, level_changed_at, excluded.level_changed_at)
         where excluded.at > crowd_state.at",
        params![
            site,
            zone,
            newest.count,
            newest.at,
            now,
            after.level().map(|level| level.into_str()),
            after.share.map(|(level, _)| level.into_str()),
            after.share.map(|(_, alone)| alone.into_str()),
            after.density.map(|(level, _)| level.into_str()),
            after.density.map(|(_, alone)| alone.into_str()),
        ],
    )?;
    Ok(())
}

/// Why a device's count is refused.
pub const NOT_ITS_ZONE: &str = "a device counts only the zone that it stands on";

/// Who counts.
pub enum Counter {
    /// An operator, who counts wherever they are.
    Person,
    /// A people counter: its row, and the zone that it stands on.
    Device { id: i64, site: String, zone: String },
}

impl Counter {
    /// 404 for a device that is not active.
    pub fn find(transaction: &Transaction, caller: &Principal) -> Answer<Self> {
        let Some(code) = caller.device.as_deref().filter(|_| caller.role == Role::Device) else { return Ok(Self::Person) };
        let rows = transaction.run("select id, site, zone from devices where code = ? and is_active = 1", params![code])?;
        let row = rows.first().ok_or_else(|| Problem::not_found("active device"))?;
        Ok(Self::Device { id: row.int(0)?, site: row.text(1)?.to_owned(), zone: row.text(2)?.to_owned() })
    }

    /// Whether they may count this zone.
    pub fn counts(&self, site: &str, zone: &str) -> bool {
        match self {
            Self::Person => true,
            Self::Device { site: own, zone: stands_on, .. } => own == site && stands_on.eq_ignore_ascii_case(zone),
        }
    }

    /// The device's row id.
    pub fn id(&self) -> Option<i64> {
        match self {
            Self::Person => None,
            Self::Device { id, .. } => Some(*id),
        }
    }
}

/// What is remembered of the zone: the columns from 4 on.
pub fn state(row: &Row) -> Answer<State> {
    let share = |index: usize| row.opt_text(index).map(|name| name.and_then(|name| name.parse::<Level>().ok()));
    let density = |index: usize| row.opt_text(index).map(|name| name.and_then(|name| name.parse::<Density>().ok()));
    Ok(State { share: share(4)?.zip(share(5)?), density: density(6)?.zip(density(7)?) })
}
