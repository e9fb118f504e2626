//! Which of the forms that an answer has is asked for.

use http::HeaderMap;
use http::header::ACCEPT;

/// Which form `Accept` prefers (RFC 9110 §12.5.1): of its media types, given in small letters, that of the greatest weight which is known here; the
/// first of several.
pub fn preferred<T>(headers: &HeaderMap, known: impl Fn(&str) -> Option<T>) -> Option<T> {
    let lists = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut best: Option<(T, f32)> = None;
    for part in lists.flat_map(|list| list.split(',')) {
        let mut parameters = part.split(';').map(str::trim);
        let media_type = parameters.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parameters.find_map(|parameter| parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q=")));
        let weight: f32 = weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0));
        if weight > best.as_ref().map_or(0.0, |(_, most)| *most)
            && let Some(form) = known(&media_type)
        {
            best = Some((form, weight));
        }
    }
    best.map(|(form, _)| form)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_known_form_of_the_greatest_weight_is_preferred() {
        let asked = |accept: &'static str| {
            let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static(accept))]);
            preferred(&headers, |kind| ["text/csv", "application/json"].into_iter().find(|known| *known == kind))
        };
        assert_eq!(asked("text/csv, application/json"), Some("text/csv"));
        assert_eq!(asked("Text/CSV; q=0.5, application/json;q=0.9, text/html"), Some("application/json"));
        assert_eq!(asked("application/json;charset=utf-8;q=0.1"), Some("application/json"));
        for none in ["", "text/csv;q=0", "text/csv;q=NaN", "text/csv;q=much", "*/*"] {
            assert_eq!(asked(none), None, "{none}");
        }
        assert_eq!(preferred(&HeaderMap::new(), |_| Some(())), None);
    }
}
