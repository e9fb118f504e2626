//! SMS by Twilio's Programmable Messaging API, version 2010-04-01.

use bytes::Bytes;
use http::Request;

use super::{Message, authorization, basic, finish, needed, words};
use crate::settings::Settings;

/// Twilio cuts longer bodies into parts that each cost; four parts of 153 characters are enough to say what is wrong.
const MAX_CHARACTERS: usize = 612;

pub(super) fn request(message: &Message, settings: &Settings) -> Result<Request<Bytes>, String> {
    let account = needed(&settings.twilio_account_sid, "twilio_account_sid")?;
    if !account.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err("twilio_account_sid is not an account's SID".to_owned());
    }
    let from = needed(&settings.twilio_from, "twilio_from")?;
    let token = needed(&settings.twilio_auth_token, "twilio_auth_token")?;
    let sender = if from.starts_with("MG") { "MessagingServiceSid" } else { "From" };
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("To", &message.contact)
        .append_pair(sender, from)
        .append_pair("Body", &words::short(message, MAX_CHARACTERS))
        .finish();
    let builder = Request::post(format!("{}/2010-04-01/Accounts/{account}/Messages.json", settings.twilio_origin))
        .header("i-twilio-idempotency-token", &message.id);
    finish(authorization(builder, basic(account, token))?, "application/x-www-form-urlencoded", body)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::tests::message;
    use super::*;

    #[test]
    fn it_is_the_form_that_twilio_takes() {
        let mut settings = Settings {
            twilio_origin: "https://api.twilio.com".to_owned(),
            twilio_account_sid: "AC123".to_owned(),
            twilio_auth_token: "token".to_owned(),
            twilio_from: "+15550001111".to_owned(),
            ..Settings::default()
        };
        let sent = request(&message("sms", "+911234567890", 2), &settings).unwrap();
        assert_eq!(sent.uri(), "https://api.twilio.com/2010-04-01/Accounts/AC123/Messages.json");
        assert_eq!(sent.headers()["authorization"], "Basic QUMxMjM6dG9rZW4=");
        let form: HashMap<_, _> = form_urlencoded::parse(sent.body()).into_owned().collect();
        assert_eq!(form["To"], "+911234567890");
        assert_eq!(form["From"], "+15550001111");
        assert!(form["Body"].contains("silent"), "{form:?}");
        settings.twilio_from = "MG1".to_owned();
        let sent = request(&message("sms", "+911234567890", 0), &settings).unwrap();
        assert!(sent.body().windows(23).any(|part| part == b"MessagingServiceSid=MG1"));
        settings.twilio_account_sid = "AC/../x".to_owned();
        assert!(request(&message("sms", "+911234567890", 0), &settings).is_err());
    }
}
