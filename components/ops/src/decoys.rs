//! Decoys: `/admin/login` and `/wp-login.php`, where other servers have their sign-in and we have none. Who comes there looks for a way in:
//! the visitor is noted and told of in one alert a day, and sees a page that leads nowhere and says nothing of us.
//!
//! What is asked for by machines, thousands of times, must not become as many rows or writes: of a day the first [`MAX_VISITORS`] addresses
//! have a row, with the first [`MAX_TRIED`] things that each tried, and one row stands for all others; what says nothing new is written
//! down once a minute.

use axum::Router;
use axum::extract::RawForm;
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::any;
use const_format::concatcp;
use domain::mail_template::one_line;
use domain::time::{MINUTE_MS, format_rfc3339};
use http::{Method, Uri};
use kit::client::ClientAddress;
use kit::db::{Database, Executor as _, Fetch as _};
use kit::request::Now;
use kit::row::FromRow;
use kit::{Answer, Problem, host, params};

/// Addresses of a day that have a row of their own.
const MAX_VISITORS: i64 = 200;

/// Different things that one address tried, as far as they are kept.
const MAX_TRIED: usize = 20;

/// How much of a user's name that was tried is kept, characters.
const MAX_NAME: usize = 64;

/// A decoy.
struct Decoy {
    path: &'static str,
    /// The fields in which its form sends a user's name.
    names: &'static [&'static str],
    page: &'static str,
    /// What is shown after a try.
    refusal: &'static str,
}

const DECOYS: [Decoy; 2] = [
    Decoy {
        path: "/admin/login",
        names: &["username", "email", "user"],
        page: include_str!("decoys/admin.html"),
        refusal: "<p>Please enter the correct username and password for a staff account. Note that both fields may be case-sensitive.</p>",
    },
    Decoy {
        path: "/wp-login.php",
        names: &["log", "username", "user"],
        page: include_str!("decoys/wordpress.html"),
        refusal: "<p><strong>Error:</strong> The username or password you entered is incorrect.</p>",
    },
];

/// The routes, which are no part of the API: whoever reads its document is not told of them.
pub fn routes(router: Router) -> Router {
    DECOYS.iter().fold(router, |router, decoy| router.route(decoy.path, any(visit)))
}

async fn visit(
    method: Method,
    uri: Uri,
    client: ClientAddress,
    Now(now): Now,
    form: Result<RawForm, axum::extract::rejection::RawFormRejection>,
) -> Response {
    let Some(decoy) = DECOYS.iter().find(|decoy| decoy.path == uri.path()) else { return Problem::not_found("page").into_response() };
    let name = form.ok().and_then(|RawForm(form)| name(decoy, &form));
    let tried = match &name {
        Some(name) => format!("{method} {} as {name}", decoy.path),
        None => format!("{method} {}", decoy.path),
    };
    // The visitor is shown the same when nothing can be written down.
    if let Err(problem) = note(&client.network, &tried, now) {
        host::log("warn", "a visit to a decoy was not noted", serde_json::json!({ "cause": problem.cause().unwrap_or(problem.detail()) }));
    }
    let refusal = if method == Method::POST { decoy.refusal } else { "" };
    Html(decoy.page.replace("{refusal}", refusal)).into_response()
}

/// The user's name that was tried; never the password, which may be somebody's.
fn name(decoy: &Decoy, form: &[u8]) -> Option<String> {
    let fields: Vec<(String, String)> = form_urlencoded::parse(form).into_owned().take(20).collect();
    let name = decoy.names.iter().find_map(|name| fields.iter().find(|(field, _)| field == name))?;
    let name: String = one_line(&name.1).chars().take(MAX_NAME).collect();
    (!name.is_empty()).then_some(name)
}

/// What is known of a visitor, or of all those who have no row of their own.
#[derive(FromRow)]
struct Known {
    address: String,
    tried: String,
    last_at: i64,
}

const FIND: &str = "select address, tried, last_at from decoy_visits where day = ?1 and address in (?2, '') order by address desc limit 1";

const NOTE: &str = concatcp!(
    "insert into decoy_visits (day, address, tried, minutes, first_at, last_at)
     select ?1,
         iif(exists (select 1 from decoy_visits where day = ?1 and address = ?2)
             or (select count(*) from decoy_visits where day = ?1 and address <> '') < ",
    MAX_VISITORS,
    ", ?2, ''),
         json_array(?3), 1, ?4, ?4
     where true
     on conflict (day, address) do update set
         minutes = minutes + (last_at / ",
    MINUTE_MS,
    " <> excluded.last_at / ",
    MINUTE_MS,
    "), last_at = max(last_at, excluded.last_at),
         tried = iif(json_array_length(tried) < ",
    MAX_TRIED,
    " and not exists (select 1 from json_each(decoy_visits.tried) where value = ?3), json_insert(tried, '$[#]', ?3), tried)"
);

fn note(address: &str, tried: &str, now: i64) -> Answer<()> {
    // Of a host that does not say whom it serves.
    let address = if address.is_empty() { "unknown" } else { address };
    let time = format_rfc3339(now);
    let day = time.get(..10).unwrap_or(&time);
    let known: Option<Known> = Database.fetch_optional(FIND, params![day, address])?;
    if known.is_none_or(|known| is_news(&known, tried, now)) {
        Database.run(NOTE, params![day, address, tried, now])?;
    }
    Ok(())
}

/// Whether a visit is to be written down: it tries something else, or is the first of a minute.
fn is_news(known: &Known, tried: &str, now: i64) -> bool {
    let kept: Vec<String> = serde_json::from_str(&known.tried).unwrap_or_default();
    let is_new = kept.len() < MAX_TRIED && !kept.iter().any(|kept| kept == tried);
    // Those beyond the first may be of many addresses, of which this one is told of already.
    let is_crowd = known.address.is_empty();
    is_new || (now - known.last_at).abs() >= if is_crowd { 10 * MINUTE_MS } else { MINUTE_MS }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shows_nothing_of_ours() {
        for decoy in &DECOYS {
            let page = decoy.page.to_lowercase();
            for word in ["gatehouse", "console", "/api", "http", "script"] {
                assert!(!page.contains(word), "{}: {word}", decoy.path);
            }
            assert!(
                page.contains("{refusal}") && page.contains("method=\"post\"") && page.contains(&format!("name=\"{}\"", decoy.names[0]))
            );
        }
    }

    #[test]
    fn a_user_s_name_is_kept_and_no_password() {
        assert_eq!(name(&DECOYS[1], b"log=admin&pwd=hunter2").as_deref(), Some("admin"));
        assert_eq!(name(&DECOYS[0], b"csrf=x&username=a%0D%0Ab+%3Cscript%3E&password=p").as_deref(), Some("a b <script>"));
        assert_eq!(name(&DECOYS[0], "username=".as_bytes()), None);
        assert_eq!(name(&DECOYS[0], b"\xff\xfe{\"username\": 1}"), None);
        assert_eq!(name(&DECOYS[0], format!("username={}", "x".repeat(500)).as_bytes()).unwrap().len(), MAX_NAME);
    }

    #[test]
    fn what_says_nothing_new_is_written_down_once_a_minute() {
        let known = |address: &str, tried: &[&str]| Known {
            address: address.to_owned(),
            tried: serde_json::to_string(tried).unwrap(),
            last_at: 1_000_000,
        };
        let one = known("192.0.2.1", &["GET /wp-login.php"]);
        assert!(!is_news(&one, "GET /wp-login.php", 1_000_001));
        assert!(is_news(&one, "GET /wp-login.php", 1_000_000 + MINUTE_MS));
        assert!(is_news(&one, "POST /wp-login.php as admin", 1_000_001));
        let many: Vec<String> = (0..MAX_TRIED).map(|number| format!("POST /wp-login.php as {number}")).collect();
        let full = known("192.0.2.1", &many.iter().map(String::as_str).collect::<Vec<_>>());
        assert!(!is_news(&full, "POST /wp-login.php as another", 1_000_001));
        assert!(!is_news(&known("", &["x"]), "x", 1_000_000 + MINUTE_MS));
    }
}
