//! Where a report comes from: the site that it names, the one at its position, or the one where the panic button is.

use domain::emergency::{AT_SITE_WITHIN_M, site_at};
use domain::role::Role;
use kit::caller::Principal;
use kit::db::{Executor, Fetch as _};
use kit::input::Location;
use kit::row::FromRow;
use kit::{Problem, params, sites};

use crate::report::EmergencyReport;
use crate::tolerant::{Sent, Strange};

/// Where a report comes from.
#[derive(Default)]
pub struct Origin {
    /// The site; none when it is not known.
    pub site: Option<String>,
    /// The place in words: the reporter's own where they sent some for a position, or where the panic button is.
    pub place: Option<String>,
    /// What there is to say of the site.
    pub note: Option<String>,
    /// The code of the panic button that speaks; none when a person does.
    pub button: Option<String>,
}

#[derive(FromRow)]
struct PanicButton {
    code: String,
    site: String,
    place: String,
}

impl Origin {
    /// Where a person says it is, taken at their word: the foreign key of what is stored finds out whether there is such a site, and spares
    /// asking. None where it has to be found.
    pub fn named(report: &EmergencyReport, caller: &Principal) -> Option<Self> {
        let slug = report.temple_id.understood().filter(|slug| !slug.is_empty() && caller.role != Role::Device)?;
        Some(Self { site: Some(slug.to_string()), place: Self::place_in_words(report), ..Self::default() })
    }

    fn place_in_words(report: &EmergencyReport) -> Option<String> {
        match &report.location {
            Sent::Strange(Strange { words, is_text: true, .. }) => Some(words.clone()),
            _ => None,
        }
    }

    /// Finds it. 403 for a device that is no panic button in use, or that speaks for another site than its own.
    pub fn find(db: &dyn Executor, report: &EmergencyReport, caller: &Principal) -> Result<Self, Problem> {
        let words = Self::place_in_words(report);
        if caller.role == Role::Device {
            let origin = Self::of_button(db, report, caller)?;
            return Ok(Self { place: words.or(origin.place), ..origin });
        }
        let named = report.temple_id.understood().filter(|slug| !slug.is_empty());
        if let Some(slug) = named
            && sites::exists(db, slug)?
        {
            return Ok(Self { site: Some(slug.to_string()), place: words, ..Self::default() });
        }
        let why = match named {
            Some(slug) => format!("\"{}\" was sent: there is no such temple", &**slug),
            None => report.temple_id.note().unwrap_or_default(),
        };
        let position = report.location.understood().map(|position| position.location);
        let site = match position {
            Some(location) => nearest(db, location)?,
            None => None,
        };
        let taken = match (&site, position) {
            (Some(site), _) => format!("{site} is the nearest to the position"),
            (None, Some(_)) => format!("none lies within {} km of the position", AT_SITE_WITHIN_M / 1000.0),
            (None, None) => "and there is no position to tell it by".to_owned(),
        };
        Ok(Self { site, place: words, note: Some(format!("{why}; {taken}")), button: None })
    }

    fn of_button(db: &dyn Executor, report: &EmergencyReport, caller: &Principal) -> Result<Self, Problem> {
        let find = "select code, site, place from panic_buttons where code = ?";
        let button: Option<PanicButton> = db.fetch_optional(find, params![caller.device.as_deref()])?;
        let PanicButton { code, site, place } = button.ok_or_else(no_panic_button)?;
        let named = report.temple_id.understood();
        if let Some(other) = named.filter(|slug| ***slug != *site)
            && sites::exists(db, other)?
        {
            return Err(Problem::forbidden("a device raises emergencies for its own site alone"));
        }
        let is_own = named.is_none_or(|slug| **slug == *site) && !matches!(report.temple_id, Sent::Strange(_));
        let note = (!is_own).then(|| format!("is not known; {site} is where the panic button is"));
        Ok(Self { site: Some(site), place: Some(place), note, button: Some(code) })
    }
}

/// 403.
pub fn no_panic_button() -> Problem {
    Problem::forbidden("a device raises an emergency only if it is a panic button in use")
}

#[derive(FromRow)]
struct Site {
    slug: String,
    #[row(flatten)]
    location: Location,
}

/// The site that a position belongs to. A degree of latitude is never less than 110 km, which leaves few to measure.
fn nearest(db: &dyn Executor, at: Location) -> Result<Option<String>, Problem> {
    let degrees = AT_SITE_WITHIN_M / 110_000.0;
    let near: Vec<Site> = db.fetch_all(
        "select slug, latitude, longitude from sites where latitude between ? and ? order by slug",
        params![at.lat - degrees, at.lat + degrees],
    )?;
    Ok(site_at((at.lat, at.lng), near.into_iter().map(|site| (site.slug, (site.location.lat, site.location.lng)))))
}
