//! `jwtis policy`: the words, the JSON, the verdict and the exit code.

use jwtis_testkit::process::signer::USER;
use jwtis_testkit::process::{Place, Run};
use serde_json::{Value, json};

use crate::{TESTNET, TZ1, refused};

/// docs/reference/signer-protocol.md, "Check values": a failing_noop, and its digest.
const NOOP: &str = "0300000000000000000000000000000000000000000000000000000000000000001100000003616263";
const NOOP_DIGEST: &str = "a508315397899918e7f567e3054b9da65359369df53bdb817c3b34635799f2f4";
const TZ4: &str = "tz4EECtMxAuJ9UDLaiMZH7G1GCFYUWsj8HZn";
const CLIENT: &str = "tz1WGcYos3hL7GXYXjKrMnSFdkT7FyXnFBvf";

/// The same: an attestation of level 120.
fn attestation() -> String {
    format!("13b3d79f99{}1500070000007800000000{}", "00".repeat(32), "11".repeat(32))
}

fn config(policy: &str) -> String {
    let jwt =
        if policy.contains("jwt_") { format!(", jwt: {{users: {{alice: {USER}}}}}") } else { String::new() };
    format!(
        "server: {{address: \"127.0.0.1:0\"{jwt}}}\nvaults: {{s: {{driver: store}}}}\nbase_dir: .\ntezos:\n  {TZ1}: {policy}\n"
    )
}

#[test]
fn a_message_alone_is_shown_in_words_and_as_json() {
    let place = Place::new();
    let text = place.ok(&["policy", "explain", NOOP]);
    for wanted in
        ["a batch of 1 operation(s)", "failing_noop", NOOP_DIGEST, "watermark: none", "policy: not asked"]
    {
        assert!(text.contains(wanted), "{wanted} is not in\n{text}");
    }
    let shown = place.json(&["policy", "explain", &attestation(), "--json"]);
    assert_eq!(shown["request"]["kind"], "attestation");
    let rule = "its level may rise by twice the time since the last signature ÷ 6s, and by 120 at once; by 100800 where that time is unknown";
    assert_eq!(
        shown["watermark"],
        json!({ "chain": TESTNET, "kind": "attestation", "level": 120, "round": 0, "rule": rule })
    );
    assert!(place.ok(&["policy", "explain", &attestation()]).contains(rule));
    assert_eq!(shown["policy"], Value::Null);
    assert!(shown["words"][0].as_str().unwrap().contains("level 120, round 0"));
}

#[test]
fn hexadecimal_comes_as_people_have_it() {
    let place = Place::new();
    for message in [NOOP.to_uppercase(), format!("\"{NOOP}\""), format!("0x{NOOP}")] {
        let shown = place.json(&["policy", "explain", "--json", &message]);
        assert_eq!(shown["request"]["digest"], NOOP_DIGEST, "{message}");
    }
    let run = place.piped(&format!("\"{NOOP}\"\n"), &["policy", "explain", "-", "--json"]);
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let run = place.run(&["policy", "explain", &format!("0x{NOOP}")]);
    assert!(run.stderr.starts_with("warning: "), "no client may send it: {}", run.stderr);
    for (message, wanted) in [("03f", "half a byte"), ("03fg", "character 4"), ("03 00", "character 3")] {
        refused(&place.run(&["policy", "explain", message]), 2, wanted);
    }
}

#[test]
fn what_is_not_understood_is_refused_with_its_place() {
    let place = Place::new();
    let longer = format!("{}00", attestation());
    for (message, wanted) in [
        ("", "not understood: the message ends too early"),
        ("ff", "not understood: unknown tag 255 (at byte 0, in magic byte)"),
        (longer.as_str(), "the message is not understood"),
    ] {
        refused(&place.run(&["policy", "explain", message]), 1, wanted);
    }
    // A tz4 key attests in another form.
    refused(
        &place.run(&["policy", "explain", "--key", TZ4, &attestation()]),
        1,
        "the message is not understood",
    );
    place.ok(&["policy", "explain", "--key", TZ1, &attestation()]);
    refused(&place.run(&["policy", "explain", "--version", "3", NOOP]), 2, "--version");
    place.ok(&["policy", "explain", "--version", "1", NOOP]);
}

#[test]
fn the_verdict_names_the_rule_and_is_the_exit_code() {
    let place = Place::new();
    let attestation = attestation();
    for (policy, arguments, verdict) in [
        ("", &[attestation.as_str()][..], Ok("`allow` lists attestation")),
        ("", &[NOOP], Err(("request_kind", "request kind `generic' is not allowed"))),
        ("{}", &[attestation.as_str()], Err(("request_kind", "request kind `attestation' is not allowed"))),
        ("{allow: {generic: }}", &[NOOP], Err(("operation", "operation `failing_noop' is not allowed"))),
        (
            "{allow: {generic: [failing_noop]}}",
            &[NOOP],
            Ok("`allow.generic` lists failing_noop (operation 1)"),
        ),
        (
            "{allow: {attestation: }, allowed_chains: [NetXdQprcVkpaWU]}",
            &[attestation.as_str()],
            Err(("chain", "chain `NetXo5iVw1vBoxM' is not allowed")),
        ),
        (
            "{allow: {attestation: }, jwt_users: [alice]}",
            &[attestation.as_str(), "--user", "bob"],
            Err(("user", "user `bob' is not authorized to access tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q")),
        ),
        (
            "{allow: {attestation: }, jwt_users: [alice]}",
            &[attestation.as_str(), "--user", "alice"],
            Ok("`jwt_users` lists alice"),
        ),
    ] {
        place.file("signer.yaml", &config(policy));
        let asked = [&["policy", "explain", "-c", "signer.yaml"], arguments].concat();
        judged(&place.run(&asked), &place.run(&[&asked[..], &["--json"]].concat()), verdict);
    }
    place.file("signer.yaml", &config("{allow: {attestation: }, jwt_users: [alice]}"));
    let nobody = place.run(&["policy", "explain", "-c", "signer.yaml", &attestation]);
    let wanted = "only users with a token may use tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q";
    assert!(nobody.code == Some(1) && nobody.stderr.contains(wanted), "{}", nobody.stderr);
    assert!(nobody.stderr.contains("ask as a user by --user NAME"), "{}", nobody.stderr);
}

/// Compares what was printed for people and for programs.
#[track_caller]
fn judged(text: &Run, json: &Run, verdict: Result<&str, (&str, &str)>) {
    let shown: Value = serde_json::from_str(&json.stdout).unwrap();
    let said = |name: &str| shown.pointer(&format!("/policy/{name}"));
    assert_eq!(
        (text.code, said("allowed").and_then(Value::as_bool)),
        (json.code, Some(verdict.is_ok())),
        "{}",
        text.stdout
    );
    match verdict {
        Ok(rule) => {
            assert_eq!(text.code, Some(0), "{}", text.stderr);
            assert!(
                text.stdout.contains(rule) && text.stdout.contains("verdict: allowed"),
                "{}",
                text.stdout
            );
        }
        Err((code, message)) => {
            assert_eq!(text.code, Some(1), "{}", text.stdout);
            assert_eq!(
                (said("code").and_then(Value::as_str), said("refusal").and_then(Value::as_str)),
                (Some(code), Some(message))
            );
            assert!(text.stdout.contains(&format!("verdict: refused: {message}")), "{}", text.stdout);
            assert!(
                text.stderr.lines().last().unwrap().starts_with("hint: to allow it, add "),
                "{}",
                text.stderr
            );
        }
    }
}

#[test]
fn clients_are_asked_for_where_the_key_has_some() {
    let place = Place::new();
    let keys = "edpkv45regue1bWtuHnCgLU8xWKLwa9qRqv4gimgJKro4LSc3C5VjV";
    let yaml = config(&format!("{{authorized_keys: {keys}}}"))
        .replace("server: {", &format!("server: {{authorized_keys: {keys}, "));
    place.file(
        "signer.yaml",
        &yaml.replace("{authorized_keys: edpk", "{allow: {attestation: }, authorized_keys: edpk"),
    );
    let text = std::fs::read_to_string(place.path().join("signer.yaml")).unwrap();
    place.file("signer.yaml", &text.replace("server: {allow: {attestation: }, ", "server: {"));
    let ask = |client: &[&str]| {
        let attestation = attestation();
        place.run(&[&["policy", "explain", "-c", "signer.yaml", &attestation], client].concat())
    };
    let run = ask(&[]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("authentication required"), "{}", run.stderr);
    let run = ask(&["--client", CLIENT]);
    assert!(run.stderr.contains(&format!("client `{CLIENT}' is not allowed")), "{}", run.stderr);
    let run = ask(&["--client", TZ1]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    refused(&ask(&["--client", TZ1, "--user", "x"]), 2, "cannot be used with");
}

#[test]
fn which_key_is_asked_of_a_configuration_with_several() {
    let place = Place::new();
    place.file("signer.yaml", &config("").replace("tezos:\n", &format!("tezos:\n  {CLIENT}: {{}}\n")));
    refused(&place.run(&["policy", "explain", "-c", "signer.yaml", NOOP]), 2, "has 2 keys");
    for (key, code, wanted) in [
        (CLIENT, 1, "request kind `attestation' is not allowed"),
        (TZ1, 0, "verdict: allowed"),
        ("tz2BFTyPeYRzxd5aiBchbXN3WCZhx7BqbMBq", 1, "is not listed in config"),
    ] {
        let run = place.run(&["policy", "explain", "-c", "signer.yaml", "--key", key, &attestation()]);
        assert_eq!(run.code, Some(code), "{}", run.stderr);
        assert!(run.stdout.contains(wanted), "{}", run.stdout);
    }
    place.file("issuer.yaml", "issuer: {name: x}\n");
    refused(&place.run(&["policy", "explain", "-c", "issuer.yaml", NOOP]), 2, "has no keys below `tezos:`");
    place.file("bad.yaml", "tezos: {tz1x: }\n");
    refused(&place.run(&["policy", "explain", "-c", "bad.yaml", NOOP]), 2, "the configuration has");
}

#[test]
fn list_kinds_prints_signatorys_two_lists() {
    let place = Place::new();
    let text = place.ok(&["policy", "list-kinds"]);
    let (requests, operations) = text.split_once("\n\n").unwrap();
    assert_eq!(
        requests,
        "Possible request types:\n    - attestation\n    - attestation_with_dal\n    - block\n    - generic\n    - pack\n    - preattestation"
    );
    let mut lines = operations.lines();
    assert_eq!(lines.next(), Some("Possible operation types:"));
    let names: Vec<&str> = lines.map(|line| line.strip_prefix("    - ").unwrap()).collect();
    assert_eq!(names.len(), 39);
    assert!(names.is_sorted(), "{names:?}");
    for wanted in ["transaction", "stake", "ballot", "failing_noop"] {
        assert!(names.contains(&wanted), "{wanted}");
    }
    assert!(!names.contains(&"attestation"), "no configuration may list it below generic");
    let shown = place.json(&["policy", "list-kinds", "--json"]);
    assert_eq!(shown["operations"], json!(names));
    assert_eq!(shown["requests"].as_array().unwrap().len(), 6);
}

#[test]
fn limits_are_judged_and_what_was_spent_is_not_known() {
    let place = Place::new();
    // Two tez, fee 1000 mutez, to the source itself.
    let account = "000b78887fdd0cd3bfbe75a717655728e0205bb958";
    let message = format!("03{}6c{account}e80701e8070080897a00{account}00", "00".repeat(32));
    for (limits, code, wanted) in [
        ("{max_amount: 3tz}", 0, "`limits.max_amount` applies"),
        ("{max_amount: 1999999}", 1, "verdict: refused: "),
        ("{max_fee: 999}", 1, "`limits.max_fee` applies"),
        ("{per: {window: 1h, amount: 3tz}}", 0, "as if the key had spent nothing yet"),
        ("{per: {window: 1h, amount: 1tz}}", 1, "`limits.per` applies"),
    ] {
        place.file(
            "signer.yaml",
            &config(&format!("{{allow: {{generic: [transaction]}}, limits: {limits}}}")),
        );
        let run = place.run(&["policy", "explain", "-c", "signer.yaml", &message]);
        assert_eq!(run.code, Some(code), "{limits}\n{}\n{}", run.stdout, run.stderr);
        assert!(run.stdout.contains(wanted), "{limits}\n{}", run.stdout);
        assert_eq!(code == 1, run.stderr.contains("limits` says how much"), "{}", run.stderr);
    }
}

/// The operation of entry 2: 10⁹ bytes of storage for a contract.
fn storage() -> String {
    let account = "000b78887fdd0cd3bfbe75a717655728e0205bb958";
    format!("03{}71{account}e80701e8070080a8d6b90701{}00", "00".repeat(32), "07".repeat(20))
}

#[test]
fn what_an_operation_costs_is_explained() {
    let place = Place::new();
    let shown = place.json(&["policy", "explain", "--json", &storage()]);
    assert_eq!(
        shown.pointer("/request/operations/0/effects"),
        Some(&json!({ "transferred": "0", "burned_at_most": "250000000000", "bonded": "0" }))
    );
    let words = shown["words"][1].as_str().unwrap();
    assert!(words.contains(", burns at most 250000 tz, fee 0.001 tz"), "{words}");

    for (mode, code, verdict) in [
        ("", 1, "verdict: refused: limit max_amount is 1 tz, 250000 tz was asked"),
        (
            "mode: observe, ",
            0,
            "verdict: allowed, but `limits.mode: enforce` would refuse it: limit max_amount is 1 tz",
        ),
    ] {
        let policy =
            format!("{{allow: {{generic: [increase_paid_storage]}}, limits: {{{mode}max_amount: 1tz}}}}");
        place.file("signer.yaml", &config(&policy));
        let run = place.run(&["policy", "explain", "-c", "signer.yaml", &storage()]);
        assert_eq!(run.code, Some(code), "{}", run.stderr);
        assert!(run.stdout.contains(verdict), "{}", run.stdout);
        assert!(run.stdout.contains("for limits it spends 250000 tz"), "{}", run.stdout);
    }
    let shown = place.json(&["policy", "explain", "-c", "signer.yaml", "--json", &storage()]);
    assert!(shown["policy"]["would_refuse"].as_str().unwrap().starts_with("limit max_amount"), "{shown}");
}

#[test]
fn permissions_of_a_token_narrow_and_unknown_ones_are_told_their_names() {
    let place = Place::new();
    place.file("signer.yaml", &config("{allow: {generic: [failing_noop]}}"));
    let ask = |permissions: &[&str]| {
        let permissions = permissions.iter().flat_map(|name| ["--permission", name]);
        let asked: Vec<&str> = ["policy", "explain", "-c", "signer.yaml", "--user", "alice", NOOP]
            .into_iter()
            .chain(permissions)
            .collect();
        place.run(&asked)
    };
    assert_eq!(ask(&["generic:failing_noop"]).code, Some(0));
    assert_eq!(ask(&["block", "generic"]).code, Some(0));
    let run = ask(&["generic:transaction"]);
    assert_eq!(run.code, Some(1), "{}", run.stdout);
    assert!(run.stderr.contains("the token does not permit `generic:failing_noop'"), "{}", run.stderr);
    for (name, hint) in [
        ("transaction", "hint: did you mean `generic:transaction`?"),
        ("generic:block", "hint: did you mean `block`?"),
        ("generic:set_companion_key", "hint: did you mean `generic:update_companion_key`?"),
        ("atestation", "hint: did you mean `attestation`?"),
        ("generic:ballot:yes", "hint: a vote is `ballot:yay`, `ballot:nay` or `ballot:pass`"),
        ("x", "hint: `jwtis policy list-kinds` prints the names"),
    ] {
        refused(&ask(&[name]), 2, &format!("a token has no permission `{name}`"));
        let run = ask(&[name]);
        assert!(run.stderr.contains(hint), "{name}: {}", run.stderr);
    }
    refused(&place.run(&["policy", "explain", "--permission", "block", NOOP]), 2, "--user");
}
