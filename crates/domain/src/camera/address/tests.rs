use proptest::prelude::*;

use super::*;

fn networks(text: &str) -> Networks {
    let (networks, bad) = Networks::parse(text);
    assert!(bad.is_empty(), "{bad:?}");
    networks
}

fn is_allowed(allowed: &str, address: &str) -> bool {
    let purpose = if address.starts_with("rtsp") { Use::Rtsp } else { Use::Http };
    parse(address, purpose).is_ok_and(|parsed| networks(allowed).allow(&parsed.host))
}

#[test]
fn what_the_operator_allows_is_reached() {
    let allowed = "192.168.1.0/24, 100.64.0.0/10, 10.1.2.3, camera.example.com, *.cams.example.com, fd00::/8";
    for address in [
        "http://192.168.1.9/snapshot.jpg",
        "https://100.100.1.2:8443/",
        "rtsp://10.1.2.3:554/stream1",
        "http://camera.example.com/video",
        "http://CAMERA.example.com/video",
        "http://gate.cams.example.com/",
        "http://[fd00::9]:8080/",
    ] {
        assert!(is_allowed(allowed, address), "{address}");
    }
    for address in [
        "http://192.168.2.9/",
        "http://10.1.2.4/",
        "http://cams.example.com/",
        "http://evilcams.example.com/",
        "http://camera.example.com.evil.example/",
        "http://camera.example.com./",
        "http://[fe00::9]/",
    ] {
        assert!(!is_allowed(allowed, address), "{address}");
    }
    assert!(!is_allowed("", "http://192.168.1.9/"));
}

/// Whatever network is allowed around them.
#[test]
fn no_form_of_a_machines_own_or_a_link_local_address_gets_through() {
    let allowed = "0.0.0.0/0, ::/0, localhost, *.example.com";
    let hosts = [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "127.255.255.254",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "0177.0.0.01",
        "00000177.1",
        "017700000001",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "①②⑦.0.0.1",
        "0",
        "0.0.0.0",
        "0x0",
        "localhost",
        "LOCALHOST",
        "a.localhost",
        "localhost.",
        "169.254.169.254",
        "169.254.1.1",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "169.254.43518",
        "255.255.255.255",
        "224.0.0.1",
        "[::1]",
        "[::]",
        "[0:0:0:0:0:0:0:1]",
        "[::127.0.0.1]",
        "[::7f00:1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:7f00:1]",
        "[::ffff:192.168.1.9]",
        "[::ffff:a9fe:a9fe]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fe80::1%25eth0]",
        "[ff02::1]",
        "[2001::1]",
        "",
        "@",
        "192.168.1.9:80:80",
    ];
    for host in hosts {
        for address in [
            format!("http://{host}/"),
            format!("http://{host}:8080/x"),
            format!("https://{host}"),
            format!("http://a:b@{host}/"),
            format!("http://192.168.1.9@{host}/"),
            format!("rtsp://{host}/stream"),
            format!("rtsp://a:b@{host}:8554/stream"),
        ] {
            assert!(!is_allowed(allowed, &address), "{address}");
        }
    }
    assert!(is_allowed(allowed, "http://192.168.1.9/") && is_allowed(allowed, "http://[2a00::9]/"));
}

#[test]
fn a_machines_own_address_is_reached_where_the_operator_names_it() {
    assert!(is_allowed("127.0.0.1", "http://127.0.0.1:8081/") && is_allowed("127.0.0.0/8", "rtsp://127.0.0.2:8554/a"));
    assert!(is_allowed("::1", "http://[::1]:8081/"));
    assert!(!is_allowed("127.0.0.1", "http://127.0.0.2:8081/") && !is_allowed("169.254.0.0/16", "http://169.254.169.254/"));
    assert!(!is_allowed("127.0.0.1", "http://2130706433/") && !is_allowed("127.0.0.1", "http://[::ffff:127.0.0.1]/"));
}

#[test]
fn two_parsers_see_one_host() {
    for address in [
        "http://192.168.1.9\\@127.0.0.1/",
        "http://192.168.1.9\t.evil.example/",
        "http://192.168.1.9 /",
        "http:/\\127.0.0.1/",
        "http:192.168.1.9/",
        "http:/127.0.0.1://192.168.1.9/",
        "http:127.0.0.1://192.168.1.9/",
        "http:/192.168.1.8:80://192.168.1.9/",
        "http:/a:b@192.168.1.8://192.168.1.9/",
        "ftp://192.168.1.9/",
        "file:///etc/passwd",
        "gopher://192.168.1.9/",
        "rtsp://192.168.1.9/",
        "http://192.168.1.9/#a",
        "//192.168.1.9/",
        "http://",
        "http:///etc",
        "",
        "http://192.168.1.9:99999/",
        "http://a b/",
        "http://ka\u{308}mera/",
    ] {
        assert!(parse(address, Use::Http).is_err(), "{address}");
    }
    assert!(parse("http://192.168.1.9/", Use::Rtsp).is_err());
    assert!(parse("rtsp:/127.0.0.1://192.168.1.9/", Use::Rtsp).is_err() && parse("rtsp:a://192.168.1.9/", Use::Rtsp).is_err());
    for plain in ["http://GATE.example.com:80/", "http://a:b@[FD00::9]/", "https://192.168.1.9:443?a://b"] {
        assert!(parse(plain, Use::Http).is_ok(), "{plain}");
    }
    for plain in ["rtsp://GATE.example.com/a", "rtsp://a:b@[fd00::9]:8554/a", "rtsp://192.168.1.9"] {
        assert!(parse(plain, Use::Rtsp).is_ok(), "{plain}");
    }
    assert!(parse(&format!("http://192.168.1.9/{}", "a".repeat(MAX_LEN)), Use::Http).is_err());
}

#[test]
fn credentials_are_taken_out_of_an_address() {
    let parsed = parse("rtsp://admin:p%40ss%2Bw%C3%B6rd@192.168.1.9/live/0/MAIN?a=b", Use::Rtsp).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(parsed.url, "rtsp://192.168.1.9/live/0/MAIN?a=b");
    assert_eq!(parsed.credentials, Some(("admin".into(), "p@ss+wörd".into())));
    assert_eq!((parsed.port, parsed.host.to_string()), (554, "192.168.1.9".into()));
    assert_eq!(parse("https://192.168.1.9/", Use::Http).map(|it| it.port).ok(), Some(443));
    assert_eq!(parse("rtsps://192.168.1.9/", Use::Rtsp).map(|it| it.port).ok(), Some(322));
    assert_eq!(with_userinfo(&parsed.url, "admin", "p@ss").as_deref(), Some("rtsp://admin:p%40ss@192.168.1.9/live/0/MAIN?a=b"));
}

#[test]
fn credentials_in_a_path_or_a_query_are_taken_out_of_it() {
    let basic = "YWRtaW46c2VjcmV0";
    for (holds, names) in [
        ("/video.cgi?user=admin&pwd=secret&rate=5", "/video.cgi?user={username}&pwd={password}&rate=5"),
        ("/video.cgi?USR=admin&PWD=secret", "/video.cgi?USR={username}&PWD={password}"),
        ("/a?loginuse=admin&loginpas=secret", "/a?loginuse={username}&loginpas={password}"),
        ("/a?u=admin&p=secret", "/a?u={username}&p={password}"),
        ("/a?p=secret;u=admin", "/a?p={password};u={username}"),
        ("/a?%75ser=admin&p%77d=se%63ret", "/a?%75ser={username}&p%77d={password}"),
        ("/user=admin&password=secret", "/user={username}&password={password}"),
        ("/user=admin/password=secret/ch1", "/user={username}/password={password}/ch1"),
        (
            "/user=admin_password=secret_channel=1_stream=0.sdp?real_stream",
            "/user={username}_password={password}_channel=1_stream=0.sdp?real_stream",
        ),
        ("/cam/realmonitor?channel=1&subtype=0&authbasic=BASIC", "/cam/realmonitor?channel=1&subtype=0&authbasic={basic}"),
    ] {
        for (scheme, purpose) in [("http", Use::Http), ("rtsp", Use::Rtsp)] {
            let holds = format!("{scheme}://192.168.1.9{}", holds.replace("BASIC", basic));
            let parsed = parse(&holds, purpose).unwrap_or_else(|error| panic!("{holds}: {error}"));
            assert_eq!(parsed.url, format!("{scheme}://192.168.1.9{names}"), "{holds}");
            assert_eq!(parsed.credentials, Some(("admin".into(), "secret".into())), "{holds}");
            // What was stored before they were taken out is not shown either, and is refused where it is sent back as it was shown.
            let shown = shown(&holds);
            assert!(!shown.contains("admin") && !shown.contains("secret") && !shown.contains(basic), "{shown}");
            assert!(parse(&shown, purpose).is_err(), "{shown}");
            assert_eq!(super::shown(&parsed.url), parsed.url);
            let again = parse(&parsed.url, purpose).unwrap_or_else(|error| panic!("{}: {error}", parsed.url));
            assert!(again.url == parsed.url && again.credentials.is_none());
        }
    }
    // Many come with a name and no password.
    let parsed = parse("rtsp://192.168.1.9/user=admin_password=_channel=1", Use::Rtsp).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(parsed.url, "rtsp://192.168.1.9/user={username}_password={password}_channel=1");
    assert_eq!(parsed.credentials, Some(("admin".into(), String::new())));
    for alone in
        ["?pwd=secret", "?PASSWORD=x", "?token=abc", "?user=admin", "/pwd=secret", "?auth=abc", "?user=admin&pwd={password}", "?apikey=x"]
    {
        assert!(parse(&format!("http://192.168.1.9/video.cgi{alone}"), Use::Http).is_err(), "{alone}");
    }
    for two in ["http://root:x@192.168.1.9/?user=admin&pwd=secret", "http://192.168.1.9/user=a/pwd=b?user=a&pwd=c"] {
        assert!(parse(two, Use::Http).is_err(), "{two}");
    }
    for plain in ["?p=1", "?u=metric", "/users/1", "?channel=1&page=2", "?passive=1", "/a=b_c=d"] {
        let address = format!("http://192.168.1.9/video.cgi{plain}");
        let parsed = parse(&address, Use::Http).unwrap_or_else(|error| panic!("{plain}: {error}"));
        assert!(parsed.url == address && parsed.credentials.is_none(), "{plain}");
    }
}

#[test]
fn what_stands_for_credentials_is_filled_in_where_it_is_called() {
    let parsed =
        parse("http://192.168.1.9/video.cgi?user={username}&pwd={password}&rate=5", Use::Http).unwrap_or_else(|error| panic!("{error}"));
    let full = with_credentials(&parsed.url, "ad&min", "p ss=#");
    assert_eq!(full, "http://192.168.1.9/video.cgi?user=ad%26min&pwd=p%20ss%3D%23&rate=5");
    let parsed = parse("rtsp://192.168.1.9/user={username}_password={password}_a=1", Use::Rtsp).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(with_credentials(&parsed.url, "a", "b"), "rtsp://192.168.1.9/user=a_password=b_a=1");
    assert_eq!(with_credentials("http://h/?authbasic={basic}&x={y}", "a", "b"), "http://h/?authbasic=YTpi&x={y}");
    assert_eq!(with_credentials("http://h/?a={username}", "{password}", "b"), "http://h/?a=%7Bpassword%7D");
}

#[test]
fn what_is_no_network_and_no_name_is_told() {
    let (_, bad) = Networks::parse("192.168.1.0/24, 192.168.1.0/33, cam_1, http://x, 1.2.3, *.*, *");
    assert_eq!(bad, ["192.168.1.0/33", "cam_1", "http://x", "1.2.3", "*.*", "*"]);
}

proptest! {
    #[test]
    fn no_text_panics_and_what_is_read_is_read_the_same_again(text in ".*", tail in "[!-~]{0,40}") {
        let _ = parse(&text, Use::Http);
        for start in ["http://", "http:/", "http:", "http://192.168.1.9", "http://a:b@", "https://["] {
            if let Ok(parsed) = parse(&format!("{start}{tail}"), Use::Http) {
                let again = parse(&parsed.url, Use::Http);
                prop_assert!(again.is_ok_and(|again| again.host == parsed.host && again.url == parsed.url && again.credentials.is_none()));
            }
        }
    }

    #[test]
    fn an_address_is_allowed_exactly_when_its_network_is(bits in any::<u32>(), prefix in 1_u8..=32) {
        let address = Ipv4Addr::from(bits);
        let network = Ipv4Net::new(Ipv4Addr::new(192, 168, 1, 0), prefix).map(|it| it.trunc());
        let network = network.unwrap_or(LOOPBACK_V4);
        let (networks, _) = Networks::parse(&network.to_string());
        let is_own = LOOPBACK_V4.contains(&address);
        let expected = network.contains(&address) && !is_own && !NEVER_V4.iter().any(|never| never.contains(&address));
        prop_assert_eq!(networks.allow(&CameraHost::Address(address.into())), expected);
    }
}
