//! `gatehouse seed`: a demo car park, four temples with their darshan slots, three users and weeks of plausible history, over HTTP, into any deployment.
//!
//! What exists is left as it is, so that seeding twice changes nothing. Everything but secrets is determined by `--seed`.
//!
//! Others' writes get through meanwhile: SQLite has one writer at a time, and a bulk of some hundred rows holds it for some milliseconds, one of
//! thousands for a tenth of a second, which an emergency would wait for at each of its steps.

use std::fmt;
use std::path::PathBuf;

use anyhow::Context as _;
use futures::{StreamExt as _, TryStreamExt as _};
use indicatif::ProgressBar;
use serde_json::json;

mod alerts;
pub(crate) mod api;
mod credentials;
pub(crate) mod crowd;
mod darshan;
mod emergencies;
pub(crate) mod finish;
mod history;
mod lots;
pub(crate) mod past;
pub(crate) mod pattern;
mod places;
mod progress;
pub(crate) mod shuttles;

pub use api::Deployment;
pub use credentials::{Credentials, User};

use api::{AT_ONCE, Api};
use progress::progress_bar;

/// How many bulk requests are sent at once: while one is stored, the next is read.
const BULKS_AT_ONCE: usize = 2;

/// The most readings or counts of one request, unless it is set: some milliseconds of the database's one writer.
pub const DEFAULT_BATCH: u16 = 250;

/// Options of `gatehouse seed`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The base URL of the deployment.
    #[arg(long, env = "GATEHOUSE_BASE_URL", default_value = "http://127.0.0.1:3000")]
    pub base_url: String,
    /// The bootstrap administrator's e-mail address (the variable `admin_email`).
    #[arg(long, env = "GATEHOUSE_ADMIN_EMAIL", default_value = "admin@gatehouse.example")]
    pub admin_email: String,
    /// The bootstrap administrator's password (the variable `admin_password`).
    #[arg(long, env = "GATEHOUSE_ADMIN_PASSWORD", hide_env_values = true)]
    pub admin_password: String,
    /// The file for the demo users' passwords and the devices' keys, mode 0600.
    #[arg(long, default_value = ".gatehouse/demo-credentials.json")]
    pub credentials: PathBuf,
    /// The seed of the history: the same number gives the same history.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many days of readings; crowds are counted for three times as many. 0 for the newest of each device and zone alone.
    #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u32).range(0..=366))]
    pub history_days: u32,
    /// Minutes from one reading of a device to its next.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=60))]
    pub every_minutes: u32,
    /// The most readings or counts of one request. Others' writes wait as long as one takes to be stored.
    #[arg(long, default_value_t = DEFAULT_BATCH, value_parser = clap::value_parser!(u16).range(1..=5_000))]
    pub batch: u16,
    /// The secret of `/internal/` (the variable `tick_secret`): with it, the history is summed up at once, not by the scheduled runs of the next
    /// minutes, and the deployment is told when the demo is whole. One whose variable `await_demo` is on is not ready before.
    #[arg(long, env = "GATEHOUSE_TICK_SECRET", hide_env_values = true)]
    pub tick_secret: Option<String>,
    /// How the deployment is spoken to.
    #[arg(skip)]
    pub deployment: Deployment,
}

/// How many records were created. Those that existed are not counted, except as `duplicates`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Sites.
    pub sites: usize,
    /// Zones.
    pub zones: usize,
    /// Spots.
    pub spots: usize,
    /// Devices.
    pub devices: usize,
    /// Demo users.
    pub users: usize,
    /// Device keys.
    pub keys: usize,
    /// Readings that were stored.
    pub readings: u64,
    /// Readings that existed already.
    pub duplicates: u64,
    /// Readings that the application refused.
    pub rejected: u64,
    /// Lot counts.
    pub lot_counts: usize,
    /// Cameras.
    pub cameras: usize,
    /// Alerts, announcements among them.
    pub alerts: usize,
    /// Counts of the temples' crowds.
    pub crowd_counts: u64,
    /// Shuttle routes.
    pub routes: usize,
    /// Shuttles.
    pub shuttles: usize,
    /// Resources for emergencies: crews, rooms and the like.
    pub resources: usize,
    /// Past emergencies.
    pub emergencies: usize,
    /// Incident reports.
    pub incidents: usize,
    /// Slot templates of the temples.
    pub slots: usize,
    /// Bookings of the demo visitor.
    pub bookings: usize,
    /// The credentials file.
    pub credentials: PathBuf,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sites, zones, spots, devices, users, keys, readings, duplicates, rejected, lot_counts, cameras, alerts, .. } = self;
        let Self { slots, bookings, crowd_counts, routes, shuttles, resources, emergencies, incidents, credentials, .. } = self;
        writeln!(f, "made {sites} sites, {zones} zones, {spots} spots, {devices} devices, {users} users, {keys} device keys")?;
        writeln!(
            f,
            "stored {readings} readings ({duplicates} were there, {rejected} refused), {lot_counts} lot counts, {cameras} cameras, {alerts} alerts"
        )?;
        writeln!(f, "made {slots} darshan slots by weekday, {bookings} bookings")?;
        writeln!(f, "stored {crowd_counts} counts of crowds, made {routes} routes and {shuttles} shuttles")?;
        writeln!(f, "made {resources} resources, {emergencies} past emergencies, {incidents} incidents")?;
        write!(f, "credentials: {}", credentials.display())
    }
}

/// Seeds the deployment.
///
/// # Errors
/// If the deployment does not respond, refuses the administrator, or responds with an unexpected status, or if the credentials file
/// cannot be read or written. What was created until then stays: it may be run again.
pub async fn run(args: Args) -> anyhow::Result<Summary> {
    let admin = Api::sign_in(&args.base_url, &args.admin_email, &args.admin_password, &args.deployment)
        .await
        .context("signing in as the bootstrap administrator")?;
    let mut summary = Summary { credentials: args.credentials.clone(), ..Summary::default() };
    seed_places(&admin, &mut summary).await?;

    let mut credentials = Credentials::load_for(&args.credentials, &args.base_url, &args.deployment).await?;
    summary.users = credentials::create_users(&admin, &mut credentials).await?;
    credentials.save(&args.credentials)?;
    let issued = issue_keys(&admin, &mut credentials).await;
    // A key is shown once: also those that were issued before a failure are kept.
    credentials.save(&args.credentials)?;
    summary.keys = issued?;
    summary.slots = darshan::create_templates(&admin).await?;
    summary.bookings = darshan::create_bookings(&args.base_url, &credentials, &args.deployment).await?;

    let history = history::History::until(admin.now_ms(), args.seed, args.history_days, args.every_minutes, usize::from(args.batch));
    seed_readings(&admin, &history, &mut summary).await?;
    summary.lot_counts = lots::send_counts(&admin, &history).await?;
    summary.lot_counts += lots::send_sample(&admin, &history).await?;
    summary.cameras = alerts::create_cameras(&admin).await?;
    summary.alerts = alerts::create_alerts(&admin).await?;
    summary.crowd_counts = crowd::send_counts(&admin, args.seed, admin.now_ms(), args.history_days, usize::from(args.batch)).await?;
    (summary.routes, summary.shuttles) = shuttles::create(&admin).await?;
    let created = emergencies::create(&admin).await?;
    summary.alerts += created.broadcasts;
    (summary.resources, summary.emergencies, summary.incidents) = (created.resources, created.emergencies, created.incidents);
    if let Some(secret) = &args.tick_secret {
        finish::sum_up(&args.base_url, secret, &args.deployment).await?;
        finish::tell_done(&args.base_url, secret, &args.deployment).await?;
    }
    Ok(summary)
}

/// Whether this is the slug of a temple that each installation has by itself.
pub(crate) fn is_temple(slug: &str) -> bool {
    places::SITES.iter().any(|site| site.kind == "temple" && site.slug == slug)
}

async fn seed_places(admin: &Api, summary: &mut Summary) -> anyhow::Result<()> {
    for site in places::SITES {
        summary.sites += usize::from(admin.create("/api/sites", &site.body()).await?);
        let path = format!("/api/sites/{}/zones", site.slug);
        for (position, zone) in site.zones.iter().enumerate() {
            summary.zones += usize::from(admin.create(&path, &zone.body(position)).await?);
        }
    }
    let spots = places::spots();
    let bar = progress_bar(spots.len() as u64, "places and devices");
    let made = futures::stream::iter(&spots).map(|spot| {
        let bar = &bar;
        async move {
            let made_spot = admin.create("/api/spots", &spot.body()).await?;
            let made_device = admin.create("/api/devices/", &spot.device_body()).await?;
            bar.inc(1);
            anyhow::Ok((usize::from(made_spot), usize::from(made_device)))
        }
    });
    let made: Vec<_> = made.buffer_unordered(AT_ONCE).try_collect().await?;
    bar.finish_and_clear();
    summary.spots = made.iter().map(|(spots, _)| spots).sum();
    summary.devices = made.iter().map(|(_, devices)| devices).sum();
    Ok(())
}

/// Issues a key for each device that has none in the file. Returns how many.
async fn issue_keys(admin: &Api, credentials: &mut Credentials) -> anyhow::Result<usize> {
    let missing: Vec<String> =
        places::spots().iter().map(places::Spot::device_code).filter(|code| !credentials.devices.contains_key(code)).collect();
    let bar = progress_bar(missing.len() as u64, "device keys");
    let mut answers = futures::stream::iter(missing)
        .map(|code| async move {
            let path = format!("/api/devices/{code}/credentials");
            let answer = admin.post(&path, &json!({"label": "demo"})).await?.expect(&[201])?;
            let key = answer["key"].as_str().context("the answer shows no key")?.to_owned();
            anyhow::Ok((code, key))
        })
        .buffer_unordered(AT_ONCE);
    let mut issued = 0;
    while let Some((code, key)) = answers.try_next().await? {
        credentials.devices.insert(code, key);
        issued += 1;
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(issued)
}

async fn seed_readings(admin: &Api, history: &history::History, summary: &mut Summary) -> anyhow::Result<()> {
    let bar = progress_bar(history.len(), "readings");
    // The newest of each device first, by itself: all that follows is late data, which is stored without changing a spot's state, so that
    // weeks of history raise no events and no alerts.
    store(admin, history.newest(), &bar, summary).await?;
    for day in history.days() {
        let bodies: Vec<_> = history.bodies(day).collect();
        let answers = futures::stream::iter(bodies).map(|body| async move {
            let sent = body.len() as u64;
            let answer = admin.post("/api/telemetry/bulk/", &json!(body)).await?.expect(&[200])?;
            anyhow::Ok((sent, answer))
        });
        let mut answers = answers.buffer_unordered(BULKS_AT_ONCE);
        while let Some((sent, answer)) = answers.try_next().await? {
            count(&answer, summary);
            bar.inc(sent);
        }
    }
    bar.finish_and_clear();
    Ok(())
}

async fn store(admin: &Api, body: Vec<pattern::Reading>, bar: &ProgressBar, summary: &mut Summary) -> anyhow::Result<()> {
    let sent = body.len() as u64;
    let answer = admin.post("/api/telemetry/bulk/", &json!(body)).await?.expect(&[200])?;
    count(&answer, summary);
    bar.inc(sent);
    Ok(())
}

fn count(answer: &serde_json::Value, summary: &mut Summary) {
    let number = |field: &str| answer[field].as_u64().unwrap_or_default();
    summary.readings += number("accepted");
    summary.duplicates += number("duplicate");
    summary.rejected += number("rejected");
}
