//! Log lines: which fields a decision has, and what is never in them.

use jwtis_testkit::log::Log;
use serde_json::json;

use super::support::{Jammed, PASSWORD, PEER, SECRET, Setup, TZ1, attestation, hex, noop};

#[tokio::test]
async fn each_decision_is_one_line_with_the_request_it_belongs_to() {
    let world = Setup::with_tokens().build();
    let token = world.login("payouts").await;
    let ask = |message: &[u8]| {
        world.sign(TZ1, message).header("authorization", &token).header("username", "payouts")
    };
    let log = Log::default();
    let answers = {
        let _guard = log.listen("info");
        [ask(&attestation(10, 1)).send().await, ask(&attestation(9, 3)).send().await]
    };
    assert_eq!(answers.each_ref().map(|answer| answer.status.as_u16()), [200, 409]);

    let lines = log.of("jwtis::audit");
    assert_eq!(lines.len(), 2, "{lines:?}");
    for (line, answer) in lines.iter().zip(&answers) {
        let fields = &line["fields"];
        assert_eq!(fields["key"], TZ1);
        assert_eq!((&fields["user"], &fields["kind"]), (&json!("payouts"), &json!("attestation")));
        let span = &line["span"];
        assert_eq!(span["id"].as_str(), answer.header("x-request-id"));
        assert_eq!(
            (&span["method"], &span["route"], &span["user"]),
            (&json!("POST"), &json!("/keys/{pkh}"), &json!("payouts"))
        );
        let peer: std::net::SocketAddr = PEER.parse().unwrap();
        assert_eq!(span["source"], peer.ip().to_string(), "who asked is not told");
    }
    let [allowed, refused] = [&lines[0]["fields"], &lines[1]["fields"]];
    assert_eq!(
        (&allowed["verdict"], &allowed["lvl"], &allowed["round"]),
        (&json!("allowed"), &json!(10), &json!(1))
    );
    assert_eq!(
        (&refused["verdict"], &refused["lvl"], &refused["round"]),
        (&json!("refused"), &json!(9), &json!(3))
    );
    assert_eq!(refused["reason"], "watermark");
}

#[tokio::test]
async fn the_access_line_names_route_and_status_and_not_the_path() {
    let world = Setup::new().build();
    let log = Log::default();
    {
        let _guard = log.listen("info");
        world.get("/keys/path-secret-5?query-secret-6=1").send().await;
        world.get("//path-secret-7").send().await;
    }
    let lines = log.of("jwtis::http::observe");
    let seen: Vec<_> =
        lines.iter().map(|line| (line["span"]["route"].clone(), line["fields"]["status"].clone())).collect();
    assert_eq!(seen, [(json!("/keys/{pkh}"), json!(400)), (json!("unmatched"), json!(404))]);
    assert!(!log.text().contains("-secret-"), "{}", log.text());
}

#[tokio::test]
async fn a_failure_of_ours_is_logged_with_its_code_and_chain() {
    let world = Setup::new().vault(Jammed).build();
    let log = Log::default();
    {
        let _guard = log.listen("info");
        world.sign(TZ1, &noop("x")).send().await.failure(500);
    }
    let line = log.of("jwtis::http::observe").pop().unwrap();
    assert_eq!((&line["level"], &line["fields"]["code"]), (&json!("WARN"), &json!("vault")));
    assert!(line["fields"]["error"].as_str().unwrap().contains("paper <jam>"), "{line}");
}

#[tokio::test]
async fn logs_hold_no_secret_and_payloads_only_where_they_are_wanted() {
    let mut setup = Setup::with_tokens();
    setup.rules.keys.get_mut(&TZ1.parse().unwrap()).unwrap().log_payloads = true;
    let world = setup.build();
    let log = Log::default();
    let guard = log.listen("info");
    let token = world.login("payouts").await;
    world.post("/login").header("username", "payouts").header("password", "Wrong-Long-Pass-99").send().await;
    let tz2 = super::support::pkh(&super::support::keys()[1]);
    for (key, message) in [(TZ1.to_owned(), noop("wanted")), (tz2.to_string(), noop("unwanted"))] {
        let call = world.sign(key, &message).header("authorization", &token).header("username", "payouts");
        call.send().await.ok();
    }
    let forged = format!("{}x", &token[..token.len() - 1]);
    world.get("/authorized_keys").header("authorization", &forged).header("username", "payouts").send().await;
    drop(guard);

    let text = log.text();
    assert!(text.contains(&hex(&noop("wanted"))));
    assert!(!text.contains(&hex(&noop("unwanted"))));
    let signature = token.rsplit('.').next().unwrap();
    for secret in [PASSWORD, SECRET, "Wrong-Long-Pass-99", &token, signature, &signature[..20]] {
        assert!(!text.contains(secret), "{secret} is in the log");
    }
}
