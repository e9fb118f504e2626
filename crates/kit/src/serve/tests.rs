use super::*;

fn normalized(uri: &str) -> String {
    let mut uri: Uri = uri.parse().unwrap();
    normalize_path(&mut uri);
    uri.to_string()
}

#[test]
fn a_trailing_slash_does_not_matter() {
    assert_eq!(normalized("/api/devices/?limit=2"), "/api/devices?limit=2");
    assert_eq!(normalized("/api/devices"), "/api/devices");
    assert_eq!(normalized("/"), "/");
}

#[test]
fn a_uuid_is_read_in_either_case_and_nothing_else_is_changed() {
    let id = "019C2A5E-4B00-7000-8000-0123456789AB";
    assert_eq!(normalized(&format!("/api/alerts/{id}/resolve/?a=B")), "/api/alerts/019c2a5e-4b00-7000-8000-0123456789ab/resolve?a=B");
    assert_eq!(normalized("/api/devices/PARK-B1-S005"), "/api/devices/PARK-B1-S005");
    assert_eq!(normalized("/api/devices/ZZZZZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZZZZZZZZZ"), "/api/devices/ZZZZZZZZ-ZZZZ-ZZZZ-ZZZZ-ZZZZZZZZZZZZ");
}

#[test]
fn what_an_answer_varies_by_is_one_header() {
    let mut headers = HeaderMap::new();
    vary_by_origin(&mut headers);
    assert_eq!(headers[VARY], "origin");
    headers.insert(VARY, HeaderValue::from_static("authorization"));
    headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    vary_by_origin(&mut headers);
    assert_eq!(headers.get_all(VARY).iter().collect::<Vec<_>>(), ["authorization, accept-encoding, origin"]);
}

#[test]
fn a_request_id_is_kept_only_when_well_formed() {
    assert_eq!(request_id(Some(&HeaderValue::from_static("abc-1")), 0), "abc-1");
    assert_ne!(request_id(Some(&HeaderValue::from_static("a b")), 0), "a b");
    assert_ne!(request_id(None, 0), request_id(None, 0));
}
