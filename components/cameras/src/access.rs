//! Access rules: what a person may do with a camera, and when by the clock of its site.

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use domain::booking_slot::{DAY_MINUTES, format_minute};
use domain::camera::Level;
use domain::camera::hours::{EVERY_DAY, day_names};
use kit::api::{Created, NoContent};
use kit::caller::{Admin, Caller};
use kit::db::{self, Database, DbError, Executor as _, Fetch as _};
use kit::input::{At, Code, Id, Input, Patch, Timestamp};
use kit::page::{Listing, Page};
use kit::request::{Body, Now};
use kit::row::{FromRow, Row};
use kit::select::Select;
use kit::{Answer, Problem, actor, host, params};
use serde::Serialize;
use utoipa::ToSchema;

use crate::calendar::{Days, END_OF_DAY, MIDNIGHT, TimeOfDay};

/// What a person may do with a camera, and when.
#[derive(Serialize, FromRow, ToSchema)]
#[schema(as = CctvAccess)]
pub struct Rule {
    /// The rule's id.
    id: String,
    /// The camera's code.
    camera_id: String,
    /// The account.
    user_id: String,
    /// Its name.
    user_name: String,
    /// What it may do.
    level: Level,
    /// The days on which the hours begin.
    #[row(with = days)]
    days: Vec<&'static str>,
    /// When the hours begin by the clock of the camera's site, such as `08:00`.
    #[row(with = from)]
    from: String,
    /// When they end, at most `24:00`; before `from`, it is the next day's.
    #[row(with = until)]
    until: String,
    /// Whether the rule holds.
    is_active: bool,
    /// When it was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
}

fn days(row: &Row) -> Result<Vec<&'static str>, Problem> {
    Ok(day_names(row.get("days")?))
}

fn from(row: &Row) -> Result<String, Problem> {
    minute_of(row, "from_minute")
}

fn until(row: &Row) -> Result<String, Problem> {
    minute_of(row, "until_minute")
}

fn minute_of(row: &Row, column: &str) -> Result<String, Problem> {
    Ok(format_minute(u16::try_from(row.get::<i64>(column)?).unwrap_or_default()))
}

const SELECT: &str = concatcp!(
    "select id, camera_id, user_id, ",
    actor::NAME,
    " as user_name, level, days, from_minute, until_minute, is_active, created_at, updated_at
     from (select *, user_id as actor from camera_access) where "
);

fn not_found() -> Problem {
    Problem::not_found("access rule")
}

/// Which rules.
#[derive(Input)]
pub struct Filters {
    /// Only those of this camera.
    camera_id: Option<Code>,
    /// Only those of this account.
    user_id: Option<Id>,
}

/// Lists access rules by `id`, the oldest first.
#[utoipa::path(get, path = "/v0/api/cctv/camera-access")]
pub async fn list(_: Caller<Admin>, listing: Listing<Filters>) -> Answer<Page<Rule>> {
    let rules = Select::new(concatcp!(SELECT, "id > coalesce(?, '')"), params![listing.after_text(0)])
        .and_equal("camera_id", listing.filters.camera_id.as_deref())
        .and_equal("user_id", listing.filters.user_id.as_deref())
        .fetch(&Database, "id", listing.fetch())?;
    Ok(listing.page(rules, |rule: &Rule| [rule.id.clone()]))
}

/// Returns an access rule.
#[utoipa::path(get, path = "/v0/api/cctv/camera-access/{id}")]
pub async fn read(_: Caller<Admin>, Path(id): Path<String>) -> Answer<Json<Rule>> {
    find(&Database, &id).map(Json)
}

fn find(db: &dyn db::Executor, id: &str) -> Answer<Rule> {
    db.fetch_optional(concatcp!(SELECT, "id = ?"), params![id])?.ok_or_else(not_found)
}

/// A new access rule: one person, one camera. Without days and hours it holds always.
#[derive(Input)]
#[input(read_only("id", "created_at", "updated_at"))]
#[input(
    check,
    example = r#"{"camera_id": "CAM-GATE-1", "user_id": "019c2a5e-4b00-7000-8000-0123456789ab", "level": "view", "days": ["monday", "friday"], "from": "08:00", "until": "18:00"}"#
)]
pub struct NewCctvAccess {
    /// The camera's code.
    #[input(alias("camera"))]
    camera_id: Code,
    /// The account.
    #[input(alias("user"))]
    user_id: Id,
    /// What it may do.
    #[input(alias("access_level"))]
    level: Level,
    /// The days on which the hours begin; all of them when they are left out.
    days: Option<Days>,
    /// When the hours begin, by the clock of the camera's site; midnight when it is left out.
    from: Option<TimeOfDay>,
    /// When they end; before `from`, it is the next day's. Midnight when it is left out.
    until: Option<TimeOfDay>,
    /// True unless it says otherwise.
    is_active: Option<bool>,
}

/// A change of an access rule: what is not sent stays; null is all days, or midnight.
#[derive(Input)]
#[input(read_only("id", "camera_id", "user_id", "created_at", "updated_at"))]
#[input(example = r#"{"level": "control", "until": "20:00"}"#)]
pub struct CctvAccessChange {
    /// What the account may do.
    #[input(alias("access_level"))]
    level: Option<Level>,
    /// The days on which the hours begin.
    days: Patch<Days>,
    /// When the hours begin.
    from: Patch<TimeOfDay>,
    /// When they end.
    until: Patch<TimeOfDay>,
    /// Whether the rule holds.
    is_active: Option<bool>,
}

/// Why these hours cannot be; none when they can.
fn fault(from: TimeOfDay, until: TimeOfDay) -> Option<(&'static str, &'static str)> {
    match (from.0, until.0) {
        (DAY_MINUTES, _) => Some(("from", "must lie before 24:00")),
        (_, 0) => Some(("until", "must lie after midnight; write 24:00 for the end of a day")),
        (from, until) if from == until => Some(("until", "must differ from `from`")),
        _ => None,
    }
}

impl NewCctvAccess {
    fn check(&self, at: &mut At<'_>) {
        at.check_field(self.days.is_none_or(|days| days.0 > 0), "days", "must name a day");
        if let Some((field, reason)) = fault(self.from.unwrap_or(MIDNIGHT), self.until.unwrap_or(END_OF_DAY)) {
            at.refuse_field(field, reason);
        }
    }
}

/// Adds an access rule.
#[utoipa::path(post, path = "/v0/api/cctv/camera-access", responses((status = 409, description = "There is a rule of this account and camera.")))]
pub async fn create(caller: Caller<Admin>, Now(now): Now, Body(new): Body<NewCctvAccess>) -> Answer<Created<Rule>> {
    let id = host::new_id(now)?;
    let added = Database.run(
        "insert into camera_access (id, camera_id, user_id, level, days, from_minute, until_minute, is_active, created_at, updated_at, updated_by)
         values (?1, ?2, ?3, ?4, coalesce(?5, ?6), coalesce(?7, 0), coalesce(?8, ?9), coalesce(?10, 1), ?11, ?11, ?12)",
        params![
            &id, &new.camera_id, &new.user_id, new.level, new.days, EVERY_DAY, new.from, new.until, i64::from(DAY_MINUTES), new.is_active,
            now, &caller.0.id
        ],
    );
    match added {
        Ok(_) => find(&Database, &id).map(Created),
        Err(DbError::Unique(_)) => Err(Problem::conflict("this account has a rule of this camera already: change that")),
        Err(DbError::Foreign) => {
            let has_camera = Database.exists("select 1 from cameras where camera_id = ?", params![&new.camera_id])?;
            Err(if has_camera {
                Problem::invalid_field("user_id", "is not an account")
            } else {
                Problem::invalid_field("camera_id", "is not a camera")
            })
        }
        Err(error) => Err(error.into()),
    }
}

/// The hours of a rule as it is.
#[derive(FromRow)]
struct Hours {
    days: i64,
    from_minute: i64,
    until_minute: i64,
}

/// Changes an access rule.
#[utoipa::path(method(patch, put), path = "/v0/api/cctv/camera-access/{id}")]
pub async fn update(
    caller: Caller<Admin>,
    Now(now): Now,
    Path(id): Path<String>,
    Body(change): Body<CctvAccessChange>,
) -> Answer<Json<Rule>> {
    db::transaction(|db| {
        let current: Option<Hours> =
            db.fetch_optional("select days, from_minute, until_minute from camera_access where id = ?", params![&id])?;
        let current = current.ok_or_else(not_found)?;
        let time = |patch: Patch<TimeOfDay>, current: i64, empty: TimeOfDay| match patch {
            Patch::Keep => u16::try_from(current).map_or(empty, TimeOfDay),
            Patch::Clear => empty,
            Patch::Set(time) => time,
        };
        let from = time(change.from, current.from_minute, MIDNIGHT);
        let until = time(change.until, current.until_minute, END_OF_DAY);
        if let Some((field, reason)) = fault(from, until) {
            return Err(Problem::invalid_field(field, reason));
        }
        let days = match change.days {
            Patch::Keep => current.days,
            Patch::Clear => EVERY_DAY,
            Patch::Set(Days(0)) => return Err(Problem::invalid_field("days", "must name a day")),
            Patch::Set(days) => days.0,
        };
        db.run(
            "update camera_access set level = coalesce(?2, level), days = ?3, from_minute = ?4, until_minute = ?5,
                is_active = coalesce(?6, is_active), updated_at = ?7, updated_by = ?8
             where id = ?1",
            params![&id, change.level, days, from, until, change.is_active, now, &caller.0.id],
        )?;
        find(db, &id).map(Json)
    })
}

/// Deletes an access rule.
#[utoipa::path(delete, path = "/v0/api/cctv/camera-access/{id}")]
pub async fn delete(caller: Caller<Admin>, Now(now): Now, Path(id): Path<String>) -> Answer<NoContent> {
    db::transaction(|db| {
        // The trigger of the delete takes who and when from the row.
        let touch = "update camera_access set updated_at = ?2, updated_by = ?3 where id = ?1 returning 1";
        if !db.exists(touch, params![&id, now, &caller.0.id])? {
            return Err(not_found());
        }
        db.run("delete from camera_access where id = ?", params![&id])?;
        Ok(NoContent)
    })
}
