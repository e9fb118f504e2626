use super::*;

#[derive(Debug, Input)]
struct Filters {
    site: Option<input::Slug>,
    active: Option<bool>,
}

fn parse(path: &str, query: &str) -> Result<Listing<Filters>, Problem> {
    Listing::parse(path, query, 0, false)
}

#[test]
fn every_bad_parameter_is_named_at_once() {
    let problem = parse("/a", "limit=900&colour=red&site=A&active=yes&cursor=%00").unwrap_err();
    let names: Vec<_> = problem.errors().keys().map(String::as_str).collect();
    assert_eq!(names, ["active", "colour", "cursor", "limit", "site"]);
}

#[test]
fn a_cursor_serves_its_own_list_and_filters_only() {
    let first = parse("/a", "limit=1&site=x").unwrap();
    let cursor = first.page(vec!["k1", "k2"], |key| (*key, 7)).next_cursor.unwrap();
    let next = parse("/a", &format!("site=x&limit=5&cursor={cursor}")).unwrap();
    assert_eq!((next.after_text(0), next.after_int(1)), (Some("k1"), Some(7)));
    for (path, query) in [("/b", "site=x"), ("/a", "site=y"), ("/a", "")] {
        let problem = parse(path, &format!("{query}&cursor={cursor}")).unwrap_err();
        assert!(problem.errors().contains_key("cursor"), "{path}?{query}");
    }
    assert!(first.page(vec!["k1"], |key| (*key,)).next_cursor.is_none());
}

#[test]
fn only_who_asks_for_no_page_gets_a_bare_array() {
    let answer = |query: &str, plain_lists: bool| {
        let listing = Listing::<Filters>::parse("/a", query, 0, plain_lists).unwrap();
        let fetch = listing.fetch();
        let response = listing.page(vec![7], |it| [*it]).map(|it| it + 1).into_response();
        let body = futures::executor::block_on(axum::body::to_bytes(response.into_body(), 1000)).unwrap();
        (fetch, serde_json::from_slice::<Json>(&body).unwrap())
    };
    let page = serde_json::json!({ "items": [8], "next_cursor": null });
    assert_eq!(answer("site=x", true), (5001, serde_json::json!([8])));
    assert_eq!(answer("site=x", false), (51, page.clone()));
    assert_eq!(answer("limit=2", true), (3, page));
}

#[test]
fn an_empty_parameter_is_one_that_was_not_given() {
    let filters = parse("/a", "site=&active=").unwrap().filters;
    assert!(filters.site.is_none() && filters.active.is_none());
}
