//! `jwtis dev --signer`: what it prints works as it stands.

use jwtis_testkit::process::{Place, Run};

#[test]
fn dev_with_a_signer_prints_lines_that_run() {
    let place = Place::new();
    let arguments = ["dev", "--listen", "127.0.0.1:0", "--signer", "--signer-address", "127.0.0.1:0"];
    let server = place.start(&arguments);
    let lines: Vec<&str> = server.stdout.lines().filter(|line| line.starts_with("curl")).collect();
    let [
        issue,
        verify,
        jwks,
        renew,
        revoke,
        public_key,
        transfer,
        delegation,
        attestation,
        second,
        login,
        revoke_signer,
    ] = lines[..]
    else {
        panic!("{lines:#?}")
    };
    for line in [issue, verify, jwks, renew, revoke] {
        assert!(place.shell_ok(line).starts_with('{'), "{line}");
    }
    for (line, wanted) in [
        (public_key, r#"{"public_key":"edpk"#),
        (transfer, r#"{"signature":"edsig"#),
        (delegation, "operation `delegation' is not allowed"),
        (attestation, r#"{"signature":"edsig"#),
        (attestation, r#"{"signature":"edsig"#),
        (second, "watermark validation failed"),
        (login, "eyJ"),
    ] {
        let answer = place.shell_ok(line);
        assert!(answer.contains(wanted), "{line}\n{answer}");
    }

    let script: Vec<&str> = server
        .stdout
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("export ") || *line == "jwtis login")
        .collect();
    let run = Run::of(place.command("sh", &["-ec", &script.join("\n")]).output().unwrap());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let key = public_key.split("/keys/").nth(1).unwrap().split(' ').next().unwrap();
    let line = format!(
        "curl -sS {}/keys/{key} -H 'username: bob' -H 'Authorization: Bearer {}'",
        server.export("JWTIS_SIGNER_URL"),
        run.stdout.trim()
    );
    assert!(place.shell_ok(&line).contains("public_key"));

    assert_eq!(place.shell_ok(revoke_signer), "{}");
    assert!(!place.shell_ok(public_key).contains("public_key"), "a revoked token still opens the signer");
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn the_signer_of_dev_is_for_this_machine_only() {
    let place = Place::new();
    let run = place.run(&["dev", "-l", "127.0.0.1:0", "--signer", "--signer-address", "0.0.0.0:0"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
    assert_eq!(
        place.run(&["dev", "--signer-address", "127.0.0.1:0"]).code,
        Some(2),
        "it has no use without --signer"
    );
}
