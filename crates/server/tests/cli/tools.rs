//! The commands beside the server: configuration, clients, tokens, inspect, dev, completions.

use std::fs;

use jwtis_testkit::process::{Place, Run, get};
use serde_json::json;

use crate::fixture;

#[test]
fn config_faults_are_listed_together_with_their_places() {
    let mut place = Place::new();
    place.file("jwtis.yaml", "issuer:\n  listn: 127.0.0.1:1\n  expiry: soon\nstore:\n  pth: x\n");
    place.set("JWTIS_CONT_ENC", "A256CBC");
    for command in [&["config", "check"][..], &["serve"], &[]] {
        let arguments: Vec<&str> =
            command.iter().copied().chain(["-c", "jwtis.yaml", "--sigAlg", "ES257"]).collect();
        let run = place.run(&arguments);
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert_eq!(run.stdout, "");
        for wanted in [
            "error: the configuration has 5 faults",
            "jwtis.yaml:2:3: unknown key `listn`; did you mean `listen`?",
            "jwtis.yaml:3:11: issuer.expiry: ",
            "jwtis.yaml:5:3: unknown key `pth`; did you mean `path`?",
            "--sigAlg: ",
            "JWTIS_CONT_ENC: ",
            "hint: ",
        ] {
            assert!(run.stderr.contains(wanted), "{wanted} is not in\n{}", run.stderr);
        }
    }
    assert!(!place.path().join("data").exists());
}

#[test]
fn config_show_prints_values_with_their_sources_and_no_secret() {
    let mut place = Place::new();
    place.file("jwtis.yaml", "issuer:\n  listen: 127.0.0.1:1\n  name: file\n  expiry: 1000h\n");
    place.set("JWTIS_ADDRESS", "127.0.0.1:2");
    place.set("JWTIS_NAME", "env");
    place.set("JWTIS_PSWD", "s3cret");
    let shown = place.json(&["config", "show", "--json", "-c", "jwtis.yaml", "-l", "127.0.0.1:3"]);
    for (name, value, source) in [
        ("issuer.listen", "127.0.0.1:3", "--listen"),
        ("issuer.name", "env", "JWTIS_NAME"),
        ("issuer.expiry", "1000h", "jwtis.yaml:4:11"),
        ("issuer.auth_ttl", "72h", "default"),
    ] {
        assert_eq!(shown[name], json!({ "value": value, "source": source }), "{name}");
    }
    assert_eq!(shown["store.password"], json!({ "value": null, "source": "JWTIS_PSWD", "given": true }));
    let table = place.ok(&["config", "show", "-c", "jwtis.yaml"]);
    assert!(table.contains("issuer.name") && table.contains("JWTIS_NAME"), "{table}");
    assert!(!table.contains("s3cret"), "{table}");
}

#[test]
fn a_signatory_file_is_accepted_with_warnings_and_refused_when_strict() {
    let place = Place::new();
    let file = "server:\n  addres: :6732\nvaults:\n  kms: {driver: awskms}\ntezos:\n  tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q:\n";
    place.file("signatory.yaml", file);
    let run = place.run(&["config", "check", "signatory.yaml"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let said = format!("{}{}", run.stdout, run.stderr);
    for wanted in [
        "warning: signatory.yaml:2:3: unknown key `addres`; did you mean `address`?",
        "warning: signatory.yaml:4:17: this build cannot open the vault `kms`",
        "note: signatory.yaml:6:3: tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q: `attestation` does not include",
        "the configuration is valid",
    ] {
        assert!(said.contains(wanted), "{wanted} is not in\n{said}");
    }
    let run = place.run(&["config", "check", "signatory.yaml", "--strict-config"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("the configuration has 2 faults"), "{}", run.stderr);
}

#[test]
fn config_show_prints_the_signer_with_each_policy_in_a_line_and_no_secret() {
    let place = Place::new();
    let file = "server: {jwt: {users: {ops: {password: Long-Enough-Pass-1, secret: A-Secret-Of-At-Least-32-Bytes-0001}}}}\nvaults:\n  m: {driver: mem, config: [edsk4FTF78Qf1m2rykGpHqostAiq5gYW4YZEoGUSWBTJr2njsDHSnd]}\ntezos:\n  tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q: {jwt_users: [ops], allow: {generic: [transaction]}, limits: {max_amount: 5tz}}\n";
    place.file("jwtis.yaml", file);
    let policy = "allow: {generic: [transaction]}; jwt_users: [ops]; limits: mode enforce, max_amount 5 tz";
    let table = place.ok(&["config", "show", "-c", "jwtis.yaml", "--signer-address", "127.0.0.1:7000"]);
    let json = place.json(&["config", "show", "-c", "jwtis.yaml", "--json"]);
    for wanted in [policy, "server.jwt.users", "[ops]", "mem, 1 key(s) in the file", "127.0.0.1:7000"] {
        assert!(table.contains(wanted), "{wanted} is not in\n{table}");
    }
    assert_eq!(json["signer"]["tezos.tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q"], policy);
    for secret in ["Long-Enough", "A-Secret", "edsk4"] {
        assert!(!table.contains(secret) && !json.to_string().contains(secret), "{table}\n{json}");
    }
    place.file("jwtis.yaml", "log:\n");
    assert!(place.json(&["config", "show", "-c", "jwtis.yaml", "--json"])["signer"].is_null());
}

#[test]
fn clients_and_tokens_make_the_round() {
    let mut place = Place::new();
    let server = place.serve(&[]);
    place.set("JWTIS_URL", &server.url);

    let run = place.run(&["client", "register", "shop"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(
        run.stderr.contains("(unauthorized)") && run.stderr.contains("hint: give the admin token"),
        "{}",
        run.stderr
    );

    place.set("JWTIS_ADMIN_TOKEN", &server.export("JWTIS_ADMIN_TOKEN"));
    let options =
        ["--sig-alg", "EdDSA", "--auth-ttl", "15m", "--refresh-strategy", "refreshBoth", "--audience", "api"];
    let shop: Vec<&str> = ["client", "register", "shop", "--json"].into_iter().chain(options).collect();
    let registered = place.json(&shop);
    assert_eq!(registered["pub_sig_key"]["alg"], "EdDSA");
    let run = place.run(&["client", "register", "shop"]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("(kid_taken)"), "{}", run.stderr);
    assert!(place.ok(&["client", "list"]).contains("shop"));
    assert_eq!(place.json(&["client", "list", "--json"])["clients"][0]["kid"], "shop");
    let shown = place.ok(&["client", "show", "shop"]);
    assert!(shown.contains("15m0s") && shown.contains("active"), "{shown}");

    place.unset("JWTIS_ADMIN_TOKEN");
    place.set("JWTIS_CLIENT_TOKEN", registered["client_token"].as_str().unwrap());
    let issued = place.json(&[
        "token",
        "issue",
        "shop",
        "--sub",
        "alice",
        "--claims",
        r#"{"role":"O'Brien"}"#,
        "--json",
    ]);
    let (access, refresh) =
        (issued["access_token"].as_str().unwrap(), issued["refresh_token"].as_str().unwrap());
    let active = place.ok(&["token", "verify", "shop", access, "--refresh-token", refresh]);
    assert!(active.contains("O'Brien") && active.contains("belongs to it"), "{active}");
    let renewed = place.json(&["token", "renew", "shop", refresh, "--json"]);
    assert_ne!(renewed["refresh_token"], refresh);
    assert!(place.ok(&["client", "renew-keys", "shop"]).contains("signing key"));
    place.ok(&["token", "verify", "shop", access]);
    assert_eq!(
        place.ok(&["token", "revoke", "shop", "--id", issued["id"].as_str().unwrap()]).trim(),
        "revoked"
    );
    let run = place.run(&["token", "verify", "shop", access]);
    assert_eq!(run.code, Some(1));
    assert!(run.stderr.contains("not active: revoked"), "{}", run.stderr);
    assert_eq!(place.run(&["token", "revoke", "shop"]).code, Some(2), "one target is required");

    let run = place.run(&["client", "delete", "shop"]);
    assert_eq!(run.code, Some(1), "a client does not delete itself");
    place.set("JWTIS_ADMIN_TOKEN", &server.export("JWTIS_ADMIN_TOKEN"));
    assert_eq!(place.ok(&["client", "disable", "shop"]).trim(), "shop is disabled");
    assert!(place.ok(&["client", "list"]).contains("disabled"));
    let run = place.run(&["token", "issue", "shop"]);
    assert!(run.stderr.contains("(client_disabled)"), "{}", run.stderr);
    assert_eq!(place.ok(&["client", "enable", "shop"]).trim(), "shop is enabled");
    place.ok(&["token", "issue", "shop"]);
    assert!(place.ok(&["client", "delete", "shop"]).contains("deleted"));
    assert_eq!(place.run(&["client", "show", "shop"]).code, Some(1));
}

#[test]
fn claims_come_from_a_file_or_standard_input_and_duplicates_are_refused_here() {
    let mut place = Place::new();
    let server = place.start(&["dev", "-l", "127.0.0.1:0"]);
    for name in ["JWTIS_URL", "JWTIS_CLIENT_TOKEN"] {
        place.set(name, &server.export(name));
    }
    let file = format!("@{}", place.file("claims.json", r#"{"from":"file"}"#));
    let issued = place.json(&["token", "issue", "demo", "--claims", &file, "--json"]);
    assert!(place.ok(&["token", "inspect", issued["access_token"].as_str().unwrap()]).contains("from"));
    let line = "echo '{\"a\":1}' | jwtis token issue demo --claims -";
    assert!(place.shell(line).stdout.contains("access token"));
    let run = place.run(&["token", "issue", "demo", "--claims", r#"{"a":1,"a":2}"#]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
}

#[test]
fn inspect_tells_good_expired_tampered_and_garbage_apart() {
    let mut place = Place::new();
    let server = place.start(&["dev", "-l", "127.0.0.1:0"]);
    for name in ["JWTIS_URL", "JWTIS_CLIENT_TOKEN"] {
        place.set(name, &server.export(name));
    }
    let issued = place.json(&["token", "issue", "demo", "--sub", "alice", "--json"]);
    let (access, refresh) =
        (issued["access_token"].as_str().unwrap(), issued["refresh_token"].as_str().unwrap());
    let jwks = format!("{}/keys/demo/jwks.json", server.url);

    let text = place.ok(&["token", "inspect", access, "--jwks", &jwks]);
    assert!(
        text.contains("an access token") && text.contains("yes, by key") && text.contains("alice"),
        "{text}"
    );
    let (_, keys) = get(&jwks);
    let file = place.file("jwks.json", &keys);
    server.stop();

    let text = place.ok(&["token", "inspect", access, "--jwks", &file]);
    assert!(text.contains("yes, by key"), "{text}");
    assert!(place.ok(&["token", "inspect", access]).contains("not verified: anybody"));
    assert!(place.ok(&["token", "inspect", refresh]).contains("a refresh token"));
    let line = format!("echo {access} | jwtis token inspect - --json --jwks {file}");
    let run = place.shell(&line);
    let seen: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&seen["verified"], &seen["expired"]), (&json!(true), &json!(false)), "{seen}");

    let tampered = access.replacen('.', ".A", 1);
    let run = place.run(&["token", "inspect", &tampered, "--jwks", &file]);
    assert_eq!(run.code, Some(1), "{}", run.stdout);
    for garbage in ["", "garbage", "a.b.c", "..", "eyJhbGciOiJub25lIn0.e30."] {
        let run = place.run(&["token", "inspect", garbage]);
        assert_eq!(run.code, Some(1), "{garbage:?}: {}", run.stderr);
        assert!(run.stderr.contains("error: ") && run.stderr.contains("hint: "), "{}", run.stderr);
    }
}

/// RFC 7515 appendix A.3: a token that expired in 2011, with its key.
#[test]
fn inspect_says_how_long_ago_a_token_expired() {
    let place = Place::new();
    let token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let jwks = place.file(
        "jwks.json",
        r#"{"keys":[{"kty":"EC","alg":"ES256","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#,
    );
    let run = place.run(&["token", "inspect", token, "--jwks", &jwks]);
    assert_eq!(run.code, Some(1));
    assert!(run.stdout.contains("by             joe") || run.stdout.contains("joe"), "{}", run.stdout);
    assert!(
        run.stdout.contains("years ago")
            && run.stderr.contains("the signature is right, but the token expired"),
        "{}\n{}",
        run.stdout,
        run.stderr
    );
}

#[test]
fn dev_prints_lines_that_run() {
    let place = Place::new();
    let server = place.start(&["dev", "--listen", "127.0.0.1:0"]);
    let lines: Vec<&str> = server.stdout.lines().filter(|line| line.starts_with("curl")).collect();
    assert_eq!(lines.len(), 5, "{lines:?}");
    let answers: Vec<serde_json::Value> =
        lines.iter().map(|line| serde_json::from_str(&place.shell_ok(line)).unwrap()).collect();
    assert_eq!(answers[0]["token_type"], "Bearer", "{answers:?}");
    assert_eq!(answers[1]["active"], true, "{answers:?}");
    assert_eq!(answers[2]["keys"][0]["alg"], "ES256", "{answers:?}");
    assert_eq!(answers[3]["token_type"], "Bearer", "{answers:?}");
    assert_eq!(answers[4], json!({}), "{answers:?}");
    let again: serde_json::Value = serde_json::from_str(&place.shell_ok(lines[1])).unwrap();
    assert_eq!(again["active"], false, "{again}");

    let script: Vec<&str> = server
        .stdout
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("export ") || line.starts_with("jwtis token"))
        .collect();
    let run = Run::of(place.command("sh", &["-ec", &script.join("\n")]).output().unwrap());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(server.stop().code, Some(0));
    assert_eq!(
        fs::read_dir(place.path())
            .unwrap()
            .filter(|e| e.as_ref().unwrap().file_name() != "stderr.log")
            .count(),
        0
    );
}

#[test]
fn completions_are_printed_for_every_shell() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        assert!(place.ok(&["completions", shell]).contains("jwtis"), "{shell}");
    }
    let script = place.ok(&["completions", "bash"]);
    for wanted in ["export-public", "watermark", "list-kinds", "hash-password", "login"] {
        assert!(script.contains(wanted), "{wanted}");
    }
    assert_eq!(place.run(&["completions", "tcsh"]).code, Some(2));
}

#[test]
fn usage_errors_end_with_2_and_help_with_0() {
    let place = Place::new();
    for arguments in
        [&["--nonsense"][..], &["frobnicate"], &["client"], &["-l"], &["--tls", "client", "list"]]
    {
        let run = place.run(arguments);
        assert_eq!(run.code, Some(2), "{arguments:?}: {}", run.stderr);
        assert_eq!(run.stdout, "", "{arguments:?}");
    }
    assert!(place.ok(&["--help"]).contains("--sigAlg"));
    assert_eq!(place.ok(&["-V"]).trim(), concat!("jwtis ", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let place = Place::new();
    let line = "{ jwtis completions bash; echo $? > code; } 2> stderr | head -c 1 > /dev/null";
    assert!(place.command("sh", &["-c", line]).status().unwrap().success());
    assert_eq!(fs::read_to_string(place.path().join("code")).unwrap().trim(), "0");
    assert_eq!(fs::read_to_string(place.path().join("stderr")).unwrap(), "");
}

#[test]
fn a_server_that_is_not_there_is_said_with_a_hint() {
    let place = Place::new();
    let run = place.run(&["client", "list", "--url", "http://127.0.0.1:1"]);
    assert_eq!(run.code, Some(1));
    assert!(
        run.stderr.contains("no answer from http://127.0.0.1:1")
            && run.stderr.contains("hint: is the server running"),
        "{}",
        run.stderr
    );
    assert_eq!(place.run(&["client", "list", "--url", "nonsense"]).code, Some(2));
}

#[test]
fn https_is_spoken_on_both_sides_and_an_untrusted_certificate_is_refused() {
    let mut place = Place::new();
    let file = |name: &str| fixture(&format!("http/server/{name}"));
    let (cert, key) = (file("certificate.pem"), file("key.pem"));
    let server = place.serve(&["--tls", "--certFile", &cert, "--keyFile", &key]);
    assert!(server.url.starts_with("https://"), "{}", server.url);
    place.set("JWTIS_URL", &server.url);
    place.set("JWTIS_ADMIN_TOKEN", &server.export("JWTIS_ADMIN_TOKEN"));
    place.ok(&["client", "register", "shop", "--ca-cert", &cert]);
    let run = place.run(&["client", "list", "--ca-cert", &key]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    let run = place.run(&["client", "list"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("--ca-cert"), "{}", run.stderr);
    let run =
        place.run(&["--tls", "--certFile", &cert, "--keyFile", &file("other-key.pem"), "-l", "127.0.0.1:0"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("cannot be used together"), "{}", run.stderr);
}

#[test]
fn a_password_is_asked_for_on_a_terminal() {
    let mut place = Place::new();
    let server = place.serve(&[]);
    place.set("ANSWER", &server.export("JWTIS_PSWD"));
    server.stop();
    // `script` makes the terminal; where it is missing there is nothing to test with.
    if place.command("script", &["--version"]).output().is_err() {
        return;
    }
    let line = r#"printf '%s\n' "$ANSWER" | script -qec 'jwtis store check' /dev/null"#;
    let run = place.shell(line);
    assert_eq!(run.code, Some(0), "{}\n{}", run.stdout, run.stderr);
    assert!(
        run.stdout.contains("Password for ./data/keys.db: ") && run.stdout.contains("is whole"),
        "{}",
        run.stdout
    );
}

#[test]
fn settings_reach_the_issuer() {
    let mut place = Place::new();
    let flags = [
        "--open-registration",
        "--profile",
        "strict",
        "--allow-rsa1_5",
        "--sigAlg",
        "EdDSA",
        "--encAlg",
        "RSA1_5",
    ];
    let server = place.serve(&flags);
    place.set("JWTIS_URL", &server.url);
    let registered = place.json(&["client", "register", "shop", "--json"]);
    assert_eq!(registered["pub_sig_key"]["alg"], "EdDSA");
    assert_eq!(registered["pub_enc_key"]["alg"], "RSA1_5");
    place.set("JWTIS_CLIENT_TOKEN", registered["client_token"].as_str().unwrap());
    let shown = place.json(&["client", "show", "shop", "--json"]);
    assert_eq!((&shown["auth_ttl"], &shown["refresh_ttl"]), (&json!("15m0s"), &json!("72h0m0s")));
    let run = server.stop();
    assert!(!run.stderr.contains("WARN"), "short lifetimes are nothing to warn of: {}", run.stderr);
    let events: Vec<serde_json::Value> =
        run.stderr.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told = |event: &str, by: &str| {
        events
            .iter()
            .any(|line| line["target"] == "jwtis::audit" && line["event"] == event && line["by"] == by)
    };
    assert!(told("client_registered", "anybody"), "the audit trail is told without -v: {}", run.stderr);
}

#[test]
fn without_an_issuer_no_store_is_made_and_with_nothing_at_all_there_is_nothing_to_serve() {
    let place = Place::new();
    place.file("jwtis.yaml", "issuer: {enabled: false}\n");
    let run = place.run(&["-c", "jwtis.yaml", "--utility-address", "off"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert!(run.stderr.contains("nothing to serve"), "{}", run.stderr);
    assert!(!place.path().join("data").exists());
}
