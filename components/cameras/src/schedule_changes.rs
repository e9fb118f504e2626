//! Adding and changing recording schedules: each is one that can be, and at odds with no other of its camera.

use axum::Json;
use axum::extract::Path;
use const_format::concatcp;
use domain::booking_slot::{DAY_MINUTES, Date};
use domain::camera::Quality;
use domain::camera::hours::EVERY_DAY;
use domain::camera::schedule::{Kind, Schedule, first_overlap};
use domain::time::format_rfc3339;
use kit::api::Created;
use kit::caller::{Admin, Caller};
use kit::db::{self, Executor as _, Fetch as _, Transaction};
use kit::input::{At, Code, Input, Patch, Text};
use kit::request::{Body, Now};
use kit::{Answer, Problem, host, params};

use crate::calendar::{Days, END_OF_DAY, MIDNIGHT, TimeOfDay};
use crate::schedules::{SELECT, Stored, View, not_found};

/// How many schedules a camera may have.
const MOST: usize = 50;

/// A new schedule.
#[derive(Input)]
#[input(read_only("id", "camera_name", "is_due", "next_window", "created_at", "updated_at"))]
#[input(
    check,
    example = r#"{"camera": "CAM-GATE-1", "name": "Nights", "schedule_type": "weekly", "start_time": "22:00:00", "end_time": "06:00:00", "days_of_week": ["friday", "saturday"]}"#
)]
pub struct NewCctvSchedule {
    /// The camera's code.
    #[input(alias("camera_id"))]
    camera: Code,
    /// What it is called.
    name: Text<1, 100>,
    /// How often it comes.
    schedule_type: Kind,
    /// When it begins, by the clock of the camera's site; not needed where it is continuous.
    start_time: Option<TimeOfDay>,
    /// When it ends; where it is not after `start_time`, on the next day. Not needed where it is continuous.
    end_time: Option<TimeOfDay>,
    /// The first day on which it begins; of `once` its day, which is required.
    start_date: Option<Date>,
    /// The last day on which it begins; of `once` the day on which it ends.
    end_date: Option<Date>,
    /// Of `weekly`: the days on which it begins, which are required.
    days_of_week: Option<Days>,
    /// Which of the camera's streams is recorded, `main` unless it says otherwise.
    recording_quality: Option<Quality>,
    /// True unless it says otherwise.
    is_active: Option<bool>,
}

/// A change of a schedule: what is not sent stays; null takes the dates away.
#[derive(Input)]
#[input(read_only("id", "camera", "camera_id", "camera_name", "is_due", "next_window", "created_at", "updated_at"))]
#[input(example = r#"{"end_time": "07:00:00", "end_date": null}"#)]
pub struct CctvScheduleChange {
    /// What it is called.
    name: Option<Text<1, 100>>,
    /// How often it comes.
    schedule_type: Option<Kind>,
    /// When it begins.
    start_time: Option<TimeOfDay>,
    /// When it ends.
    end_time: Option<TimeOfDay>,
    /// The first day on which it begins.
    start_date: Patch<Date>,
    /// The last day on which it begins.
    end_date: Patch<Date>,
    /// The days on which it begins.
    days_of_week: Option<Days>,
    /// Which of the camera's streams is recorded.
    recording_quality: Option<Quality>,
    /// Whether it is followed.
    is_active: Option<bool>,
}

impl NewCctvSchedule {
    fn schedule(&self) -> Schedule {
        let default = if self.schedule_type == Kind::Continuous { EVERY_DAY } else { 0 };
        Schedule {
            kind: self.schedule_type,
            from: self.start_time.unwrap_or(MIDNIGHT).0,
            until: self.end_time.unwrap_or(END_OF_DAY).0,
            first: self.start_date,
            last: self.end_date,
            days: self.days_of_week.map_or(default, |days| days.0),
        }
    }

    fn check(&self, at: &mut At<'_>) {
        if self.schedule_type != Kind::Continuous {
            at.check_field(self.start_time.is_some(), "start_time", "is required");
            at.check_field(self.end_time.is_some(), "end_time", "is required");
        }
        if let Some((field, reason)) = self.schedule().fault() {
            at.refuse_field(field, reason);
        }
    }
}

/// Adds a schedule.
#[utoipa::path(post, path = "/v0/api/cctv/schedules", responses(
    (status = 409, description = "Another schedule of the camera is the same, or records the other stream at the same time; or it has as many as may be."),
))]
pub async fn create(caller: Caller<Admin>, Now(now): Now, Body(new): Body<NewCctvSchedule>) -> Answer<Created<View>> {
    let id = host::new_id(now)?;
    db::transaction(|db| {
        if !db.exists("select 1 from cameras where camera_id = ?", params![&new.camera])? {
            return Err(Problem::invalid_field("camera", "is not a camera"));
        }
        let schedule = new.schedule();
        db.run(
            "insert into recording_schedules (id, camera_id, name, kind, from_minute, until_minute, first_day, last_day, days, quality, is_active,
                created_at, updated_at, updated_by)
             values (?1, (select camera_id from cameras where camera_id = ?2), ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, coalesce(?11, 1), ?12, ?12, ?13)",
            params![
                &id, &new.camera, new.name, schedule.kind, stored_from(schedule), i64::from(schedule.until), schedule.first, schedule.last,
                stored_days(schedule), new.recording_quality.unwrap_or_default(), new.is_active, now, &caller.0.id
            ],
        )?;
        settle(db, &id, now).map(Created)
    })
}

/// What is of no meaning is stored as all of it.
fn stored_days(schedule: Schedule) -> i64 {
    if schedule.kind == Kind::Weekly { schedule.days } else { EVERY_DAY }
}

fn stored_from(schedule: Schedule) -> i64 {
    i64::from(schedule.from % DAY_MINUTES)
}

/// Changes a schedule.
#[utoipa::path(method(patch, put), path = "/v0/api/cctv/schedules/{id}", responses(
    (status = 409, description = "Another schedule of the camera is the same, or records the other stream at the same time."),
))]
pub async fn update(
    caller: Caller<Admin>,
    Now(now): Now,
    Path(id): Path<String>,
    Body(change): Body<CctvScheduleChange>,
) -> Answer<Json<View>> {
    db::transaction(|db| {
        let current = Stored::find(db, &id)?;
        let is = current.schedule();
        let kind = change.schedule_type.unwrap_or(is.kind);
        let day = |patch: Patch<Date>, is: Option<Date>| if patch.is_sent() { patch.value() } else { is };
        // Days of another type than weekly have no meaning, and are not taken over.
        let days = change.days_of_week.map_or(if is.kind == Kind::Weekly || kind != Kind::Weekly { is.days } else { 0 }, |days| days.0);
        let schedule = Schedule {
            kind,
            from: change.start_time.map_or(is.from, |time| time.0),
            until: change.end_time.map_or(is.until, |time| time.0),
            first: day(change.start_date, is.first),
            last: day(change.end_date, is.last),
            days,
        };
        if let Some((field, reason)) = schedule.fault() {
            return Err(Problem::invalid_field(field, reason));
        }
        db.run(
            "update recording_schedules set name = coalesce(?2, name), kind = ?3, from_minute = ?4, until_minute = ?5, first_day = ?6, last_day = ?7,
                days = ?8, quality = coalesce(?9, quality), is_active = coalesce(?10, is_active), updated_at = ?11, updated_by = ?12
             where id = ?1",
            params![
                &id, change.name, schedule.kind, stored_from(schedule), i64::from(schedule.until), schedule.first, schedule.last,
                stored_days(schedule), change.recording_quality, change.is_active, now, &caller.0.id
            ],
        )?;
        settle(db, &id, now).map(Json)
    })
}

/// Has a schedule followed from now on.
#[utoipa::path(post, path = "/v0/api/cctv/schedules/{id}/activate", responses(
    (status = 409, description = "Another schedule of the camera is the same, or records the other stream at the same time."),
))]
pub async fn activate(caller: Caller<Admin>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<View>> {
    set_active(&id, true, &caller.0.id, now)
}

/// Has a schedule followed no more. What it has begun to record ends with the next scheduled run.
#[utoipa::path(post, path = "/v0/api/cctv/schedules/{id}/deactivate")]
pub async fn deactivate(caller: Caller<Admin>, Now(now): Now, Path(id): Path<String>) -> Answer<Json<View>> {
    set_active(&id, false, &caller.0.id, now)
}

fn set_active(id: &str, is_active: bool, by: &str, now: i64) -> Answer<Json<View>> {
    db::transaction(|db| {
        let change = "update recording_schedules set is_active = ?2, updated_at = ?3, updated_by = ?4 where id = ?1 returning 1";
        if !db.exists(change, params![id, is_active, now, by])? {
            return Err(not_found());
        }
        settle(db, id, now).map(Json)
    })
}

/// Looks at a schedule that was just written beside the others of its camera; it is rolled back when it is at odds with one.
fn settle(db: &Transaction, id: &str, now: i64) -> Answer<View> {
    let schedule = Stored::find(db, id)?;
    if schedule.is_active {
        let others: Vec<Stored> = db.fetch_all(
            concatcp!(SELECT, "r.camera_id = ? and r.id <> ? and r.is_active = 1 order by r.id"),
            params![&schedule.camera_id, id],
        )?;
        if others.len() >= MOST {
            return Err(Problem::conflict(format!("a camera has at most {MOST} schedules that are followed")).because("too_many"));
        }
        let (own, zone) = (schedule.schedule(), schedule.zone()?);
        for other in &others {
            let conflict = |detail: String| Err(Problem::conflict(detail).with("conflicts_with", other.id.as_str()));
            if other.schedule() == own && other.quality == schedule.quality {
                return conflict(format!("the schedule {} is the same", other.name)).map_err(|problem: Problem| problem.because("same"));
            }
            if other.quality == schedule.quality {
                continue;
            }
            if let Some(at) = first_overlap(&own, &other.schedule(), zone, now) {
                let detail = format!("the schedule {} records the other stream at {}", other.name, format_rfc3339(at));
                return conflict(detail).map_err(|problem: Problem| problem.because("other_quality").with("at", format_rfc3339(at)));
            }
        }
    }
    schedule.view(now)
}
