//! The refresh token of a page of this origin, in a cookie that no script can read: `__Host-gatehouse_session`.
//!
//! A browser adds it to every request of this site, whoever wrote the page that sends it. Hence only logins, refreshes and logouts read it, and
//! only when the browser says that a page of this very origin asks (`Sec-Fetch-Site`, or `Origin` where it does not send that).

use http::header::{COOKIE, HOST, ORIGIN, SET_COOKIE};
use http::{HeaderMap, HeaderValue};
use kit::{Answer, Problem};

/// Over HTTPS, and on the machine itself, which browsers trust as much: the prefix keeps hosts beside this one from setting it.
const SECURE: &str = "__Host-gatehouse_session";
/// Over plain HTTP, where no browser takes the other.
const PLAIN: &str = "gatehouse_session";

/// What a refusal for lack of an origin says, for programs.
const WRONG_ORIGIN: &str = "wrong_origin";

/// The token in the cookie, if there is one; 403 when it is not a page of this origin that asks.
pub fn presented(headers: &HeaderMap, is_https: bool) -> Answer<Option<String>> {
    let name = name(headers, is_https);
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(';'));
    let mut values = cookies.filter_map(|cookie| cookie.trim().split_once('=')).filter(|(own, _)| *own == name);
    let Some((_, token)) = values.next() else { return Ok(None) };
    require_own_origin(headers, is_https)?;
    Ok(Some(token.to_owned()))
}

/// 403 unless a page of this origin asks.
pub fn require_own_origin(headers: &HeaderMap, is_https: bool) -> Answer<()> {
    let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
    let is_own = match headers.get("sec-fetch-site").and_then(text) {
        Some(site) => site == "same-origin",
        None => headers.get(ORIGIN).and_then(text).is_some_and(|origin| is_of_host(&origin, headers, is_https)),
    };
    if is_own { Ok(()) } else { Err(Problem::forbidden("the session's cookie is for pages of this origin").because(WRONG_ORIGIN)) }
}

/// `Set-Cookie` with the token, for as long as it lives.
pub fn set(headers: &HeaderMap, is_https: bool, token: &str, lifetime_s: i64) -> Answer<HeaderMap> {
    let secure = if is_secure(headers, is_https) { "; Secure" } else { "" };
    let cookie = format!("{}={token}; Path=/; Max-Age={lifetime_s}; HttpOnly; SameSite=Strict{secure}", name(headers, is_https));
    Ok(HeaderMap::from_iter([(SET_COOKIE, HeaderValue::try_from(cookie).map_err(Problem::internal)?)]))
}

/// `Set-Cookie` that deletes it.
pub fn delete(headers: &HeaderMap, is_https: bool) -> Answer<HeaderMap> {
    set(headers, is_https, "", 0)
}

fn name(headers: &HeaderMap, is_https: bool) -> &'static str {
    if is_secure(headers, is_https) { SECURE } else { PLAIN }
}

/// Whether the browser that sent this takes cookies with `Secure` from us.
fn is_secure(headers: &HeaderMap, is_https: bool) -> bool {
    is_https || host(headers).is_some_and(|host| is_loopback(&host))
}

/// The host that was asked, with its port where it has one.
fn host(headers: &HeaderMap) -> Option<String> {
    headers.get(HOST)?.to_str().ok().map(str::to_ascii_lowercase)
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether an `Origin` is that of the host that was asked; a port that its scheme implies may be named or not. Over HTTPS a page that came over
/// plain HTTP is none of this origin: anybody on its way may have written it.
fn is_of_host(origin: &str, headers: &HeaderMap, is_https: bool) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let port = match scheme {
        "https" => ":443",
        "http" if !is_https => ":80",
        _ => return false,
    };
    let bare = |authority: &str| authority.strip_suffix(port).unwrap_or(authority).to_ascii_lowercase();
    host(headers).is_some_and(|host| bare(&host) == bare(authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        all.iter().map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn only_a_page_of_this_origin_uses_it() {
        let cookie = ("cookie", "a=b; __Host-gatehouse_session=secret");
        let ask = |more: &[(&'static str, &str)]| {
            presented(&headers(&[&[("host", "gatehouse.example"), cookie], more].concat()), true)
                .map_err(|problem| problem.status().as_u16())
        };
        assert_eq!(ask(&[("sec-fetch-site", "same-origin")]), Ok(Some("secret".to_owned())));
        assert_eq!(ask(&[("origin", "https://gatehouse.example")]), Ok(Some("secret".to_owned())));
        assert_eq!(ask(&[("origin", "https://gatehouse.example:443")]), Ok(Some("secret".to_owned())));
        for more in [
            &[][..],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "same-site"), ("origin", "https://gatehouse.example")],
            &[("sec-fetch-site", "cross-site"), ("origin", "https://gatehouse.example")],
            &[("origin", "https://evil.example")],
            &[("origin", "http://gatehouse.example")],
            &[("origin", "https://gatehouse.example:8443")],
            &[("origin", "null")],
        ] {
            assert_eq!(ask(more), Err(403), "{more:?}");
        }
        assert_eq!(presented(&headers(&[("host", "gatehouse.example")]), true).unwrap(), None);
    }

    #[test]
    fn its_name_is_the_one_that_the_browser_takes() {
        let set_cookie = |host: &str, is_https| {
            let headers = set(&headers(&[("host", host)]), is_https, "t", 60).unwrap();
            headers[SET_COOKIE].to_str().unwrap().to_owned()
        };
        let secure = "__Host-gatehouse_session=t; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure";
        assert_eq!(set_cookie("gatehouse.example", true), secure);
        for host in ["localhost:3000", "127.0.0.1:8080", "[::1]:3000", "LOCALHOST"] {
            assert_eq!(set_cookie(host, false), secure, "{host}");
        }
        for host in ["192.168.1.9:3000", "localhost.evil.example", "gatehouse.local"] {
            assert_eq!(set_cookie(host, false), "gatehouse_session=t; Path=/; Max-Age=60; HttpOnly; SameSite=Strict", "{host}");
        }
    }

    #[test]
    fn over_https_the_plain_name_says_nothing() {
        let one = headers(&[("host", "gatehouse.example"), ("cookie", "gatehouse_session=planted"), ("sec-fetch-site", "same-origin")]);
        assert_eq!(presented(&one, true).unwrap(), None);
        assert_eq!(presented(&one, false).unwrap().as_deref(), Some("planted"));
    }
}
