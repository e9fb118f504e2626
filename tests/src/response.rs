//! An answer of the application, with the request that it answers, so that a failed expectation explains itself.

use serde_json::Value;

/// A whole answer.
#[derive(Debug)]
pub struct Response {
    /// `METHOD url`.
    pub request: String,
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: reqwest::header::HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    pub(crate) async fn receive(request: reqwest::RequestBuilder) -> Self {
        let (client, request) = request.build_split();
        let request = request.expect("a request that can be built");
        let line = format!("{} {}", request.method(), request.url());
        let response = client.execute(request).await.unwrap_or_else(|error| panic!("{line}: {error:?}"));
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let body = response.bytes().await.unwrap_or_else(|error| panic!("{line}: {error:?}")).to_vec();
        Self { request: line, status, headers, body }
    }

    /// The body as JSON; null when there is none.
    pub fn json(&self) -> Value {
        if self.body.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{}: not JSON ({error}): {}", self.request, self.text()))
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's text; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as JSON, when the status is this one.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}: {}", self.request, self.text());
        self.json()
    }

    /// Checks that it is a problem document (RFC 9457) of this status with the fields of docs/reference/rules.md; returns the document.
    #[track_caller]
    pub fn expect_problem(&self, status: u16) -> Value {
        let problem = self.expect(status);
        assert_eq!(self.header("content-type"), "application/problem+json", "{}", self.request);
        for field in ["type", "title", "detail", "request_id"] {
            assert!(problem[field].is_string(), "{}: no {field} in {problem}", self.request);
        }
        assert_eq!(problem["status"], status);
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        problem
    }

    /// Checks that it is a 422 which names exactly these fields, sorted.
    #[track_caller]
    pub fn expect_invalid(&self, fields: &[&str]) -> Value {
        let problem = self.expect_problem(422);
        let named: Vec<_> = problem["errors"].as_object().expect("errors by field").keys().cloned().collect();
        assert_eq!(named, fields, "{}: {problem}", self.request);
        problem
    }
}
