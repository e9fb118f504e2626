//! Access tokens: EdDSA, with `typ`, `iss`, `aud`, `exp` and `kid` pinned (RFC 8725); the public keys.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gatehouse_tests::App;
use hmac::{Hmac, Mac as _};
use jwt_simple::algorithms::{Ed25519KeyPair, EdDSAKeyPairLike as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{PASSWORD, login, registered, text};

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn token_part(token: &str, index: usize) -> Value {
    let part = token.split('.').nth(index).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("base64url")).expect("JSON")
}

fn key_pair(seed: &str) -> Ed25519KeyPair {
    let prefix = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    let seed = URL_SAFE_NO_PAD.decode(seed).expect("base64url");
    Ed25519KeyPair::from_der(&[&prefix[..], &seed].concat()).expect("a seed of 32 bytes")
}

/// RFC 7638.
fn thumbprint(x: &str) -> String {
    encode(Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)))
}

fn public_x(pair: &Ed25519KeyPair) -> String {
    encode(pair.public_key().to_bytes())
}

/// Signs any header and any claims.
fn forge(pair: &Ed25519KeyPair, header: &Value, claims: &Value) -> String {
    let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
    let signature = pair.key_pair().as_ref().sk.sign(&signed, None);
    format!("{signed}.{}", encode(signature.as_ref() as &[u8]))
}

/// The header and claims of a visitor's valid token.
struct TokenParts {
    pair: Ed25519KeyPair,
    header: Value,
    claims: Value,
}

async fn valid_token_parts(app: &App) -> TokenParts {
    let email = registered(app).await;
    let session = login(app, &email, PASSWORD).await.expect(200);
    let access = text(&session, "access");
    TokenParts { pair: key_pair(app.variable("jwt_signing_key")), header: token_part(access, 0), claims: token_part(access, 1) }
}

fn with(value: &Value, field: &str, new: Value) -> Value {
    let mut value = value.clone();
    value[field] = new;
    value
}

fn without(value: &Value, field: &str) -> Value {
    let mut value = value.clone();
    value.as_object_mut().expect("an object").remove(field);
    value
}

async fn expect_rejected(app: &App, what: &str, token: &str) {
    let answer = app.with_token(token).get("/api/users/me").await;
    assert_eq!(answer.status, 401, "{what}: {}", answer.text());
    answer.expect_problem(401);
    assert!(answer.header("www-authenticate").starts_with("Bearer"), "{what}");
    // Another component judges as this one does.
    let answer = app.with_token(token).get("/api/dashboard/overview/").await;
    assert_eq!(answer.status, 401, "{what}: {}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_public_keys_verify_the_tokens() {
    let app = App::start().await;
    let answer = app.anonymous().get("/.well-known/jwks.json").await;
    let jwks = answer.expect(200);
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    let keys = jwks["keys"].as_array().expect("keys");
    for key in keys {
        assert_eq!((text(key, "kty"), text(key, "crv"), text(key, "alg"), text(key, "use")), ("OKP", "Ed25519", "EdDSA", "sig"));
        assert_eq!(text(key, "kid"), thumbprint(text(key, "x")));
        assert_eq!(key.as_object().map(serde_json::Map::len), Some(6), "nothing private: {key}");
    }

    let email = registered(&app).await;
    let session = login(&app, &email, PASSWORD).await.expect(200);
    let access = text(&session, "access");
    let (header, claims) = (token_part(access, 0), token_part(access, 1));
    assert_eq!((text(&header, "alg"), text(&header, "typ")), ("EdDSA", "at+jwt"));
    let key = keys.iter().find(|key| key["kid"] == header["kid"]).expect("the key is public");
    let key =
        jwt_simple::algorithms::Ed25519PublicKey::from_bytes(&URL_SAFE_NO_PAD.decode(text(key, "x")).expect("base64url")).expect("a key");
    let now = jwt_simple::prelude::Duration::from_millis(u64::try_from(app.now_ms()).expect("a time after 1970"));
    let options = jwt_simple::prelude::VerificationOptions { artificial_time: Some(now), ..Default::default() };
    let verified = jwt_simple::algorithms::EdDSAPublicKeyLike::verify_token::<Value>(&key, access, Some(options));
    assert!(verified.is_ok(), "{verified:?}");

    let mut names: Vec<_> = claims.as_object().expect("claims").keys().collect();
    names.sort();
    assert_eq!(names, ["aud", "exp", "iat", "iss", "jti", "role", "sid", "sub"]);
    assert_eq!((text(&claims, "iss"), text(&claims, "aud"), text(&claims, "role")), ("gatehouse", "gatehouse", "visitor"));
    assert_eq!(claims["sub"], session["user"]["id"]);
    assert_eq!(claims["exp"].as_i64().zip(claims["iat"].as_i64()).map(|(exp, iat)| exp - iat), Some(900));
    let again = login(&app, &email, PASSWORD).await.expect(200);
    assert_ne!(token_part(text(&again, "access"), 1)["jti"], claims["jti"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_devices_token_names_its_device() {
    let app = App::start().await;
    let (email, password) = app.new_user("device", json!({"device_code": "PARK-B1-S005"})).await;
    let session = login(&app, &email, &password).await.expect(200);
    let claims = token_part(text(&session, "access"), 1);
    assert_eq!((text(&claims, "role"), text(&claims, "device")), ("device", "PARK-B1-S005"));
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn what_this_suite_forges_well_is_accepted() {
    let Some(app) = App::embedded(&[]).await else { return };
    let TokenParts { pair, header, claims } = valid_token_parts(&app).await;
    app.with_token(&forge(&pair, &header, &claims)).get("/api/users/me").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn forged_tokens_are_refused() {
    let Some(app) = App::embedded(&[]).await else { return };
    let TokenParts { pair, header, claims } = valid_token_parts(&app).await;
    let payload = encode(claims.to_string());

    for alg in ["none", "None", "NONE"] {
        let head = encode(with(&header, "alg", json!(alg)).to_string());
        expect_rejected(&app, alg, &format!("{head}.{payload}.")).await;
        let good = forge(&pair, &with(&header, "alg", json!(alg)), &claims);
        expect_rejected(&app, alg, &good).await;
    }
    // The public key taken for a shared secret, in each shape in which a library might hold it.
    let public = pair.public_key();
    for secret in [public.to_bytes(), encode(public.to_bytes()).into_bytes(), public.to_der(), public.to_pem().into_bytes()] {
        let head = encode(with(&header, "alg", json!("HS256")).to_string());
        let signed = format!("{head}.{payload}");
        let mut mac = Hmac::<Sha256>::new_from_slice(&secret).expect("any length");
        mac.update(signed.as_bytes());
        expect_rejected(&app, "HS256", &format!("{signed}.{}", encode(mac.finalize().into_bytes()))).await;
    }
    for (what, header) in [
        ("typ JWT", with(&header, "typ", json!("JWT"))),
        ("no typ", without(&header, "typ")),
        ("another kid", with(&header, "kid", json!(thumbprint("another")))),
        ("no kid", without(&header, "kid")),
        ("alg ES256", with(&header, "alg", json!("ES256"))),
        ("crit", with(&header, "crit", json!(["exp"]))),
    ] {
        expect_rejected(&app, what, &forge(&pair, &header, &claims)).await;
    }
    let now = app.now_ms() / 1000;
    for (what, claims) in [
        ("wrong iss", with(&claims, "iss", json!("elsewhere"))),
        ("no iss", without(&claims, "iss")),
        ("wrong aud", with(&claims, "aud", json!("elsewhere"))),
        ("no aud", without(&claims, "aud")),
        ("expired", with(&claims, "exp", json!(now - 1))),
        ("no exp", without(&claims, "exp")),
        ("exp no number", with(&claims, "exp", json!("tomorrow"))),
        ("issued tomorrow", with(&claims, "iat", json!(now + 86_400))),
        ("not before tomorrow", with(&claims, "nbf", json!(now + 86_400))),
        ("no sub", without(&claims, "sub")),
        ("no sid", without(&claims, "sid")),
        ("sid no text", with(&claims, "sid", json!(7))),
        ("no role", without(&claims, "role")),
        ("unknown role", with(&claims, "role", json!("root"))),
    ] {
        expect_rejected(&app, what, &forge(&pair, &header, &claims)).await;
    }

    let stranger = Ed25519KeyPair::generate();
    expect_rejected(&app, "a stranger's signature", &forge(&stranger, &header, &claims)).await;
    let own_kid = with(&with(&header, "kid", json!(thumbprint(&public_x(&stranger)))), "jwk", json!(public_x(&stranger)));
    expect_rejected(&app, "a stranger's key in the header", &forge(&stranger, &own_kid, &claims)).await;

    let token = forge(&pair, &header, &claims);
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    let raised = encode(with(&claims, "role", json!("super_admin")).to_string());
    expect_rejected(&app, "a raised role", &format!("{}.{raised}.{signature}", encode(header.to_string()))).await;
    expect_rejected(&app, "no signature", &format!("{signed}.")).await;
    expect_rejected(&app, "half a signature", &format!("{signed}.{}", &signature[..40])).await;
    expect_rejected(&app, "a fourth part", &format!("{token}.{signature}")).await;
    for nonsense in ["a", "a.b.c", "..", "....", &"x".repeat(5000), &format!("{}.e30.", encode("{}"))] {
        expect_rejected(&app, "nonsense", nonsense).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn a_token_of_a_host_whose_clock_is_a_few_seconds_ahead_is_good() {
    let Some(app) = App::embedded(&[]).await else { return };
    let user = app.visitor().await;
    app.set_back(std::time::Duration::from_secs(6));
    user.get("/api/users/me").await.expect(200);
    let user = app.visitor().await;
    app.set_back(std::time::Duration::from_secs(3600));
    user.get("/api/users/me").await.expect_problem(401);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn an_access_token_ends_with_its_time() {
    let Some(app) = App::embedded(&[("access_token_seconds", "300")]).await else { return };
    let email = registered(&app).await;
    let session = login(&app, &email, PASSWORD).await.expect(200);
    assert_eq!(session["expires_in"], 300);
    let client = app.with_token(text(&session, "access"));
    app.advance(Duration::from_secs(290));
    client.get("/api/users/me").await.expect(200);
    app.advance(Duration::from_secs(11));
    // Also where it was verified before and is remembered.
    client.get("/api/users/me").await.expect_problem(401);
    client.get("/api/dashboard/overview/").await.expect_problem(401);
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn two_keys_live_while_rotating() {
    let seeds = [encode([7; 32]), encode([9; 32])];
    let pairs = seeds.each_ref().map(|seed| key_pair(seed));
    let both = pairs.each_ref().map(public_x).join(",");
    let Some(app) = App::embedded(&[("jwt_signing_key", &seeds[1]), ("jwt_public_keys", &both)]).await else { return };
    let jwks = app.anonymous().get("/.well-known/jwks.json").await.expect(200);
    let ids: Vec<_> = jwks["keys"].as_array().expect("keys").iter().map(|key| text(key, "kid").to_owned()).collect();
    assert_eq!(ids, pairs.each_ref().map(|pair| thumbprint(&public_x(pair))));

    let TokenParts { header, claims, .. } = valid_token_parts(&app).await;
    assert_eq!(text(&header, "kid"), ids[1], "the new key signs");
    let before = forge(&pairs[0], &with(&header, "kid", json!(ids[0])), &claims);
    app.with_token(&before).get("/api/users/me").await.expect(200);
    expect_rejected(&app, "the other key's id", &forge(&pairs[0], &header, &claims)).await;
}
