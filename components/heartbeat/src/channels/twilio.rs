//! SMS by Twilio's Programmable Messaging API, version 2010-04-01.

use bytes::Bytes;
use http::Request;

use kit::{Problem, config};

use super::{Channel, Message, Person, authorization, basic, finish, needed, text};
use crate::settings::bare;

/// Twilio cuts longer bodies into parts that each cost; four parts of 153 characters are enough to say what is wrong.
const MAX_CHARACTERS: usize = 612;

/// An account at Twilio. Its secret stands here in clear: there is no `Debug`, so that it does not reach the log.
#[derive(Default)]
pub struct Twilio {
    /// Scheme and host of the API.
    origin: String,
    /// The account's SID; empty when there is none.
    account_sid: String,
    auth_token: String,
    /// The sending number, or the SID of a messaging service (`MG…`).
    from: String,
    /// Who gets an SMS of everything.
    to: Vec<String>,
}

/// Reads its variables.
pub async fn load() -> Result<Twilio, Problem> {
    Ok(Twilio {
        origin: bare(&config::get("twilio_origin").await?),
        account_sid: config::get("twilio_account_sid").await?,
        auth_token: config::get("twilio_auth_token").await?,
        from: config::get("twilio_from").await?,
        to: config::list("sms_to").await?,
    })
}

impl Channel for Twilio {
    fn name(&self) -> &'static str {
        "sms"
    }

    fn control_room(&self) -> Vec<String> {
        if self.account_sid.is_empty() { Vec::new() } else { self.to.clone() }
    }

    fn person(&self, person: &Person) -> Option<String> {
        person.phone.clone().filter(|_| !self.account_sid.is_empty())
    }

    fn is_for_people(&self) -> bool {
        true
    }

    fn request(&self, message: &Message, _: i64) -> Result<Request<Bytes>, String> {
        let account = needed(&self.account_sid, "twilio_account_sid")?;
        if !account.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err("twilio_account_sid is not an account's SID".to_owned());
        }
        let from = needed(&self.from, "twilio_from")?;
        let token = needed(&self.auth_token, "twilio_auth_token")?;
        let sender = if from.starts_with("MG") { "MessagingServiceSid" } else { "From" };
        let body = form_urlencoded::Serializer::new(String::new())
            .append_pair("To", &message.contact)
            .append_pair(sender, from)
            .append_pair("Body", &text::short(message, MAX_CHARACTERS))
            .finish();
        let builder = Request::post(format!("{}/2010-04-01/Accounts/{account}/Messages.json", self.origin))
            .header("i-twilio-idempotency-token", &message.id);
        finish(authorization(builder, basic(account, token))?, "application/x-www-form-urlencoded", body)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::super::tests::{message, sos};
    use super::*;

    #[test]
    fn a_long_description_cuts_off_neither_the_place_nor_the_number() {
        let twilio = Twilio {
            account_sid: "AC123".to_owned(),
            auth_token: "token".to_owned(),
            from: "+15550001111".to_owned(),
            ..Twilio::default()
        };
        let mut message = sos("sms", "+911234567890", &"He fell. ".repeat(80));
        message.content.level = 3;
        let sent = twilio.request(&message, 0).unwrap();
        let form: HashMap<_, _> = form_urlencoded::parse(sent.body()).into_owned().collect();
        let body = &form["Body"];
        assert!(body.chars().count() <= MAX_CHARACTERS && body.ends_with('…'), "{body}");
        let wanted = "Not acknowledged, rung 3: [critical] somnath 20.888100,70.401400 (approximate), call +919876543210 (Asha Patel). \
                      SOS, medical: He fell. He fell.";
        assert!(body.starts_with(wanted), "{body}");
    }

    #[test]
    fn it_is_the_form_that_twilio_takes() {
        let mut twilio = Twilio {
            origin: "https://api.twilio.com".to_owned(),
            account_sid: "AC123".to_owned(),
            auth_token: "token".to_owned(),
            from: "+15550001111".to_owned(),
            to: Vec::new(),
        };
        let sent = twilio.request(&message("sms", "+911234567890", 2), 0).unwrap();
        assert_eq!(sent.uri(), "https://api.twilio.com/2010-04-01/Accounts/AC123/Messages.json");
        assert_eq!(sent.headers()["authorization"], "Basic QUMxMjM6dG9rZW4=");
        let form: HashMap<_, _> = form_urlencoded::parse(sent.body()).into_owned().collect();
        assert_eq!(form["To"], "+911234567890");
        assert_eq!(form["From"], "+15550001111");
        assert!(form["Body"].contains("silent"), "{form:?}");
        twilio.from = "MG1".to_owned();
        let sent = twilio.request(&message("sms", "+911234567890", 0), 0).unwrap();
        assert!(sent.body().windows(23).any(|part| part == b"MessagingServiceSid=MG1"));
        twilio.account_sid = "AC/../x".to_owned();
        assert!(twilio.request(&message("sms", "+911234567890", 0), 0).is_err());
    }
}
