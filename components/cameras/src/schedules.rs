//! Recording schedules (docs/reference/cameras.md#schedules).

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use domain::booking_slot::{Date, Zone, format_minute};
use domain::camera::Quality;
use domain::camera::hours::day_names;
use domain::camera::schedule::{COMPARED_DAYS, Kind, Schedule, spans};
use domain::time::DAY_MS;
use kit::api::NoContent;
use kit::caller::{Admin, Caller};
use kit::db::{self, Database, Executor, Fetch as _};
use kit::input::{Code, Input, Timestamp};
use kit::page::{Listing, Page};
use kit::request::Now;
use kit::row::FromRow;
use kit::select::Select;
use kit::{Answer, Problem, params};
use serde::Serialize;
use utoipa::ToSchema;

/// A schedule by which a camera is recorded.
#[derive(Serialize, ToSchema)]
#[schema(as = CctvSchedule)]
pub struct View {
    /// The schedule's id.
    id: String,
    /// The camera's code.
    camera: String,
    /// The camera's name.
    camera_name: String,
    /// What it is called.
    name: String,
    /// How often it comes.
    schedule_type: Kind,
    /// When it begins by the clock of the camera's site, such as `08:00:00`.
    start_time: String,
    /// When it ends, at most `24:00:00`; where it is not after `start_time`, on the next day.
    end_time: String,
    /// The first day on which it begins, of `once` its day; null for no first one.
    start_date: Option<Date>,
    /// The last day on which it begins, of `once` the day on which it ends; null for no last one.
    end_date: Option<Date>,
    /// Of `weekly`: the days on which it begins.
    days_of_week: Vec<&'static str>,
    /// Which of the camera's streams is recorded.
    recording_quality: Quality,
    /// Whether it is followed.
    is_active: bool,
    /// Whether it says that there is a recording now.
    is_due: bool,
    /// The stretch that goes on or comes next, within a year; null when there is none.
    next_window: Option<Window>,
    /// When it was made.
    created_at: Timestamp,
    /// When it last changed.
    updated_at: Timestamp,
}

/// A stretch of time.
#[derive(Serialize, ToSchema)]
#[schema(as = CctvWindow)]
pub struct Window {
    /// When it begins; of one that goes on, now.
    start: Timestamp,
    /// When it ends, as far as the next year tells.
    end: Timestamp,
}

/// A schedule as it is stored.
#[derive(FromRow)]
pub struct Stored {
    /// Its id.
    pub id: String,
    /// The camera's code.
    pub camera_id: String,
    camera_name: String,
    time_zone: Option<String>,
    /// What it is called.
    pub name: String,
    kind: Kind,
    from_minute: i64,
    until_minute: i64,
    first_day: Option<Date>,
    last_day: Option<Date>,
    days: i64,
    /// Which of the camera's streams is recorded.
    pub quality: Quality,
    /// Whether it is followed.
    pub is_active: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// Every schedule with what it needs of its camera.
pub const SELECT: &str =
    "select r.id, r.camera_id, coalesce(c.name, c.location) as camera_name, s.time_zone, r.name, r.kind, r.from_minute,
        r.until_minute, r.first_day, r.last_day, r.days, r.quality, r.is_active, r.created_at, r.updated_at
     from recording_schedules r join cameras c on c.camera_id = r.camera_id left join sites s on s.slug = c.site where ";

/// 404.
pub fn not_found() -> Problem {
    Problem::not_found("schedule")
}

impl Stored {
    /// The schedule of this id.
    pub fn find(db: &dyn Executor, id: &str) -> Answer<Self> {
        db.fetch_optional(concatcp!(SELECT, "r.id = ?"), params![id])?.ok_or_else(not_found)
    }

    /// When it last changed.
    pub fn changed_at(&self) -> i64 {
        self.updated_at.0
    }

    /// The rule.
    pub fn schedule(&self) -> Schedule {
        let minute = |value: i64| u16::try_from(value).unwrap_or_default();
        Schedule {
            kind: self.kind,
            from: minute(self.from_minute),
            until: minute(self.until_minute),
            first: self.first_day,
            last: self.last_day,
            days: self.days,
        }
    }

    /// The zone of its camera's site; UTC without one.
    pub fn zone(&self) -> Answer<Zone> {
        let name = self.time_zone.as_deref().unwrap_or("UTC");
        Zone::parse(name).ok_or_else(|| Problem::internal(format!("the zone {name} of a site is not known")))
    }

    /// As it is shown.
    pub fn view(self, now: i64) -> Answer<View> {
        let (schedule, zone) = (self.schedule(), self.zone()?);
        // Nearly always a week tells; a stretch that a week does not end is looked at again.
        let within = |days: i64| (now.saturating_add(days * DAY_MS), days == COMPARED_DAYS);
        let next = [8, COMPARED_DAYS]
            .into_iter()
            .map(within)
            .find_map(|(to, is_last)| spans(&[schedule], zone, now, to).first().copied().filter(|(_, end)| is_last || *end < to));
        let next = next.filter(|_| self.is_active);
        let time = |minute: u16| format!("{}:00", format_minute(minute));
        Ok(View {
            id: self.id,
            camera: self.camera_id,
            camera_name: self.camera_name,
            name: self.name,
            schedule_type: self.kind,
            start_time: time(schedule.from),
            end_time: time(schedule.until),
            start_date: self.first_day,
            end_date: self.last_day,
            days_of_week: if self.kind == Kind::Weekly { day_names(self.days) } else { Vec::new() },
            recording_quality: self.quality,
            is_active: self.is_active,
            is_due: next.is_some_and(|(start, _)| start <= now),
            next_window: next.map(|(start, end)| Window { start: Timestamp(start), end: Timestamp(end) }),
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

/// Which schedules.
#[derive(Input)]
pub struct Filters {
    /// Only those of this camera.
    #[input(alias("camera_id"))]
    camera: Option<Code>,
    /// Only those of this type.
    schedule_type: Option<Kind>,
    /// Only those that are followed, or only the others.
    is_active: Option<bool>,
}

/// Lists schedules by `id`, the oldest first.
#[utoipa::path(get, path = "/v0/api/cctv/schedules")]
pub async fn list(_: Caller<Admin>, Now(now): Now, listing: Listing<Filters>) -> Answer<Page<View>> {
    let filters = &listing.filters;
    let schedules: Vec<Stored> = Select::new(concatcp!(SELECT, "r.id > coalesce(?, '')"), params![listing.after_text(0)])
        .and_if("r.camera_id = ?", filters.camera.as_deref())
        .and_if("r.kind = ?", filters.schedule_type)
        .and_if("r.is_active = ?", filters.is_active)
        .fetch(&Database, "r.id", listing.fetch())?;
    let views = schedules.into_iter().map(|schedule| schedule.view(now)).collect::<Answer<Vec<_>>>()?;
    Ok(listing.page(views, |view: &View| [view.id.clone()]))
}

/// Returns a schedule.
#[utoipa::path(get, path = "/v0/api/cctv/schedules/{id}")]
pub async fn read(_: Caller<Admin>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<View>> {
    Stored::find(&Database, &id)?.view(now).map(Json)
}

/// Deletes a schedule. What it has begun to record ends with the next scheduled run.
#[utoipa::path(delete, path = "/v0/api/cctv/schedules/{id}")]
pub async fn delete(caller: Caller<Admin>, Now(now): Now, Path(id): Path<String>) -> Answer<NoContent> {
    db::transaction(|db| {
        // The trigger of the delete takes who and when from the row.
        let touch = "update recording_schedules set updated_at = ?2, updated_by = ?3 where id = ?1 returning 1";
        if !db.exists(touch, params![&id, now, &caller.0.id])? {
            return Err(not_found());
        }
        db.run("delete from recording_schedules where id = ?", params![&id])?;
        Ok(NoContent)
    })
}
