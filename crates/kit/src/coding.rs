//! Content codings (RFC 9110 §8.4): which one an answer is sent in, and decoding what a request says that it is in.

use std::io::{Read as _, Write as _};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use http::header::CONTENT_ENCODING;
use http::{HeaderMap, HeaderValue};

use crate::Problem;

/// The weights that `Accept-Encoding` gives to the codings that are known here, from 0 to 1; none for one that it does not take.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Accepted {
    /// `gzip`.
    pub gzip: Option<f32>,
    /// `br`.
    pub brotli: Option<f32>,
}

impl Accepted {
    /// From the values of `Accept-Encoding`.
    pub fn parse<'a>(values: impl Iterator<Item = &'a HeaderValue>) -> Self {
        let (mut gzip, mut brotli, mut any) = (None, None, None);
        for part in values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')) {
            let mut parameters = part.split(';').map(str::trim);
            let coding = parameters.next().unwrap_or_default();
            let weight: f32 = parameters
                .find_map(|parameter| parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q=")))
                .map_or(1.0, |weight| weight.parse().unwrap_or(0.0));
            if is_gzip(coding) {
                gzip = Some(weight);
            } else if coding.eq_ignore_ascii_case("br") {
                brotli = Some(weight);
            } else if coding == "*" {
                any = Some(weight);
            }
        }
        let taken = |weight: Option<f32>| weight.or(any).filter(|weight| *weight > 0.0);
        Self { gzip: taken(gzip), brotli: taken(brotli) }
    }
}

fn is_gzip(coding: &str) -> bool {
    coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip")
}

/// Compresses in the gzip format (RFC 1952), fast rather than small: it is done for each answer.
pub fn gzip(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 4), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish()
}

/// A request's body without its content coding. Returns 415 for a coding other than gzip, 400 for what is no gzip, 413 for what has more
/// than `max` bytes when it is decoded.
pub fn decode(headers: &HeaderMap, body: Bytes, max: usize) -> Result<Bytes, Problem> {
    let codings = headers.get_all(CONTENT_ENCODING).iter().flat_map(|value| value.to_str().unwrap_or("?").split(','));
    let codings: Vec<&str> =
        codings.map(str::trim).filter(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case("identity")).collect();
    match codings.as_slice() {
        [] => Ok(body),
        [coding] if is_gzip(coding) => gunzip(&body, max).map(Bytes::from),
        _ => Err(Problem::media_type("a body may have `Content-Encoding: gzip`, and no other")),
    }
}

fn gunzip(body: &[u8], max: usize) -> Result<Vec<u8>, Problem> {
    let mut decoded = Vec::new();
    let bound = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    let read = MultiGzDecoder::new(body).take(bound).read_to_end(&mut decoded);
    read.map_err(|_| Problem::unreadable("the body is not gzip, though its `Content-Encoding` says so"))?;
    if decoded.len() > max {
        return Err(Problem::too_large(format!("a body has at most {max} bytes here, when it is decoded")));
    }
    Ok(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(value: &'static str) -> (Option<f32>, Option<f32>) {
        let accepted = Accepted::parse(std::iter::once(&HeaderValue::from_static(value)));
        (accepted.gzip, accepted.brotli)
    }

    fn decoded(codings: &[&'static str], body: &[u8], max: usize) -> Result<Bytes, u16> {
        let headers = codings.iter().map(|coding| (CONTENT_ENCODING, HeaderValue::from_static(coding))).collect();
        decode(&headers, Bytes::copy_from_slice(body), max).map_err(|problem| problem.status().as_u16())
    }

    #[test]
    fn weights_are_read() {
        assert_eq!(accepted("gzip, deflate, br, zstd"), (Some(1.0), Some(1.0)));
        assert_eq!(accepted("x-GZIP; q=0.5"), (Some(0.5), None));
        assert_eq!(accepted("br;q=0, *;q=0.5"), (Some(0.5), None));
        assert_eq!(accepted("gzip;q=nonsense, identity"), (None, None));
        assert_eq!(accepted(""), (None, None));
    }

    #[test]
    fn a_gzip_body_is_decoded_within_its_bound() {
        let packed = gzip(&[b' '; 5000]).unwrap();
        assert!(packed.len() < 100);
        for coding in ["gzip", "x-gzip", "GZIP", "identity, gzip"] {
            assert_eq!(decoded(&[coding], &packed, 5000).unwrap(), vec![b' '; 5000], "{coding}");
        }
        assert_eq!(decoded(&["gzip"], &packed, 4999), Err(413));
        let twice = [packed.clone(), packed].concat();
        assert_eq!(decoded(&["gzip"], &twice, 10_000).unwrap().len(), 10_000);
    }

    #[test]
    fn what_cannot_be_decoded_is_refused() {
        let packed = gzip(b"{}").unwrap();
        assert_eq!(decoded(&[], b"{}", 10).unwrap(), "{}");
        assert_eq!(decoded(&["identity"], b"{}", 10).unwrap(), "{}");
        assert_eq!(decoded(&["gzip"], b"{}", 10), Err(400));
        assert_eq!(decoded(&["gzip"], &packed[..packed.len() - 3], 10), Err(400));
        for codings in [&["br"][..], &["deflate"], &["gzip, gzip"], &["gzip", "br"]] {
            assert_eq!(decoded(codings, &packed, 10), Err(415), "{codings:?}");
        }
    }
}
