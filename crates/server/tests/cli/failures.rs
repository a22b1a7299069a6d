//! What a user does wrong, and what can go wrong around the program: each ends with an error that says so, a hint, and nothing half done.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::process::Stdio;

use jwtis_testkit::process::{Place, Run};

use crate::{SERVE, fixture, names, refused, with_admin, with_store};

#[test]
fn point_01_a_first_start_whose_secrets_nobody_would_see_makes_nothing() {
    for stdout in [">&-", ">/dev/null"] {
        let mut place = Place::new();
        let line = format!("exec jwtis {} {stdout}", SERVE.join(" "));
        refused(&place.shell(&line), 2, "nobody sees standard output");
        assert!(!place.path().join("data").exists(), "{stdout}");
        place.set("JWTIS_PSWD", "correct horse battery staple");
        refused(&place.shell(&line), 2, "nobody sees standard output");
        assert!(!place.path().join("data").exists(), "{stdout}");
    }
}

#[test]
fn point_01_a_first_start_with_nothing_to_show_needs_no_output() {
    let (_, admin) = with_admin();
    let mut place = Place::new();
    place.set("JWTIS_PSWD", "correct horse battery staple");
    place.set("JWTIS_ADMIN_TOKEN", &admin);
    let arguments = [&SERVE[..], &["-v"]].concat();
    let mut child =
        place.command("jwtis", &arguments).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let serves = log.any(|line| line.contains("serving"));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(serves && place.store().exists());
}

#[test]
fn point_01_what_dead_first_starts_left_is_removed_and_what_a_living_one_makes_is_not() {
    let place = Place::new();
    let data = place.path().join("data");
    fs::create_dir(&data).unwrap();
    let private = |name: &str| {
        let mut options = File::options();
        options.write(true).create_new(true).mode(0o600).open(data.join(name)).unwrap()
    };
    for dead in ["keys.db.new-1-0", "keys.db.first-start-1-00", "keys.db.first-start-1-00.new-1-0"] {
        private(dead);
    }
    let living = private("keys.db.new-2-0");
    living.lock().unwrap();
    assert_eq!(place.serve(&[]).stop().code, Some(0));
    assert_eq!(names(&data), ["keys.db", "keys.db.lock", "keys.db.new-2-0", "keys.db.witness"]);
}

#[test]
fn point_01_of_first_starts_at_once_one_makes_the_store_and_its_secrets_open_it() {
    let place = Place::new();
    let start = || {
        let mut child =
            place.command("jwtis", &SERVE).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        // The winner's output ends with its address, that of the others with their end.
        let reader = std::thread::spawn(move || {
            let mut text = String::new();
            for line in stdout.lines().map(Result::unwrap) {
                text.push_str(&line);
                text.push('\n');
                if line.contains(" is listening on ") {
                    return (text, true);
                }
            }
            (text, false)
        });
        (child, reader)
    };
    let starts: Vec<_> = (0..4).map(|_| start()).collect();
    let mut winners = Vec::new();
    for (mut child, reader) in starts {
        let (stdout, serves) = reader.join().unwrap();
        if serves {
            child.kill().unwrap();
            child.wait().unwrap();
            winners.push(stdout);
        } else {
            refused(&Run::of(child.wait_with_output().unwrap()), 1, "error: ");
        }
    }
    assert_eq!(winners.len(), 1);
    let (_, rest) = winners[0].split_once("export JWTIS_PSWD='").unwrap();
    place.ok(&["store", "check", "-p", rest.split_once("'\n").unwrap().0]);
    assert_eq!(names(&place.path().join("data")), ["keys.db", "keys.db.lock", "keys.db.witness"]);
}

#[test]
fn point_01_a_link_to_nothing_is_noticed_before_a_secret_is_shown() {
    let place = Place::new();
    symlink("gone/keys.db", place.path().join("link.db")).unwrap();
    let run = place.run(&[&SERVE[..], &["-d", "link.db"]].concat());
    refused(&run, 1, "link.db is a symbolic link to a file that is not there");
    assert_eq!(run.stdout, "");
    refused(&place.run(&["store", "info", "-d", "link.db"]), 1, "symbolic link");
}

#[test]
fn secret_files_without_end_are_refused_at_once() {
    let mut place = with_store();
    place.unset("JWTIS_PSWD");
    place.set("JWTIS_URL", "http://127.0.0.1:1");
    let long = place.file("long", &"x".repeat(64 * 1024 + 1));
    for file in ["/dev/zero", &long] {
        let option =
            |before: &[&'static str]| place.run(&before.iter().copied().chain([file]).collect::<Vec<_>>());
        for before in [
            &["store", "check", "--pswd-file"][..],
            &["-l", "127.0.0.1:0", "--utility-address", "off", "--pswd-file"],
            &["store", "passwd", "-p", "x", "--new-pswd-file"],
            &["client", "list", "--admin-token-file"],
            &["token", "issue", "shop", "--client-token-file"],
        ] {
            refused(&option(before), 2, "longer than 64 KiB");
        }
    }
    for arguments in [
        &["token", "issue", "shop", "--claims", "@/dev/zero"][..],
        &["token", "inspect", "a.b.c", "--jwks", "/dev/zero"],
        &["config", "check", "/dev/zero"],
        &["client", "list", "--url", "https://127.0.0.1:1", "--ca-cert", "/dev/zero"],
    ] {
        let run = place.run(arguments);
        // The token is looked at before the keys are.
        let code = if arguments.contains(&"inspect") { 1 } else { 2 };
        refused(&run, code, if code == 1 { "no token" } else { "longer than" });
    }
    refused(&place.shell("jwtis token inspect - < /dev/zero"), 2, "longer than 1024 KiB");
}

#[test]
fn a_fetched_backup_that_the_password_does_not_open_is_removed() {
    let (mut place, admin) = with_admin();
    let server = place.serve(&[]);
    place.set("JWTIS_URL", &server.url);
    place.set("JWTIS_ADMIN_TOKEN", &admin);
    let run = place.run(&["store", "backup", "hot.db", "-p", "wrong"]);
    refused(&run, 2, "wrong password: the backup hot.db was fetched, cannot be verified and is removed");
    assert!(!place.path().join("hot.db").exists());
    assert!(place.ok(&["store", "backup", "hot.db"]).contains("every record verifies"));
}

#[test]
fn an_admin_token_that_could_not_be_shown_is_said_to_be_replaced() {
    let place = with_store();
    let run = place.shell("jwtis store reset-admin-token > /dev/full");
    refused(&run, 1, "the admin token was replaced and could not be shown");
    assert!(run.stderr.contains("reset-admin-token"), "{}", run.stderr);
    for stdout in [">&-", "> /dev/null"] {
        let before = fs::read(place.store()).unwrap();
        refused(&place.shell(&format!("jwtis store reset-admin-token {stdout}")), 2, "nobody sees");
        assert!(fs::read(place.store()).unwrap() == before, "{stdout}");
    }
}

#[test]
fn a_client_token_that_could_not_be_shown_is_said() {
    let (mut place, admin) = with_admin();
    let server = place.serve(&[]);
    place.set("JWTIS_URL", &server.url);
    place.set("JWTIS_ADMIN_TOKEN", &admin);
    for stdout in [">&-", "> /dev/null"] {
        refused(&place.shell(&format!("jwtis client register shop {stdout}")), 2, "nobody sees");
    }
    for (kid, json) in [("shop", ""), ("bank", "--json")] {
        let run = place.shell(&format!("jwtis client register {kid} {json} > /dev/full"));
        refused(&run, 1, &format!("{kid} is registered, and its token could not be shown"));
    }
}

#[test]
fn a_server_with_a_ca_s_certificate_is_said_to_need_another() {
    let mut place = Place::new();
    let (cert, key) = (fixture("cli/ca-certificate.pem"), fixture("cli/ca-key.pem"));
    let server = place.serve(&["--tls", "--certFile", &cert, "--keyFile", &key]);
    place.set("JWTIS_URL", &server.url);
    let run = place.run(&["client", "list", "--ca-cert", &cert]);
    refused(&run, 1, "hint: the server presents a CA's certificate as its own");
    assert!(run.stderr.contains("basicConstraints=CA:FALSE"), "{}", run.stderr);
}

#[test]
fn faults_of_the_configuration_do_not_send_to_a_command_that_fails_alike() {
    let place = Place::new();
    let run = place.run(&["--sigAlg", "ES257"]);
    refused(&run, 2, "docs/reference/configuration.md");
    assert!(!run.stderr.contains("config show") && run.stderr.contains("config check"), "{}", run.stderr);
}

#[test]
fn a_short_new_password_is_warned_of() {
    let mut place = with_store();
    place.set("JWTIS_NEW_PSWD", "short");
    let run = place.run(&["store", "passwd"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(run.stderr.starts_with("warning: the password is shorter than 12 characters"), "{}", run.stderr);
}

#[test]
fn restore_names_the_store_that_it_keeps_only_if_there_was_one() {
    let place = with_store();
    place.ok(&["store", "backup", "backup.db"]);
    assert!(place.ok(&["store", "restore", "backup.db"]).contains("keys.db.before-restore-1"));
    assert!(!place.ok(&["store", "restore", "backup.db", "-d", "new/keys.db"]).contains("kept"));
    let report = place.json(&["store", "restore", "backup.db", "--json"]);
    assert!(report["kept_aside"].as_str().unwrap().ends_with("keys.db.before-restore-2"), "{report}");
}

#[test]
fn restore_of_the_store_itself_or_of_nothing_is_refused_in_its_words() {
    let place = with_store();
    let before = fs::read(place.store()).unwrap();
    symlink("data/keys.db", place.path().join("link.db")).unwrap();
    for same in ["data/keys.db", "link.db"] {
        refused(&place.run(&["store", "restore", same]), 2, "is the store itself");
    }
    refused(&place.run(&["store", "restore", "nowhere.db"]), 1, "there is no backup at nowhere.db");
    assert!(fs::read(place.store()).unwrap() == before);
    assert_eq!(names(&place.path().join("data")), ["keys.db"]);
}

/// Command lines that fail, with what they say; each must end with a hint.
#[test]
fn every_error_ends_with_a_hint() {
    let mut place = with_store();
    place.file("empty", "");
    fs::write(place.path().join("latin"), [0xe4, 0xf6, b'\n']).unwrap();
    place.file("mistyped", "jat_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n");
    place.file("not-pem", "x");
    place.set("JWTIS_URL", "http://127.0.0.1:1");
    for (line, code, wanted) in [
        ("store info -d data", 1, "data is a folder"),
        ("store info -d nowhere.db", 1, "there is no store at"),
        ("store info -d /dev/null", 1, "is no file"),
        ("store info -d data/keys.db/x", 1, "cannot be looked at"),
        ("store check -p wrong", 2, "wrong password"),
        ("store backup data/keys.db", 2, "exists"),
        ("store backup nowhere/backup.db", 1, "the backup nowhere/backup.db cannot be written"),
        ("store passwd --new-pswd-file ./nowhere", 2, "no new password: ./nowhere cannot be read"),
        ("store passwd", 2, "no new password"),
        ("store restore latin", 3, "damaged"),
        ("store frobnicate", 2, "unrecognized subcommand"),
        ("store restore", 2, "required arguments"),
        ("client", 2, "Usage"),
        ("client list --admin-token-file nowhere", 2, "no token: the setting names no file"),
        ("client list --admin-token-file mistyped", 2, "mistyped holds no usable token"),
        ("client list --ca-cert not-pem --url https://127.0.0.1:1", 2, "no PEM certificate"),
        ("client list --ca-cert nowhere --url https://127.0.0.1:1", 2, "cannot be read"),
        ("client list --url nonsense", 2, "is not a URL"),
        ("client list", 1, "no answer"),
        ("token issue shop --claims {", 2, "the claims cannot be sent"),
        ("token issue shop --claims []", 2, "error: the claims"),
        ("token issue shop --claims @nowhere", 2, "cannot be read"),
        ("token issue shop --claims @latin", 2, "is not UTF-8"),
        ("token issue sh*op", 2, "invalid value"),
        ("token issue shop --claims -", 2, "standard input is empty"),
        ("token inspect -", 2, "standard input is empty"),
        ("token inspect x", 1, "no token"),
        ("token inspect eyJhbGciOiJFUzI1NiJ9.e30.AAAA --jwks nowhere", 2, "nowhere cannot be read"),
        ("token inspect eyJhbGciOiJFUzI1NiJ9.e30.AAAA --jwks not-pem", 2, "not-pem is no JWK set"),
        ("config check nowhere.yaml", 2, "nowhere.yaml cannot be read"),
        ("-v client list", 2, "--verbose belongs to `jwtis serve`"),
        ("--certFile nowhere --keyFile nowhere --tls -l 127.0.0.1:0", 1, "cannot read the TLS"),
    ] {
        let run = place.run(&line.split(' ').collect::<Vec<_>>());
        refused(&run, code, wanted);
    }
    place.unset("JWTIS_PSWD");
    for (line, wanted) in [
        ("store check", "opens only with its password"),
        ("store check --pswd-file ./nowhere", "no password: ./nowhere cannot be read"),
        ("store check --pswd-file empty", "no password: the first line of empty is empty"),
        ("store check --pswd-file latin", "no password: latin is not UTF-8"),
        ("--pswd-file latin -l 127.0.0.1:0 --utility-address off", "no password: latin is not UTF-8"),
    ] {
        refused(&place.run(&line.split(' ').collect::<Vec<_>>()), 2, wanted);
    }
}

#[test]
fn a_refused_token_and_a_refused_request_end_with_a_hint() {
    let mut place = Place::new();
    let server = place.start(&["dev", "-l", "127.0.0.1:0"]);
    for name in ["JWTIS_URL", "JWTIS_CLIENT_TOKEN"] {
        place.set(name, &server.export(name));
    }
    let token = place.ok(&["token", "issue", "demo", "--only", "access"]);
    let garbage = File::open(place.file("garbage", "garbage")).unwrap();
    let from_input = ["token", "revoke", "demo", "--auth-token", "-"];
    let run = Run::of(place.command("jwtis", &from_input).stdin(garbage).output().unwrap());
    assert_eq!(run.stdout, "", "nothing was revoked");
    refused(&run, 1, "auth_token: this is not a token");
    place.ok(&["token", "revoke", "demo", "--all"]);
    refused(&place.run(&["token", "verify", "demo", token.trim()]), 1, "not active: revoked");
    refused(&place.run(&["token", "verify", "demo", "garbage"]), 1, "error: ");
    refused(&place.run(&["token", "issue", "demo", "--claims", r#"{"iat":1}"#]), 1, "error: ");
    refused(&place.run(&["token", "renew", "demo", token.trim()]), 1, "error: ");
    refused(&place.run(&["token", "issue", "other"]), 1, "error: ");
}

#[test]
fn a_variable_that_is_set_and_empty_counts_as_not_set() {
    let mut place = Place::new();
    for name in ["JWTIS_URL", "JWTIS_CA_CERT", "JWTIS_ADMIN_TOKEN_FILE", "JWTIS_DB_PATH", "JWTIS_CONFIG"] {
        place.set(name, "");
    }
    place.set("JWTIS_ADDRESS", "");
    let run = place.run(&["token", "verify", "shop", "x", "--client-token-file", "./nowhere"]);
    refused(&run, 2, "no token: ./nowhere cannot be read");
    refused(&place.run(&["store", "info"]), 1, "there is no store at ./data/keys.db");
    place.set("JWTIS_URL", "http://127.0.0.1:1/\u{1b}[31m");
    let help = place.ok(&["client", "list", "--help"]);
    assert!(help.contains("JWTIS_URL") && !help.contains("127.0.0.1:1/"), "{help}");
}

#[test]
fn a_secret_in_a_variable_that_is_no_text_is_said() {
    let mut place = with_store();
    place.set("JWTIS_URL", "http://127.0.0.1:1");
    let with = |name: &str, arguments: &[&str]| {
        Run::of(place.command("jwtis", arguments).env(name, OsStr::from_bytes(b"\xff")).output().unwrap())
    };
    for (name, arguments) in [
        ("JWTIS_PSWD", &["store", "check"][..]),
        ("JWTIS_PSWD", &SERVE),
        ("JWTIS_NEW_PSWD", &["store", "passwd"]),
        ("JWTIS_ADMIN_TOKEN", &["client", "list"]),
        ("JWTIS_CLIENT_TOKEN", &["token", "issue", "shop"]),
    ] {
        let run = with(name, arguments);
        refused(&run, 2, "not UTF-8");
        assert!(run.stderr.contains(name), "{}", run.stderr);
    }
}

#[test]
fn control_characters_of_names_and_paths_do_not_reach_the_terminal() {
    let evil = "\u{1b}[31m";
    let mut place = with_store();
    let run = place.run(&["-n", evil, "-l", "127.0.0.1:0"]);
    refused(&run, 2, "the name has control characters");
    let backup = format!("{evil}backup.db");
    let said = place.ok(&["store", "backup", &backup]);
    assert!(!said.contains('\u{1b}') && said.contains("\\u{1b}[31mbackup.db"), "{said:?}");
    let said = place.ok(&["store", "restore", &backup]);
    assert!(!said.contains('\u{1b}'), "{said:?}");
    let report = place.json(&["store", "check", "-d", &backup, "--json"]);
    assert_eq!(report["path"], backup);
    refused(&place.run(&[evil]), 2, "unrecognized subcommand");
    for arguments in [&["store", "info", "-d", evil][..], &["config", "check", evil]] {
        refused(&place.run(arguments), if arguments[0] == "store" { 1 } else { 2 }, "\\u{1b}[31m");
    }
    place.set("JWTIS_SIG_ALG", evil);
    refused(&place.run(&["config", "check"]), 2, "JWTIS_SIG_ALG");
}

#[test]
fn help_that_cannot_be_written_is_a_failure_and_a_reader_that_has_gone_is_none() {
    let place = Place::new();
    for flag in ["--help", "--version", "completions bash"] {
        refused(&place.shell(&format!("jwtis {flag} > /dev/full")), 1, "standard output cannot be written");
    }
    let closed = std::io::pipe().unwrap().1;
    let run =
        Run::of(place.command("jwtis", &["--help"]).stdout(closed).stderr(Stdio::piped()).output().unwrap());
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
}

#[test]
fn store_commands_find_the_store_and_its_password_in_the_server_s_file() {
    let mut place = with_store();
    let password = place.file("password", "");
    let _ = place.shell("printf %s \"$JWTIS_PSWD\" > password");
    place.unset("JWTIS_PSWD");
    fs::create_dir(place.path().join("else")).unwrap();
    fs::rename(place.store(), place.path().join("else/where.db")).unwrap();
    place.file("jwtis.yaml", &format!("store:\n  path: else/where.db\n  password_file: {password}\n"));
    assert!(place.ok(&["store", "check", "-c", "jwtis.yaml"]).contains("else/where.db is whole"));
    place.set("JWTIS_CONFIG", "jwtis.yaml");
    assert!(place.ok(&["store", "check"]).contains("else/where.db is whole"));
    refused(&place.run(&["store", "info", "-d", "flag.db"]), 1, "no store at flag.db");
    place.set("JWTIS_DB_PATH", "variable.db");
    refused(&place.run(&["store", "info"]), 1, "no store at variable.db");
    place.unset("JWTIS_DB_PATH");
    place.file("jwtis.yaml", "store: {pth: x}\n");
    refused(&place.run(&["store", "info"]), 2, "jwtis.yaml:1:9: unknown key `pth`");
}
