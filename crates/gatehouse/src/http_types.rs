//! `wasi:http/types`: that of wasmtime-wasi-http, except that the body of a response which a guest makes is taken from it directly
//! ([`crate::guest_body`]).

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use tokio::sync::oneshot;
use wasmtime::AsContextMut as _;
use wasmtime::component::{Access, FutureReader, HasData, Resource, StreamReader};
use wasmtime_wasi_http::p3::bindings::http::types::{
    ErrorCode, Headers, HostRequestWithStore, HostResponseWithStore, Request, RequestOptions, Response,
};
use wasmtime_wasi_http::{Error, WasiHttp, WasiHttpCtxView, WasiHttpView as _};

use crate::guest_body::{End, Written};
use crate::instance_state::InstanceState;

/// Implements `wasi:http/types`.
pub struct HttpTypes;

impl HasData for HttpTypes {
    type Data<'a> = WasiHttpCtxView<'a>;
}

type Store<'a> = Access<'a, InstanceState, HttpTypes>;
type Sent = FutureReader<Result<(), ErrorCode>>;

fn inner<'a>(store: &'a mut Store<'_>) -> Access<'a, InstanceState, WasiHttp> {
    Access::new(store.as_context_mut(), |state| state.http())
}

impl HostRequestWithStore<InstanceState> for HttpTypes {
    fn new(
        mut store: Store<'_>,
        headers: Resource<Headers>,
        contents: Option<StreamReader<u8>>,
        trailers: FutureReader<End>,
        options: Option<Resource<RequestOptions>>,
    ) -> wasmtime::Result<(Resource<Request>, Sent)> {
        <WasiHttp as HostRequestWithStore<InstanceState>>::new(inner(&mut store), headers, contents, trailers, options)
    }

    fn consume_body(
        mut store: Store<'_>,
        request: Resource<Request>,
        result: Sent,
    ) -> wasmtime::Result<(StreamReader<u8>, FutureReader<End>)> {
        <WasiHttp as HostRequestWithStore<InstanceState>>::consume_body(inner(&mut store), request, result)
    }

    fn drop(mut store: Store<'_>, request: Resource<Request>) -> wasmtime::Result<()> {
        <WasiHttp as HostRequestWithStore<InstanceState>>::drop(inner(&mut store), request)
    }
}

impl HostResponseWithStore<InstanceState> for HttpTypes {
    fn new(
        mut store: Store<'_>,
        headers: Resource<Headers>,
        contents: Option<StreamReader<u8>>,
        trailers: FutureReader<End>,
    ) -> wasmtime::Result<(Resource<Response>, Sent)> {
        let mut headers = store.get().table.delete(headers)?;
        headers.set_immutable();
        let (sent, is_sent) = oneshot::channel();
        let body = Written::new(store.as_context_mut(), &headers, contents, trailers, sent)?;
        let is_sent = async move { wasmtime::error::Ok(is_sent.await.map_err(|_| ErrorCode::ConnectionTerminated)) };
        let is_sent = FutureReader::new(&mut store, is_sent)?;
        let WasiHttpCtxView { table, hooks, .. } = store.get();
        // Without the guest's body, which is kept beside it.
        let empty = Empty::<Bytes>::new().map_err(|never| -> Error { match never {} });
        let (mut response, _) = Response::from_http(hooks, http::Response::new(empty));
        response.headers = headers;
        let response = table.push(response)?;
        store.data_mut().keep_body(response.rep(), body);
        Ok((response, is_sent))
    }

    fn consume_body(
        mut store: Store<'_>,
        response: Resource<Response>,
        result: Sent,
    ) -> wasmtime::Result<(StreamReader<u8>, FutureReader<End>)> {
        let response = match store.data_mut().take_body(response.rep()) {
            None => response,
            Some(body) => {
                let WasiHttpCtxView { table, hooks, .. } = store.get();
                table.delete(response)?;
                let (response, _) = Response::from_http(hooks, http::Response::new(body));
                table.push(response)?
            }
        };
        <WasiHttp as HostResponseWithStore<InstanceState>>::consume_body(inner(&mut store), response, result)
    }

    fn drop(mut store: Store<'_>, response: Resource<Response>) -> wasmtime::Result<()> {
        drop(store.data_mut().take_body(response.rep()));
        <WasiHttp as HostResponseWithStore<InstanceState>>::drop(inner(&mut store), response)
    }
}
