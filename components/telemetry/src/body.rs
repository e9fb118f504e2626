//! Bodies with readings.

use axum::extract::{FromRequest, Request};
use domain::reading::Reading;
use ingest::body::{self, NewReading, Refused};
use kit::Problem;
use kit::api::{Describe, Request as Operation};
use kit::input::{self, Input};
use kit::request::{Body, JsonBytes, Now};

/// A [`Body`] that is read also when it has words for numbers where JSON has none, see [`body::quote_unrepresentable`].
pub struct LenientBody<T>(pub T);

impl<T: Input, S: Send + Sync> FromRequest<S> for LenientBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Now(now) = Now::of(request.extensions());
        let JsonBytes(bytes) = JsonBytes::from_request(request, state).await?;
        let value = body::value(&bytes)?;
        if !value.is_object() {
            return Err(Refused::NotObject.into());
        }
        Ok(Self(input::parse_value(&value, now).map_err(Refused::Fields)?))
    }
}

impl<T: Input> Describe for LenientBody<T> {
    fn describe(request: &mut Operation<'_>) {
        Body::<T>::describe(request);
    }
}

/// The one reading of a body.
pub struct ReadingBody(pub Reading);

impl<S: Send + Sync> FromRequest<S> for ReadingBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Now(now) = Now::of(request.extensions());
        let JsonBytes(bytes) = JsonBytes::from_request(request, state).await?;
        Ok(Self(body::reading(&bytes, now)?))
    }
}

impl Describe for ReadingBody {
    fn describe(request: &mut Operation<'_>) {
        Body::<NewReading>::describe(request);
    }
}
