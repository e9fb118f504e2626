//! Cameras with their sealed credentials, and who may use them.

use domain::camera::address::{self, Parsed, Use};
use domain::camera::hours::{EVERY_DAY, days_of};
use domain::camera::{Level, is_reserved_id};
use domain::device_code::is_device_code;
use gatehouse_credentials::{Credentials, Sealed};
use rusqlite::params;

use super::CREATED;
use crate::clock;
use crate::context::{ACTOR, Context, random};
use crate::failure::{Failure, Outcome, Refusal};
use crate::row::{Row, missing, text_of};
use crate::source::Entity;
use crate::value::Old;

/// A camera. Its id is the one that it had, so that clients go on to name it by that.
pub fn camera(row: &mut Row, cx: &mut Context<'_>) -> Result<Outcome, Failure> {
    let id = row.text(&["camera_id"])?.unwrap_or_else(|| cx.old_id.clone());
    if !is_device_code(&id) || is_reserved_id(&id) {
        return Err(Refusal::of("bad_code", id).into());
    }
    let name = row.text(&["name", "camera_name"])?;
    let location = row.text(&["location"])?.or_else(|| name.clone()).ok_or_else(|| missing(&["location"]))?;
    let description = row.text(&["description"])?;
    let is_active = row.bool(&["is_active", "active"])?.unwrap_or(true);
    let is_public = row.bool(&["is_public"])?.unwrap_or(false);
    let mut day = |names: &[&str]| -> Result<Option<String>, Failure> {
        let Some((name, value)) = row.take(names) else { return Ok(None) };
        Ok(Some(clock::date(&name, &value)?.to_string()))
    };
    let (installed, maintained) = (day(&["installation_date"])?, day(&["last_maintenance_date"])?);
    // A camera may stand at no site.
    let names_a_site = row.text(&["site"])?.or_else(|| cx.args.site.clone());
    if let Some(site) = &names_a_site
        && !cx.store.exists("select 1 from sites where slug = ?1", [site])?
    {
        return Err(Refusal::of("unknown_site", format!("{site}: make it first")).into());
    }
    let retention = row.int(&["retention_days"])?;
    let mut credentials = None;
    let mut url = |purpose: Use, text: Option<String>, field: &'static str| -> Result<Option<String>, Failure> {
        let Some(text) = text else { return Ok(None) };
        // The reasons repeat nothing of the address, which may hold a password.
        let Parsed { url, credentials: own, .. } =
            address::parse(&text, purpose).map_err(|why| Refusal::of("bad_address", format!("{field} {why}")))?;
        if let Some((username, password)) = own {
            credentials.get_or_insert(Credentials { username, password });
        }
        Ok(Some(url))
    };
    let written = match row.text(&["rtsp_url", "rtsp_main_url", "stream_url"])? {
        Some(url) => Some(url),
        None => address_of_parts(row)?,
    };
    let main = url(Use::Rtsp, written, "rtsp_url")?;
    let sub = url(Use::Rtsp, row.text(&["rtsp_url_sub", "rtsp_sub_url", "sub_stream_url"])?, "rtsp_url_sub")?;
    let snapshot = url(Use::Http, row.text(&["snapshot_url"])?, "snapshot_url")?;
    let (username, password) = (row.text(&["username"])?, row.text(&["password"])?);
    if let Some(username) = username {
        credentials = Some(Credentials { username, password: password.unwrap_or_default() });
    } else if password.is_some() {
        return Err(Refusal::of("password_without_name", id).into());
    }
    let created = row.created(CREATED)?;
    if cx.store.exists("select 1 from cameras where camera_id = ?1", [&id])? {
        return Err(Refusal::of("id_is_taken", format!("{id} is a camera here")).into());
    }
    let sealed = match &credentials {
        Some(credentials) => {
            let key = cx.camera_key.ok_or_else(|| Refusal::of("no_camera_key", "its password cannot be sealed: say --camera-key"))?;
            let sealed = key.seal(random()?, &id, credentials);
            Some(sealed.ok_or_else(|| Refusal::of("bad_credentials", &id))?)
        }
        None => None,
    };
    let (bytes, key) = sealed.map(|Sealed { bytes, key }| (bytes, key)).unzip();
    cx.store.run(
        "insert into cameras (camera_id, site, location, is_active, installation_date, last_maintenance_date, name, description, rtsp_url,
            rtsp_url_sub, snapshot_url, credentials, credentials_key, is_public, retention_days, created_at, updated_at, updated_by)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18)",
        params![
            id,
            names_a_site,
            location,
            is_active,
            installed,
            maintained,
            name,
            description,
            main,
            sub,
            snapshot,
            bytes,
            key,
            is_public,
            retention,
            created,
            cx.now(),
            ACTOR
        ],
    )?;
    Ok(Outcome::Created(id))
}

/// The address that S4 keeps in parts.
fn address_of_parts(row: &mut Row) -> Result<Option<String>, Failure> {
    let Some(host) = row.text(&["ip_address", "host"])? else { return Ok(None) };
    let port = row.int(&["port", "rtsp_port"])?.unwrap_or(554);
    let path = row.text(&["rtsp_path", "path"])?.unwrap_or_default();
    // PostgreSQL writes an address of type `inet` with the network that it is all of.
    let host = host.strip_suffix("/32").or_else(|| host.strip_suffix("/128")).unwrap_or(&host);
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    Ok(Some(format!("rtsp://{host}:{port}/{}", path.trim_start_matches('/'))))
}

/// Days of a week by their names: bit 0 is Monday. Numbers are refused, since systems begin to count on different days.
pub fn days(row: &mut Row, names: &[&str]) -> Result<Option<i64>, Failure> {
    let Some((name, value)) = row.take(names) else { return Ok(None) };
    let words = match value {
        Old::List(words) => words.into_iter().map(|word| text_of(&name, word)).collect::<Result<Vec<_>, _>>()?,
        // A list of PostgreSQL, of JSON, or of words.
        other => {
            let text = text_of(&name, other)?;
            text.split(',')
                .map(|word| word.trim_matches(|c: char| "{}[]\"' ".contains(c)).to_owned())
                .filter(|word| !word.is_empty())
                .collect()
        }
    };
    let whole: Vec<String> = words.iter().map(|word| word.to_ascii_lowercase()).collect();
    let whole: Vec<&str> = whole.iter().map(|word| full_day(word)).collect();
    days_of(&whole).map(Some).ok_or_else(|| Refusal::of("unknown_days", format!("{name}: {}", words.join(", "))).into())
}

/// The day's whole name, of a name of three letters.
fn full_day(word: &str) -> &str {
    domain::booking_slot::WEEKDAYS.into_iter().find(|day| word.len() == 3 && day.starts_with(word)).unwrap_or(word)
}

/// Who may use a camera, and when.
pub fn access(row: &mut Row, cx: &mut Context<'_>) -> Result<Outcome, Failure> {
    let camera = cx.needed_reference(row, Entity::Cameras, &["camera_id", "camera"])?;
    let user = cx.needed_reference(row, Entity::Users, &["user_id", "user"])?;
    let level = row.needed_text(&["level", "access_level", "permission"])?.to_ascii_lowercase();
    let level: Level = level.parse().map_err(|_| Refusal::of("unknown_level", level))?;
    let days = days(row, &["days_of_week", "days"])?.unwrap_or(EVERY_DAY);
    let mut time = |names: &[&str]| -> Result<Option<i64>, Failure> {
        let text = row.text(names)?;
        Ok(text.map(|text| clock::minute("hours", &text)).transpose()?.map(i64::from))
    };
    let (from, until) = (time(&["start_time", "access_start_time"])?, time(&["end_time", "access_end_time"])?);
    let is_active = row.bool(&["is_active", "active"])?.unwrap_or(true);
    let created = row.created(CREATED)?;
    let id = cx.new_id(created)?;
    cx.store.run(
        "insert into camera_access (id, camera_id, user_id, level, days, from_minute, until_minute, is_active, created_at, updated_at, updated_by)
         values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![id, camera, user, level.into_str(), days, from.unwrap_or(0), until.unwrap_or(1440), is_active, created, cx.now(), ACTOR],
    )?;
    Ok(Outcome::Created(id))
}
