//! `jwtis login` and `jwtis hash-password`, against a running signer.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::thread::JoinHandle;

use jwtis_testkit::process::Place;

use crate::{TZ1, refused};

const PASSWORD: &str = "Long-Enough-Pass-1";

/// A signer that answers once, and gives what it was asked.
fn answering(answer: &'static str) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let head = BufReader::new(stream.try_clone().unwrap()).lines().map(Result::unwrap);
        let head: Vec<String> = head.take_while(|line| !line.is_empty()).collect();
        stream.write_all(answer.as_bytes()).unwrap();
        head
    });
    (url, thread)
}

fn answer(status: &str, body: &str) -> &'static str {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len()).leak()
}

#[test]
fn name_and_password_go_in_headers_and_the_token_alone_comes_out() {
    let mut place = Place::new();
    place.file("password", &format!("{PASSWORD}\n"));
    for (input, arguments, variable) in
        [(PASSWORD, &[][..], None), ("", &["--password-file", "password"], None), ("", &[], Some(PASSWORD))]
    {
        place.unset("JWTIS_LOGIN_PASSWORD");
        if let Some(value) = variable {
            place.set("JWTIS_LOGIN_PASSWORD", value);
        }
        let (url, server) = answering(answer("201 Created", "a.b.c"));
        let url = format!("{url}/");
        let asked = [&["login", "--url", &url, "--user", "payouts"], arguments].concat();
        let run = place.piped(input, &asked);
        assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (Some(0), "a.b.c\n", ""));
        let head = server.join().unwrap();
        assert_eq!(head.first().unwrap(), "POST /login HTTP/1.1");
        for wanted in ["username: payouts", &format!("password: {PASSWORD}")] {
            assert!(head.iter().any(|line| line == wanted), "{wanted} is not in {head:?}");
        }
    }
}

#[test]
fn every_refusal_has_its_words_and_its_hint() {
    let place = Place::new();
    for (given, wanted, hint) in [
        (answer("401 Unauthorized", "Access denied"), "the signer says no: Access denied", "check the name"),
        (
            answer("404 Not Found", "this path is not served here\n"),
            "nobody can log in there",
            "server.jwt.users",
        ),
        (answer("429 Too Many Requests\r\nRetry-After: 17", ""), "too many logins have failed", "wait 17 s"),
        (answer("500 Internal Server Error", "x"), "failed with 500: x", "its log says why"),
        (answer("200 OK", "<html>\x1b[31m"), "that is no signer", "--url"),
        (answer("301 Moved\r\nLocation: http://127.0.0.1:1/", ""), "that is no signer", "--url"),
    ] {
        let (url, server) = answering(given);
        let run = place.piped(PASSWORD, &["login", "--url", &url, "--user", "payouts"]);
        refused(&run, 1, wanted);
        assert!(run.stderr.contains(hint) && !run.stderr.contains('\x1b'), "{}", run.stderr);
        assert!(!run.stderr.contains(PASSWORD), "{}", run.stderr);
        server.join().unwrap();
    }
    refused(&place.piped(PASSWORD, &["login", "--url", "http://127.0.0.1:1", "--user", "x"]), 1, "no answer");
    refused(&place.piped(PASSWORD, &["login"]), 2, "nobody says who logs in");
    refused(&place.piped("", &["login", "--user", "x"]), 2, "standard input has no password");
    refused(&place.piped("a\nb\n", &["login", "--user", "x"]), 2, "more than one line");
    refused(&place.piped(" padded", &["login", "--user", "x"]), 2, "cannot be sent in a header");
    refused(&place.piped(PASSWORD, &["login", "--url", "signer", "--user", "x"]), 2, "is not a URL");
}

#[test]
fn https_to_a_listener_without_tls_is_said_to_be_that() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(answer("400 Bad Request", "").as_bytes()).unwrap();
        // Until the client goes away; closed before, it would look like a lost connection.
        drop(std::io::copy(&mut stream, &mut std::io::sink()));
    });
    let run = Place::new().piped(PASSWORD, &["login", "--url", &url, "--user", "x"]);
    refused(&run, 1, "hint: what listens there does not speak TLS");
    server.join().unwrap();
}

#[test]
fn a_hash_is_printed_alone_and_a_weak_password_gets_none() {
    let place = Place::new();
    let hash = |password: &str| place.piped(password, &["hash-password"]);
    let (one, other) = (hash(PASSWORD), hash(&format!("{PASSWORD}\n")));
    for run in [&one, &other] {
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
        assert!(run.stdout.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", run.stdout);
        assert_eq!(run.stdout.lines().count(), 1);
    }
    assert_ne!(one.stdout, other.stdout, "each has its own salt");
    for (password, wanted) in [
        ("Short-1", "at least 16 characters"),
        ("long-enough-pass-1", "uppercase"),
        ("LONG-ENOUGH-PASS-1", "lowercase"),
        ("Long-Enough-Pass-X", "digit"),
        ("LongEnoughPassword1", "special"),
        (" Long-Enough-Pass-1", "no spaces at its ends"),
        ("", "standard input has no password"),
        ("Long-Enough-Pass-1\nLong-Enough-Pass-1", "more than one line"),
    ] {
        refused(&hash(password), 2, wanted);
    }
    refused(&place.run(&["hash-password", PASSWORD]), 2, "unexpected argument");
}

#[test]
fn a_user_with_a_hashed_password_logs_in_to_a_real_signer() {
    let place = crate::with_store();
    let hash = place.piped(PASSWORD, &["hash-password"]).stdout;
    place.file(
        "signer.yaml",
        &format!(
            "issuer: {{enabled: false}}\nstore: {{path: data/keys.db}}\nbase_dir: .\nserver:\n  address: 127.0.0.1:0\n  utility_address: 127.0.0.1:0\n  jwt:\n    users:\n      payouts: {{password: '{}', secret: 'A-Secret-Of-At-Least-32-Bytes-0001'}}\nvaults: {{s: {{driver: store}}}}\ntezos: {{{TZ1}: }}\n",
            hash.trim_end()
        ),
    );
    let server = place.start(&["serve", "-c", "signer.yaml"]);
    let login = |password: &str| place.piped(password, &["login", "--url", &server.url, "--user", "payouts"]);
    let run = login(PASSWORD);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.stdout.trim_end().split('.').count(), 3, "{}", run.stdout);
    refused(&login("Long-Enough-Pass-2"), 1, "the signer says no: Access denied");
    assert_eq!(server.stop().code, Some(0));
}
