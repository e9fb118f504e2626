//! Names and passwords that cameras take in the path or the query of an address: found, and put out of it.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};

use super::{BASIC, PASSWORD, USERNAME};

/// What a value in an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Username,
    Password,
    /// Both, as `name:password` in base64.
    Basic,
    /// Something that lets its holder in, of which nobody knows what it stands for.
    Opaque,
}

const NAMES: [(&str, Kind); 27] = [
    ("user", Kind::Username),
    ("usr", Kind::Username),
    ("username", Kind::Username),
    ("user_name", Kind::Username),
    ("usrname", Kind::Username),
    ("login", Kind::Username),
    ("loginuse", Kind::Username),
    ("loginuser", Kind::Username),
    ("password", Kind::Password),
    ("passwd", Kind::Password),
    ("passwort", Kind::Password),
    ("pass", Kind::Password),
    ("pwd", Kind::Password),
    ("psw", Kind::Password),
    ("psd", Kind::Password),
    ("pw", Kind::Password),
    ("userpwd", Kind::Password),
    ("user_pwd", Kind::Password),
    ("loginpas", Kind::Password),
    ("loginpass", Kind::Password),
    ("authbasic", Kind::Basic),
    ("auth", Kind::Basic),
    ("token", Kind::Opaque),
    ("access_token", Kind::Opaque),
    ("secret", Kind::Opaque),
    ("apikey", Kind::Opaque),
    ("api_key", Kind::Opaque),
];

/// Two of one letter are credentials where both are there: each alone is a page, or a unit.
const SHORT: [(&str, Kind); 2] = [("u", Kind::Username), ("p", Kind::Password)];

/// A value in an address: its name, and where the value stands.
struct Pair<'a> {
    name: &'a str,
    value: Range<usize>,
}

/// The pairs of the path and the query of a text. In a path they are apart by slashes and what queries are apart by, and by underscores where a
/// name and `=` follow: `/user=admin_password=x_channel=1`.
fn pairs(url: &str) -> Vec<Pair<'_>> {
    let start = url.find("://").and_then(|at| Some(at + 3 + url.get(at + 3..)?.find(['/', '?'])?)).unwrap_or(url.len());
    let query = url.get(start..).and_then(|rest| rest.find('?')).map_or(url.len(), |at| start + at);
    let mut pairs = Vec::new();
    let mut from = start;
    while from < url.len() {
        let rest = url.get(from..).unwrap_or_default();
        let end = from + rest.find(['/', '?', '&', ';', ',']).unwrap_or(rest.len());
        let part = from..end;
        from = end + 1;
        let cut = if part.start < query { cut_at_underscores(url, part) } else { vec![part] };
        for part in cut {
            let Some(text) = url.get(part.clone()) else { continue };
            if let Some((name, _)) = text.split_once('=') {
                pairs.push(Pair { name, value: part.start + name.len() + 1..part.end });
            }
        }
    }
    pairs
}

fn cut_at_underscores(url: &str, part: Range<usize>) -> Vec<Range<usize>> {
    let text = url.get(part.clone()).unwrap_or_default();
    let begins_pair = |at: &usize| {
        let rest = text.get(at + 1..).unwrap_or_default();
        rest.split_once('=').is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic()))
    };
    // One name has an underscore itself; what comes before the first `=` is one name.
    let first = text.find('=').unwrap_or(text.len());
    let cuts = text.match_indices('_').map(|(at, _)| at).filter(|at| *at > first && begins_pair(at));
    let mut from = part.start;
    let mut parts = Vec::new();
    for at in cuts {
        parts.push(from..part.start + at);
        from = part.start + at + 1;
    }
    parts.push(from..part.end);
    parts
}

/// The values of an address that let its holder in; none that stand for what is kept. An empty password is one where there is a name.
fn found(url: &str) -> Vec<(Kind, Range<usize>)> {
    let pairs = pairs(url);
    let is = |known: &str, name: &str| known.eq_ignore_ascii_case(&plain(name));
    let of = |names: &[(&str, Kind)], name: &str| names.iter().find(|(known, _)| is(known, name)).map(|(_, kind)| *kind);
    let has_both = SHORT.iter().all(|(short, _)| pairs.iter().any(|pair| is(short, pair.name)));
    let kind = |name: &str| of(&NAMES, name).or_else(|| of(&SHORT, name).filter(|_| has_both));
    let values: Vec<(Kind, Range<usize>)> = pairs
        .iter()
        .filter_map(|pair| Some((kind(pair.name)?, pair.value.clone())))
        .filter(|(_, value)| url.get(value.clone()).is_some_and(|value| ![USERNAME, PASSWORD, BASIC].contains(&value)))
        .collect();
    let has_name = values.iter().any(|(kind, value)| *kind == Kind::Username && !value.is_empty());
    values.into_iter().filter(|(kind, value)| !value.is_empty() || (has_name && *kind == Kind::Password)).collect()
}

/// Without the escapes of addresses: `%75ser` is `user`.
fn plain(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// What is told of an address that holds what cannot be taken out of it.
const HELD: &str = "must not hold a name or password alone in its path or query: send them as username and password, and write {username} and {password} there";

pub(super) const TWO: &str = "holds two different names or passwords";

/// An address without what was taken out of it, and that: name and password.
pub type Taken = (String, Option<(String, String)>);

/// Notes a value, unless another is noted already.
fn agree(slot: &mut Option<String>, value: String) -> Result<(), &'static str> {
    if slot.as_ref().is_some_and(|known| *known != value) {
        return Err(TWO);
    }
    *slot = Some(value);
    Ok(())
}

/// The address with what stands for name and password in their place, and the two; the error says what is wrong, and repeats nothing of it.
pub fn take_out(url: &str) -> Result<Taken, &'static str> {
    let (mut username, mut password): (Option<String>, Option<String>) = (None, None);
    let mut taken = url.to_owned();
    for (kind, range) in found(url).into_iter().rev() {
        let value = plain(url.get(range.clone()).unwrap_or_default());
        if value.contains(char::REPLACEMENT_CHARACTER) {
            return Err("has a name or password that is no text");
        }
        let stands_for = match kind {
            Kind::Username => {
                agree(&mut username, value)?;
                USERNAME
            }
            Kind::Password => {
                agree(&mut password, value)?;
                PASSWORD
            }
            Kind::Basic => {
                let (own_name, own_password) = basic(&value).ok_or(HELD)?;
                agree(&mut username, own_name)?;
                agree(&mut password, own_password)?;
                BASIC
            }
            Kind::Opaque => return Err(HELD),
        };
        taken.replace_range(range, stands_for);
    }
    match (username, password) {
        (None, None) => Ok((taken, None)),
        (Some(username), Some(password)) => Ok((taken, Some((username, password)))),
        _ => Err(HELD),
    }
}

fn basic(value: &str) -> Option<(String, String)> {
    let value = value.strip_prefix("Basic ").unwrap_or(value);
    let bytes = STANDARD.decode(value).or_else(|_| STANDARD_NO_PAD.decode(value)).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

/// `name:password` in base64.
pub fn basic_of(username: &str, password: &str) -> String {
    STANDARD.encode(format!("{username}:{password}"))
}

/// The address as it may be shown, whenever it was stored: `…` in place of a name or password that it holds.
pub fn shown(url: &str) -> String {
    let mut shown = url.to_owned();
    for (_, range) in found(url).into_iter().rev() {
        shown.replace_range(range, "…");
    }
    shown
}
