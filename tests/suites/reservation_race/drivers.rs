//! Hundreds of signed-in drivers, with access tokens made here: password hashing would take longer than the race.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ed25519_compact::{KeyPair, Seed};
use gatehouse_tests::{App, Client};
use serde_json::json;
use sha2::Digest as _;

/// Creates `count` drivers; a client for each. `signing_key` is the application's.
pub fn sign_in(app: &App, signing_key: &str, count: usize) -> Vec<Client> {
    let seed = BASE64.decode(signing_key.trim()).expect("base64url");
    let pair = KeyPair::from_seed(Seed::from_slice(&seed).expect("a seed"));
    let x = BASE64.encode(pair.pk.as_ref());
    let thumbprint = sha2::Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#));
    let header = json!({"alg": "EdDSA", "typ": "at+jwt", "kid": BASE64.encode(thumbprint)});
    let now = app.now_ms();
    let mut db = app.db();
    let insert = db.transaction().expect("a transaction");
    let mut made = Vec::new();
    for _ in 0..count {
        let id = uuid::Uuid::now_v7().to_string();
        insert
            .execute(
                "insert into users (id, email, name, role, password_hash, created_at, updated_at, updated_by)
                 values (?1, ?1 || '@example.com', 'A driver', 'visitor', '-', ?2, ?2, 'test')",
                (&id, now),
            )
            .expect("a user");
        let claims = json!({
            "iss": "gatehouse", "aud": "gatehouse", "sub": id, "sid": id, "iat": now / 1000, "exp": now / 1000 + 86_400, "role": "visitor",
        });
        let signed = format!("{}.{}", BASE64.encode(header.to_string()), BASE64.encode(claims.to_string()));
        let signature = BASE64.encode(pair.sk.sign(&signed, None).as_ref());
        made.push(app.with_token(&format!("{signed}.{signature}")));
    }
    insert.commit().expect("users are kept");
    made
}
