//! Mail by SendGrid's v3 API.

use bytes::Bytes;
use http::Request;
use serde_json::json;

use super::{Message, authorization, bearer, finish, needed, words};
use crate::settings::Settings;

pub(super) fn request(message: &Message, settings: &Settings) -> Result<Request<Bytes>, String> {
    let key = needed(&settings.sendgrid_api_key, "sendgrid_api_key")?;
    let from = needed(&settings.mail_from, "mail_from")?;
    let body = json!({
        "personalizations": [{
            "to": [{ "email": message.contact }],
            "custom_args": { "message_id": message.id },
        }],
        "from": { "email": from },
        "subject": words::title(message),
        "content": [{ "type": "text/plain", "value": words::full(message) }],
    });
    let builder = Request::post(format!("{}/v3/mail/send", settings.sendgrid_origin));
    finish(authorization(builder, bearer(key))?, "application/json", body.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::tests::message;
    use super::*;

    #[test]
    fn it_is_the_document_that_sendgrid_takes() {
        let settings = Settings {
            sendgrid_origin: "https://api.sendgrid.com".to_owned(),
            sendgrid_api_key: "SG.key".to_owned(),
            mail_from: "gate@example.com".to_owned(),
            ..Settings::default()
        };
        let request = request(&message("mail", "ops@example.com", 0), &settings).unwrap();
        assert_eq!(request.uri(), "https://api.sendgrid.com/v3/mail/send");
        assert_eq!(request.headers()["authorization"], "Bearer SG.key");
        let body: serde_json::Value = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(body["personalizations"][0]["to"][0]["email"], "ops@example.com");
        assert_eq!(body["personalizations"][0]["custom_args"]["message_id"], "0192-m");
        assert_eq!(body["from"]["email"], "gate@example.com");
        assert_eq!(body["subject"], "[critical] PARK-B1-S005 has been silent");
        assert_eq!(body["content"][0]["type"], "text/plain");
    }
}
