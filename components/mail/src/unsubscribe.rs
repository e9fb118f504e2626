//! Getting no more mails to many: with one click in a reader's program (RFC 8058), which sends a POST, or on the page that the same address
//! shows in a browser. Nobody signs in for it; a GET changes nothing, as programs that look for malware follow every link.

use axum::response::{IntoResponse, Response};
use domain::mail_template::escape_html;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use kit::api::{Request as Operation, Respond};
use kit::db::{Database, Executor as _};
use kit::input::{Input, Text};
use kit::request::{Now, Query};
use kit::{Answer, Problem, params};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, ResponseBuilder};

use crate::unsubscribe_link::Links;

/// The signed address of a mail.
#[derive(Input)]
pub struct UnsubscribeLink {
    /// Whom it is for, signed.
    token: Text<1, 600>,
}

/// A page for people.
pub struct HtmlPage(String);

/// Nothing but the form, which goes to this address alone.
const POLICY: &str = "default-src 'none'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

impl IntoResponse for HtmlPage {
    fn into_response(self) -> Response {
        ([(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, POLICY)], self.0).into_response()
    }
}

impl Respond for HtmlPage {
    fn describe(request: &mut Operation<'_>) {
        let content = ContentBuilder::new().schema(Some(ObjectBuilder::new().schema_type(Type::String))).build();
        request.answers(200, ResponseBuilder::new().description("A page for people.").content("text/html", content).build());
    }
}

fn page(title: &str, body: &str) -> HtmlPage {
    HtmlPage(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title></head>\n<body><h1>{title}</h1>\n{body}\n</body>\n</html>\n"
    ))
}

async fn address(link: &UnsubscribeLink) -> Answer<String> {
    Links::load().await?.read(&link.token).ok_or_else(|| Problem::invalid_field("token", "is not one of a mail of ours"))
}

/// Asks whether the mails are to end: the page for people whose program shows the address as a link.
#[utoipa::path(get, path = "/v0/api/mail/unsubscribe")]
pub async fn ask(Query(link): Query<UnsubscribeLink>) -> Answer<HtmlPage> {
    let address = escape_html(&address(&link).await?);
    // The form goes to the address of the page.
    let body = format!("<form method=\"post\"><p>Send no more mails to {address}?</p><p><button>Send no more</button></p></form>");
    Ok(page("Get no more mails", &body))
}

/// Ends the mails to many for the recipient that the address names.
///
/// Mails about something of theirs, such as a booking or a new password, are sent all the same. Whatever the body is, the address says all.
#[utoipa::path(post, path = "/v0/api/mail/unsubscribe")]
pub async fn unsubscribe(Query(link): Query<UnsubscribeLink>, Now(now): Now) -> Answer<HtmlPage> {
    let address = address(&link).await?;
    Database.run(
        "insert into mail_suppressions (address, reason, created_at, created_by) values (?, 'unsubscribed', ?, 'recipient')
         on conflict do nothing",
        params![&address, now],
    )?;
    Ok(page("No more mails", &format!("<p>No more mails to many are sent to {}.</p>", escape_html(&address))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shows_an_address_as_text() {
        let HtmlPage(html) = page("Title", &escape_html("<script>@example.org"));
        assert!(html.contains("&lt;script&gt;@example.org") && !html.contains("<script"));
    }
}
