//! The options of `gatehouse import`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono_tz::Tz;
use domain::role::Role;

use crate::source::{Entity, Source};

/// Moves the data of a replaced system into this installation's database file
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The system that the data comes from
    #[arg(long, value_enum)]
    pub from: Source,
    /// Dumps (.bson, .csv, .json, .sql), directories of them, or the address of a PostgreSQL server (postgres://…)
    #[arg(required = true, value_name = "FILE")]
    pub inputs: Vec<String>,
    /// The state directory of `gatehouse up`, whose default.db is written into
    #[arg(long, default_value = ".gatehouse")]
    pub state_dir: PathBuf,
    /// Another database file, such as the copy that is to be uploaded to libSQL
    #[arg(long)]
    pub database: Option<PathBuf>,
    /// Change nothing: try it on a copy, and report
    #[arg(long)]
    pub dry_run: bool,
    /// Write the report as JSON, too
    #[arg(long, value_name = "FILE.json")]
    pub report: Option<PathBuf>,
    /// The time zone of times that say none (an IANA name); without it they are refused
    #[arg(long, value_name = "ZONE", value_parser = zone)]
    pub time_zone: Option<Tz>,
    /// The site of what names none; it has to be there
    #[arg(long, value_name = "SLUG")]
    pub site: Option<String>,
    /// The zone, of that site, of spots and devices that name none
    #[arg(long, value_name = "CODE")]
    pub zone: Option<String>,
    /// What a role of the old system is here; superuser, staff and user are those of Django
    #[arg(long, value_name = "OLD=NEW", value_parser = role)]
    pub role: Vec<(String, Role)>,
    /// Makes the address of an account without one out of its user name: NAME@DOMAIN
    #[arg(long, value_name = "DOMAIN")]
    pub email_domain: Option<String>,
    /// An old account whose address has an account here is that account
    #[arg(long)]
    pub merge_users: bool,
    /// Close emergencies and alerts that the old system left open; without it they are refused
    #[arg(long)]
    pub close_open: bool,
    /// The currency of amounts that name none
    #[arg(long, value_name = "CODE")]
    pub currency: Option<String>,
    /// Whether amounts are in the currency's units (12.50) or in minor ones (1250); without it, amounts are refused
    #[arg(long, value_enum)]
    pub amounts: Option<Amounts>,
    /// What a table or collection holds that is called otherwise: `telemetry=meter_values`
    #[arg(long, value_name = "KIND=TABLE", value_parser = table)]
    pub table: Vec<(Entity, String)>,
    /// Records of one transaction; others' writes wait as long as one takes
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub batch: u32,
    /// The key that passwords of cameras are sealed with (the variable camera_key); by default that of the state directory
    #[arg(long, env = "SPIN_VARIABLE_CAMERA_KEY", hide_env_values = true)]
    pub camera_key: Option<String>,
    /// The present, milliseconds; the machine's unless it is set.
    #[arg(skip)]
    pub now_ms: Option<i64>,
    /// Shows no progress.
    #[arg(skip)]
    pub is_quiet: bool,
}

/// What amounts of money are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Amounts {
    /// Units, with decimals
    Major,
    /// Minor units: paise, cents
    Minor,
}

impl Args {
    /// From the words of a command line after `gatehouse import`.
    ///
    /// # Errors
    /// What clap says of them.
    pub fn parse_from<I: IntoIterator<Item = S>, S: Into<std::ffi::OsString> + Clone>(words: I) -> Result<Self, clap::Error> {
        #[derive(clap::Parser)]
        #[command(no_binary_name = true)]
        struct Import {
            #[command(flatten)]
            args: Args,
        }
        <Import as clap::Parser>::try_parse_from(words).map(|import| import.args)
    }

    /// The database file.
    pub fn database(&self) -> PathBuf {
        self.database.clone().unwrap_or_else(|| self.state_dir.join("default.db"))
    }

    /// The role that an old one becomes here: as it was said, or else its own name here, or what the old system's documents call so.
    pub fn role_of(&self, old: &str) -> Option<Role> {
        let old = old.trim().to_ascii_lowercase().replace([' ', '-'], "_");
        let said = self.role.iter().find(|(name, _)| *name == old).map(|(_, role)| *role);
        said.or_else(|| match (self.from, old.as_str()) {
            (Source::S3, "pilgrim") | (Source::S5, "user" | "customer" | "driver") => Some(Role::Visitor),
            (Source::S3, "authority") => Some(Role::Operator),
            (Source::S1 | Source::S2 | Source::S4, "superuser") => Some(Role::Admin),
            (Source::S1 | Source::S2 | Source::S4, "staff") => Some(Role::Operator),
            (_, "superadmin") => Some(Role::SuperAdmin),
            (_, name) => name.parse().ok().filter(|role: &Role| role.is_person()),
        })
    }

    /// What each table holds by the options.
    pub fn tables(&self) -> BTreeMap<String, Entity> {
        self.table.iter().map(|(entity, table)| (table.clone(), *entity)).collect()
    }
}

fn zone(text: &str) -> Result<Tz, String> {
    text.parse().map_err(|_| format!("{text} is no zone of the IANA database"))
}

fn role(text: &str) -> Result<(String, Role), String> {
    let (old, new) = text.split_once('=').ok_or("must be OLD=NEW")?;
    let role: Role = new.parse().map_err(|_| format!("{new} is no role here"))?;
    if !role.is_person() {
        return Err("an account of a device belongs to one device: make a key of it instead".into());
    }
    Ok((old.trim().to_ascii_lowercase().replace([' ', '-'], "_"), role))
}

fn table(text: &str) -> Result<(Entity, String), String> {
    let (entity, table) = text.split_once('=').ok_or("must be KIND=TABLE")?;
    Ok((entity.parse().map_err(|_| format!("{entity} is nothing that is moved"))?, table.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_known_or_said() {
        let args = Args::parse_from(["--from", "s2", "x.csv", "--role", "User=operator"]).unwrap();
        assert_eq!(args.role_of("user"), Some(Role::Operator));
        assert_eq!(args.role_of("superuser"), Some(Role::Admin));
        assert_eq!(args.role_of("dragon"), None);
        assert_eq!(args.role_of("device"), None);
        let args = Args::parse_from(["--from", "s3", "x.json"]).unwrap();
        assert_eq!(
            (args.role_of("Pilgrim"), args.role_of("authority"), args.role_of("user")),
            (Some(Role::Visitor), Some(Role::Operator), None)
        );
    }

    #[test]
    fn what_cannot_be_is_refused_at_once() {
        for words in [
            &["--from", "s6", "x.csv"][..],
            &["--from", "s2"],
            &["--from", "s2", "x.csv", "--time-zone", "Mars/Phobos"],
            &["--from", "s2", "x.csv", "--role", "user=device"],
            &["--from", "s2", "x.csv", "--table", "dragons=x"],
            &["--from", "s2", "x.csv", "--batch", "0"],
        ] {
            assert!(Args::parse_from(words).is_err(), "{words:?}");
        }
    }
}
