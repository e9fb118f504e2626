//! What the mapping of a record may ask: the options, the database, what old ids have become.

use anyhow::anyhow;
use domain::booking_slot::Zone;
use gatehouse_credentials::Key;

use crate::failure::{Failure, Refusal};
use crate::options::Args;
use crate::row::{Row, text_of};
use crate::source::Entity;
use crate::store::Store;

/// Who is said to have made and changed what nobody is named for.
pub const ACTOR: &str = "import";

/// What the mapping of a record may ask.
pub struct Context<'a> {
    /// The options.
    pub args: &'a Args,
    /// The database.
    pub store: &'a mut Store,
    /// What passwords of cameras are sealed with.
    pub camera_key: Option<&'a Key>,
    /// The id that the record had.
    pub old_id: String,
    /// What is to be told of a record that is moved all the same.
    pub notes: Vec<(&'static str, String)>,
}

impl Context<'_> {
    /// Something to be told of this record.
    pub fn note(&mut self, reason: &'static str, detail: impl Into<String>) {
        self.notes.push((reason, detail.into()));
    }

    /// The present, milliseconds.
    pub const fn now(&self) -> i64 {
        self.store.now()
    }

    /// A new id, of this moment: a UUIDv7, whose order is that of time.
    pub fn new_id(&self, at: i64) -> Result<String, Failure> {
        let millis = u64::try_from(at).unwrap_or_default();
        Ok(uuid::Builder::from_unix_timestamp_millis(millis, &random::<10>()?).into_uuid().to_string())
    }

    /// What the record that a field names has become here.
    pub fn reference(&self, row: &mut Row, entity: Entity, names: &[&str]) -> Result<Option<String>, Failure> {
        let Some((name, value)) = row.take(names) else { return Ok(None) };
        let old = text_of(&name, value)?;
        let new = self.store.mapped(entity, &old)?;
        new.map(Some).ok_or_else(|| Refusal::of("unknown_reference", format!("{name} {old}: no such record was moved")).into())
    }

    /// The same, of one that has to be named.
    pub fn needed_reference(&self, row: &mut Row, entity: Entity, names: &[&str]) -> Result<String, Failure> {
        self.reference(row, entity, names)?.ok_or_else(|| crate::row::missing(names).into())
    }

    /// The site that a record names, or else the option's.
    pub fn site(&self, row: &mut Row, names: &[&str]) -> Result<String, Failure> {
        let named = row.text(names)?.map(|site| site.to_ascii_lowercase());
        let site = named.or_else(|| self.args.site.clone()).ok_or_else(|| Refusal::of("no_site", "it names none: say --site"))?;
        if self.store.exists("select 1 from sites where slug = ?1", [&site])? {
            Ok(site)
        } else {
            Err(Refusal::of("unknown_site", format!("{site}: make it first")).into())
        }
    }

    /// The clock of a site.
    pub fn zone_of(&self, site: &str) -> Result<Zone, Failure> {
        let name: Option<String> = self.store.find("select time_zone from sites where slug = ?1", [site])?;
        let zone = name.as_deref().and_then(Zone::parse);
        zone.ok_or_else(|| Refusal::of("unknown_site", format!("{site} has no known time zone")).into())
    }

    /// The zone that a record names, by its old id or by its code, or else the option's: site and code.
    pub fn place(&self, row: &mut Row) -> Result<(String, String), Failure> {
        let named = row.text(&["zone_id", "zone", "zone_code", "level", "floor", "section"])?;
        if let Some(old) = &named
            && let Some(new) = self.store.mapped(Entity::Zones, old)?
            && let Some((site, code)) = new.split_once('/')
        {
            return Ok((site.to_owned(), code.to_owned()));
        }
        let site = self.site(row, &["site", "site_id"])?;
        let code = named.or_else(|| self.args.zone.clone()).ok_or_else(|| Refusal::of("no_zone", "it names none: say --zone"))?;
        let known = "select code from zones where site = ?1 and code = ?2";
        match self.store.find(known, [&site, &code])? {
            Some(code) => Ok((site, code)),
            None => Err(Refusal::of("unknown_zone", format!("{site}/{code}: make it first")).into()),
        }
    }
}

/// Random bytes.
pub fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("no random bytes: {error}"))?;
    Ok(bytes)
}
