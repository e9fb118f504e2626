//! A component without the kit, as any other language would make it: it says what it is given, and returns what it is told to. Never part of the
//! application.

#[cfg(target_family = "wasm")]
#[allow(unsafe_code, missing_docs)]
mod component {
    use serde_json::json;
    use spin_sdk::wasip3::http::types::{ErrorCode, Fields, Request, Response};
    use spin_sdk::wasip3::{spawn, wit_future, wit_stream};

    struct Component;
    spin_sdk::wasip3::http::service::export!(Component);

    impl spin_sdk::wasip3::exports::http::handler::Guest for Component {
        async fn handle(request: Request) -> Result<Response, ErrorCode> {
            let target = request.get_path_with_query().unwrap_or_default();
            let (_, query) = target.split_once('?').unwrap_or_default();
            if let Some((_, text)) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "error") {
                return Err(ErrorCode::InternalError(Some(text.into_owned())));
            }
            let headers = request.get_headers();
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            let message = headers.get("gatehouse-message").into_iter().map(text).collect::<Vec<_>>();
            let all = headers.copy_all();
            drop(headers);
            let names = all.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
            let passed_on = all.into_iter().filter(|(name, _)| name == "gatehouse-body").collect::<Vec<_>>();
            let (_done, done) = wit_future::new(|| Ok(()));
            let (body, _trailers) = Request::consume_body(request, done);
            let body = text(body.collect().await);
            let answer = json!({ "message": message, "names": names, "body": body }).to_string();

            let passed_on = Fields::from_list(&passed_on).map_err(|_| ErrorCode::InternalError(None))?;
            let (mut writer, contents) = wit_stream::new();
            let (_, trailers) = wit_future::new(|| Ok(None));
            let (response, _) = Response::new(passed_on, Some(contents), trailers);
            spawn(async move {
                writer.write_all(answer.into_bytes()).await;
            });
            Ok(response)
        }
    }
}
