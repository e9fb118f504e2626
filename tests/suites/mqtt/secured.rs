//! Mosquitto as deploy/mosquitto has it: TLS, a password for each device, and an access list that keeps each to itself.

use std::path::Path;
use std::process::Command;

use gatehouse_tests::mosquitto::{Listener, Mosquitto, publish, trusting};
use gatehouse_tests::tools::{debian_program, output};
use gatehouse_tests::{App, root};

use crate::support::{stored_times, until_stored};

fn text(file: &str) -> String {
    std::fs::read_to_string(root().join("deploy/mosquitto").join(file)).unwrap()
}

/// Writes an authority's certificate, which it gives, and one of the broker by it.
fn certificates(directory: &Path) -> String {
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let authority_certificate = authority.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(authority, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let own = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    std::fs::write(directory.join("fullchain.pem"), own.pem()).unwrap();
    std::fs::write(directory.join("privkey.pem"), key.serialize_pem()).unwrap();
    authority_certificate.pem()
}

#[tokio::test(flavor = "multi_thread")]
#[cfg_attr(remote, ignore = "needs the embedded host")]
async fn with_tls_and_passwords_each_device_speaks_for_itself_alone() {
    let Some(passwords) = debian_program("mosquitto", "mosquitto_passwd") else { return };
    let mut authority = String::new();
    let broker = Mosquitto::start_with(|port, directory| {
        authority = certificates(directory);
        let home = directory.display();
        std::fs::write(directory.join("gatehouse.acl"), text("gatehouse.acl")).unwrap();
        for (user, password) in [("gatehouse", "the gate's own"), ("DEV-A", "key of a"), ("DEV-B", "key of b")] {
            let file = directory.join("gatehouse.passwd");
            let create: &[&str] = if file.exists() { &["-b"] } else { &["-c", "-b"] };
            output(Command::new(&passwords).args(create).arg(file).args([user, password]));
        }
        let configuration = text("gatehouse.conf");
        assert!(configuration.contains("\nlistener 8883\n"));
        configuration
            .replace("\nlistener 8883\n", &format!("\nlistener {port} 127.0.0.1\n"))
            .replace("/etc/mosquitto/certs/", &format!("{home}/"))
            .replace("/etc/mosquitto/", &format!("{home}/"))
    })
    .await;
    let Some(broker) = broker else { return };
    let address = format!("mqtts://127.0.0.1:{}", broker.port());
    let variables =
        [("mqtt_address", address.as_str()), ("mqtt_username", "gatehouse"), ("mqtt_password", "the gate's own"), ("mqtt_ca", &authority)];
    let app = App::embedded(&variables).await.expect("the embedded host");
    let place = app.place(2).await;
    for device in ["DEV-A", "DEV-B"] {
        let body = serde_json::json!({"device_code": device, "site": place.site, "zone": place.zone});
        app.admin().await.post("/api/devices/", body).await.expect(201);
    }
    broker.until_subscribed(0).await;
    let as_device = |user: &str, password: &str| {
        let mut options = trusting(broker.options("device"), &authority);
        options.set_credentials(user, password);
        options
    };
    let own =
        |device: &str, plus_s: i64| vec![(format!("gatehouse/{device}/telemetry"), app.reading(device, plus_s).to_string().into_bytes())];
    publish(as_device("DEV-A", "key of a"), own("DEV-A", 0), false).await.expect("its own reading");
    until_stored(&app, "DEV-A", 1).await;
    // What the broker says of it differs: nothing, as 3.1.1 has no word for it, or (2.0.11 over TLS) it ends the connection. It gives it to nobody.
    let _ = publish(as_device("DEV-A", "key of a"), own("DEV-B", 0), false).await;
    publish(as_device("DEV-B", "key of a"), own("DEV-B", 1), false).await.expect_err("a wrong password");
    publish(broker.options("plain"), own("DEV-B", 2), false).await.expect_err("without TLS");
    let heard = Listener::start(as_device("DEV-A", "key of a"), "gatehouse/DEV-A/rejected").await;
    publish(as_device("DEV-A", "key of a"), vec![("gatehouse/DEV-A/telemetry".to_owned(), b"?".to_vec())], false).await.unwrap();
    assert_eq!(heard.wait_for(1).await[0].1["reason"], "unreadable");
    publish(as_device("DEV-B", "key of b"), own("DEV-B", 3), false).await.expect("its own reading");
    until_stored(&app, "DEV-B", 1).await;
    assert_eq!(stored_times(&app, "DEV-A").len(), 1);
}
