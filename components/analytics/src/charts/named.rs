//! What sites are called in headings and legends.

use std::collections::BTreeMap;

use charts::Heading;
use kit::db::{Database, Fetch as _};
use kit::row::FromRow;
use kit::{Answer, params};

use super::places;
use crate::scope::{Scope, SiteRange};

/// The most sites whose names are looked up: as many as an analysis takes.
const MAX_SITES: i64 = 500;

#[derive(FromRow)]
struct Named {
    slug: String,
    name: String,
}

/// The names of sites by their slugs.
pub struct Names {
    names: BTreeMap<String, String>,
    /// Of the one that was asked for.
    one: Option<String>,
}

impl Names {
    /// Of the sites that are asked for.
    pub fn load(scope: &Scope) -> Answer<Self> {
        let found: Vec<Named> = match &scope.site {
            Some(slug) => Database.fetch_all("select slug, name from sites where slug = ?", params![slug])?,
            None => Database.fetch_all("select slug, name from sites order by slug limit ?", params![MAX_SITES])?,
        };
        let names: BTreeMap<_, _> = found.into_iter().map(|Named { slug, name }| (slug, name)).collect();
        let one = scope.site.is_some().then(|| names.values().next().cloned()).flatten();
        let one = one.map(|name| scope.zone.as_ref().map_or_else(|| name.clone(), |zone| format!("{name}, {}", &**zone)));
        Ok(Self { names, one })
    }

    /// Of one site.
    pub fn of(&self, slug: &str) -> String {
        self.names.get(slug).map_or(slug, String::as_str).to_owned()
    }

    /// The heading of a chart: whose figures, of which, from when to when, and what else there is to know.
    pub fn heading(&self, what: &str, ranges: &[SiteRange], notes: &[Option<String>]) -> Heading {
        let whose = self.one.as_deref().unwrap_or("All sites");
        let range = Some(places::said(ranges)).filter(|said| !said.is_empty());
        let subtitle: Vec<_> = range.iter().chain(notes.iter().flatten()).map(String::as_str).collect();
        Heading { title: format!("{whose}: {what}"), subtitle: subtitle.join("; ") }
    }
}
