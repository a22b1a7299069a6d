//! What the process does about its surroundings: logs that nobody reads, memory with secrets, passwords that come by several ways,
//! certificates that are replaced.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{FileExt as _, PermissionsExt};
use std::path::Path;
use std::process::Stdio;

use jwtis_store::{KdfParams, Password, create_redb};
use jwtis_testkit::process::{Place, get};

use crate::{PASSWORD, SERVE, fixture, with_store};

const TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.AAAA";

/// A store under another password, made by `jwtis_store` itself.
fn store_under(password: &str) -> Place {
    let place = Place::new();
    fs::create_dir(place.path().join("data")).unwrap();
    drop(create_redb(&place.store(), &Password::new(password), KdfParams::cheap_for_tests()).unwrap());
    place
}

#[test]
fn a_reader_of_the_log_who_stalls_stops_neither_requests_nor_the_end() {
    let place = with_store();
    let arguments = ["-l", "127.0.0.1:0", "--utility-address", "off", "-v", "--log-format", "json"];
    let mut command = place.command("jwtis", &arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let url =
        lines.find_map(|line| line.split_once(" is listening on ").map(|(_, url)| url.to_owned())).unwrap();
    // A pipe holds 64 KiB, and each request has a line of more than 100 bytes.
    for _ in 0..1500 {
        assert_eq!(get(&format!("{url}/ping")).0, 200);
    }
    let kill = std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(kill.unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn the_memory_of_a_running_server_is_not_dumped_and_its_heap_holds_no_password() {
    let place = with_store();
    let server = place.serve(&[]);
    let process = Path::new("/proc").join(server.pid().to_string());
    let limits = fs::read_to_string(process.join("limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");

    // Only root reads the memory of a process that is not dumpable.
    let Ok(memory) = fs::File::open(process.join("mem")) else {
        eprintln!("SKIPPED: the heap can be read by root alone");
        return assert!(std::env::var_os("CI").is_none(), "CI runs as root");
    };
    let maps = fs::read_to_string(process.join("maps")).unwrap();
    let mut looked_at = 0;
    for line in maps.lines().filter(|line| line.contains(" rw") && !line.contains("[stack]")) {
        let (from, to) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let [from, to] = [from, to].map(|text| u64::from_str_radix(text, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
        if memory.read_exact_at(&mut bytes, from).is_err() {
            continue;
        }
        looked_at += bytes.len();
        let found = bytes.windows(PASSWORD.len()).any(|part| part == PASSWORD.as_bytes());
        assert!(!found, "the password is in memory: {line}");
    }
    assert!(looked_at > 1024 * 1024, "{looked_at} bytes");
}

#[test]
fn a_password_is_the_same_in_a_variable_and_in_a_file_with_line_end_and_byte_order_mark() {
    let mut place = Place::new();
    let check = ["store", "check", "-d", "data/keys.db"];
    place.set("JWTIS_PSWD", &format!("{PASSWORD}\n"));
    let server = place.serve(&[]);
    server.stop();
    assert_eq!(place.run(&check).code, Some(0));
    place.set("JWTIS_PSWD", PASSWORD);
    assert_eq!(place.run(&check).code, Some(0));
    place.unset("JWTIS_PSWD");
    for bytes in [format!("{PASSWORD}\n"), format!("{PASSWORD}\r\n"), format!("\u{feff}{PASSWORD}\n")] {
        place.file("pw", &bytes);
        let run = place.run(&[&check[..], &["--pswd-file", "pw"]].concat());
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{bytes:?}");
    }
}

#[test]
fn a_new_password_with_a_control_character_makes_no_store() {
    let mut place = Place::new();
    place.set("JWTIS_PSWD", "s3cret\nsecond line");
    let run = place.run(&SERVE);
    assert_eq!(run.code, Some(2));
    assert!(
        run.stderr.contains("JWTIS_PSWD: the secret holds the control character U+000A"),
        "{}",
        run.stderr
    );
    assert!(!place.store().exists());
}

#[test]
fn a_store_that_was_made_with_the_line_end_or_the_mark_still_opens() {
    let mut place = store_under(&format!("{PASSWORD}\n"));
    place.set("JWTIS_PSWD", &format!("{PASSWORD}\n"));
    let run = place.run(&["store", "check"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.contains("`jwtis store passwd` gives it a better one"), "{}", run.stderr);

    let place = store_under(&format!("\u{feff}{PASSWORD}"));
    place.file("pw", &format!("\u{feff}{PASSWORD}\n"));
    assert_eq!(place.run(&["store", "check", "--pswd-file", "pw"]).code, Some(0));
}

#[test]
fn a_store_that_others_can_read_or_replace_is_warned_of() {
    let place = with_store();
    fs::set_permissions(place.store(), PermissionsExt::from_mode(0o644)).unwrap();
    fs::set_permissions(place.path().join("data"), PermissionsExt::from_mode(0o777)).unwrap();
    let log = place.serve(&[]).stop().stderr;
    assert!(log.contains("everybody on this machine can read or write the store"), "{log}");
    assert!(log.contains("everybody on this machine can replace files in the store's folder"), "{log}");
    assert!(log.contains("JWTIS_PSWD: the environment of a process"), "{log}");
}

#[test]
fn sighup_replaces_the_certificate() {
    let place = with_store();
    let put = |prefix: &str| {
        for (name, mode) in [("certificate.pem", 0o644), ("key.pem", 0o600)] {
            let from = fixture(&format!("http/server/{prefix}{name}"));
            fs::copy(from, place.path().join(name)).unwrap();
            fs::set_permissions(place.path().join(name), PermissionsExt::from_mode(mode)).unwrap();
        }
    };
    put("");
    let server = place.serve(&["--tls", "--certFile", "certificate.pem", "--keyFile", "key.pem"]);
    put("renewed-");
    server.send("HUP");
    let reach = || {
        place.run(&[
            "token",
            "inspect",
            TOKEN,
            "--jwks",
            &format!("{}/keys/x/jwks.json", server.url),
            "--ca-cert",
            "certificate.pem",
        ])
    };
    let replaced = (0..1000).any(|_| !reach().stderr.contains("certificate"));
    assert!(replaced, "{}\n{}", reach().stderr, server.log());
    let page = get(&format!("{}/metrics", server.utility_url())).1;
    assert!(page.contains("jwtis_tls_certificate_days_left{listener=\"issuer\"} 36"), "{page}");
    let log = server.stop().stderr;
    assert!(log.contains("certificate_reloaded"), "{log}");
}

#[test]
fn inspect_reads_what_people_paste() {
    let place = Place::new();
    for pasted in [
        TOKEN.to_owned(),
        format!("Bearer {TOKEN}"),
        format!("bearer   {TOKEN}\n"),
        format!("\"{TOKEN}\""),
        format!("Authorization: Bearer {TOKEN}"),
        format!("'authorization: {TOKEN}'"),
    ] {
        assert!(place.ok(&["token", "inspect", &pasted]).contains("header alg  ES256"), "{pasted}");
    }
    let run = place.run(&["token", "inspect", "eyJhbGciOiJub25lIn0.eyJpc3MiOiJqb2UifQ."]);
    assert!(run.stderr.contains("algorithm `none`: nobody signed it"), "{}", run.stderr);
}

#[test]
fn a_pipe_in_the_place_of_a_certificate_holds_up_neither_reloads_nor_the_stop() {
    let place = with_store();
    for name in ["certificate.pem", "key.pem"] {
        let from = fixture(&format!("http/server/{name}"));
        fs::copy(from, place.path().join(name)).unwrap();
    }
    let server = place.serve(&["--tls", "--certFile", "certificate.pem", "--keyFile", "key.pem"]);
    fs::remove_file(place.path().join("certificate.pem")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(place.path().join("certificate.pem")).status();
    assert!(made.unwrap().success());
    server.send("HUP");
    let said = (0..1_000_000).any(|_| server.log().contains("is not a file any more"));
    assert!(said, "{}", server.log());
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn sighup_does_not_end_a_start() {
    let place = with_store();
    let arguments = ["-l", "127.0.0.1:0", "--utility-address", "off", "--log-format", "json"];
    let mut command = place.command("jwtis", &arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The first line of the log comes before the ports are bound and the store is open.
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let first = log.next().unwrap();
    let process = child.id().to_string();
    let kill = |name: &str| {
        let status = std::process::Command::new("kill").args([name, &process]).status();
        assert!(status.unwrap().success());
    };
    kill("-HUP");
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.contains(" is listening on ")), "{first}");
    kill("-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
