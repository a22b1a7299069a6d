//! What is refused, with its text and its line; and vaults and watermarks that are not here.

use super::super::super::ConfigFile;
use super::*;

/// A file with one thing wrong, and what is said of it.
#[test]
fn every_fault_has_its_text_and_its_line() {
    let mut missing = Vec::new();
    for (text, wanted) in [
        ("tezos:\n  tz1x: {}\n".to_owned(), "2:3: `tz1x` is no hash of a key (tz1…, tz2…, tz3… or tz4…): "),
        (format!("tezos:\n  {PUBLIC}:\n"), "2:3: `edpk"),
        (
            format!("tezos:\n  {PKH}:\n  {PKH}: {{}}\n"),
            "3:3: `tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q` stands here twice; the first time in line 2",
        ),
        ("tezos: [a]\n".to_owned(), "1:8: `tezos:` must be a mapping of keys and values"),
        (format!("tezos: {{{PKH}: baker}}\n"), "1:47: an entry of `tezos:` must be a mapping"),
        (
            format!("tezos:\n  {PKH}:\n    allow: {{blok: }}\n"),
            "3:13: invalid request kind `blok` in `allow` list",
        ),
        (format!("tezos:\n  {PKH}:\n    allow: [block]\n"), "3:12: `allow:` must be a mapping"),
        (
            format!("tezos:\n  {PKH}:\n    allow:\n      generic: [reveal, tranfer]\n"),
            "4:25: invalid operation kind `tranfer` in `allow.generic` list",
        ),
        (
            format!("tezos:\n  {PKH}:\n    allowed_operations: [block]\n    allow:\n"),
            "4:5: `allow:` has nothing behind it, and allowed_operations or allowed_kinds stand beside it",
        ),
        (format!("tezos:\n  {PKH}:\n    allow: {{generic: reveal}}\n"), "3:22: generic must be a list"),
        (
            format!("tezos:\n  {PKH}:\n    allowed_operations: [x]\n"),
            "3:26: invalid request kind `x` in `allowed_operations` list",
        ),
        (
            format!("tezos:\n  {PKH}:\n    allowed_kinds: [x]\n"),
            "3:21: invalid operation kind `x` in `allowed_kinds` list",
        ),
        (
            format!("tezos:\n  {PKH}:\n    limits: {{mode: observed}}\n"),
            "3:20: mode: write `enforce` to refuse what is above a limit, or `observe` to sign and report it",
        ),
        (format!("tezos:\n  {PKH}: {{jwt_users: alice}}\n"), "jwt_users must be a list"),
        (format!("tezos:\n  {PKH}: {{log_payloads: maybe}}\n"), "log_payloads: write true or false"),
        (format!("tezos:\n  {PKH}: {{authorized_keys: [tz1x]}}\n"), "authorized_keys: "),
        (
            format!("tezos:\n  {PKH}:\n    limits: {{max_amount: 1.5}}\n"),
            "3:26: max_amount: an amount is a whole number of mutez",
        ),
        (format!("tezos:\n  {PKH}:\n    limits: {{destinations: [nobody]}}\n"), "3:29: destinations: "),
        (
            format!("tezos:\n  {PKH}:\n    limits: {{per: {{amount: 1}}}}\n"),
            "3:19: per needs a `window`, like 24h",
        ),
        (
            format!("tezos:\n  {PKH}:\n    limits: {{per: {{window: 24h}}}}\n"),
            "3:19: per needs an `amount` or a `count`",
        ),
        (format!("tezos:\n  {PKH}:\n    limits: {{per: {{window: 24, count: 1}}}}\n"), "3:28: window: "),
        (
            format!("tezos:\n  {PKH}:\n    limits: {{per: {{window: 24h, count: -1}}}}\n"),
            "3:40: count: write a number of operations",
        ),
        ("server: {address: 'example.com:80'}\n".to_owned(), "1:19: server.address: "),
        ("server: {address: ':99999'}\n".to_owned(), "1:19: server.address: "),
        ("server: {max_body_bytes: 0}\n".to_owned(), "1:26: server.max_body_bytes: write a number of bytes"),
        (
            "server: {tls_key_file: k}\n".to_owned(),
            "1:24: server.tls_key_file: TLS needs server.tls_cert_file too",
        ),
        ("server:\n  authorized_keys: [tz1x]\n".to_owned(), "2:21: authorized_keys: "),
        (
            format!("server:\n  authorized_keys: {PUBLIC}\n  jwt: {{}}\n"),
            "3:3: cannot use both JWT and static authorized keys",
        ),
        (
            "server:\n  jwt:\n    users:\n      u:\n".to_owned(),
            "4:7: JWT: config validation failed for user u: password should be at least 16 characters",
        ),
        (
            "server:\n  jwt:\n    users: {u: {password: Long-Enough-Pass-1, secret: short}}\n".to_owned(),
            "3:13: JWT: config validation failed for user u: secret should be at least 32 characters",
        ),
        (
            "server: {jwt: {users: {u: {password: $NOBODY}}}}\n".to_owned(),
            "1:38: password: the environment has no text in NOBODY; set it; where `$NOBODY` itself is meant, give it by password_file",
        ),
        (
            "server: {jwt: {users: {u: {password: a, password_file: b}}}}\n".to_owned(),
            "1:56: password and password_file are both given",
        ),
        (
            "server: {jwt: {users: {u: {secret_file: /nonexistent/x}}}}\n".to_owned(),
            "1:41: secret_file: /nonexistent/x cannot be read",
        ),
        (
            "server: {jwt: {users: {u: {jwt_exp: -5}}}}\n".to_owned(),
            "1:37: jwt_exp: write a number of minutes, like 60",
        ),
        ("server: {jwt: {users: [u]}}\n".to_owned(), "1:23: `users:` must be a mapping"),
        ("server: {jwt: {issuers: [{audience: a}]}}\n".to_owned(), "1:26: an issuer needs its `client`"),
        ("server: {jwt: {issuers: [{client: a b}]}}\n".to_owned(), "1:35: client: "),
        // A section, or a key, two columns too far to the right.
        (
            format!("vaults:\n  store: {{driver: store}}\n\n  tezos:\n  {PKH}:\n    allow: {{block: }}\n"),
            "4:3: `tezos:` stands below `vaults:`; move it to the left margin",
        ),
        (
            format!("vaults:\n  s: {{driver: store}}\n  {PKH}: {{}}\n"),
            "3:3: tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q is a key, and keys",
        ),
        ("vaults:\n  server: {address: ':1'}\n".to_owned(), "2:3: `server:` stands below `vaults:`"),
        ("tezos:\n  watermark: {driver: mem}\n".to_owned(), "2:3: `watermark:` stands below `tezos:`"),
        ("watermark:\n  server: {jwt: {}}\n".to_owned(), "2:3: `server:` stands below `watermark:`"),
        (format!("tezos:\n  {PKH}:\n    server: {{jwt: {{}}}}\n"), "3:5: `server:` stands below `tezos:`"),
        ("vaults: {v: }\n".to_owned(), "1:10: the vault `v` needs a `driver`"),
        ("vaults: {v: {config: /x}}\n".to_owned(), "1:10: the vault `v` needs a `driver`"),
        ("vaults: {v: {driver: file}}\n".to_owned(), "1:10: the vault `v` needs the path of its file"),
        (
            "vaults: {v: {driver: file, config: {fil: /x}}}\n".to_owned(),
            "the vault `v` needs the path of its file",
        ),
        (
            "vaults: {v: {driver: file, config: $NOBODY/x}}\n".to_owned(),
            "1:36: config: the environment has no text in `NOBODY`",
        ),
        ("vaults: {v: {driver: mem}}\n".to_owned(), "1:10: the vault `v` needs a list of secret keys"),
        (
            format!("vaults: {{v: {{driver: mem, config: [{PUBLIC}]}}}}\n"),
            "1:36: this is no secret key: write edsk…",
        ),
        ("vaults: {v: {driver: store}, v: {driver: store}}\n".to_owned(), "1:30: `v` stands here twice"),
        (
            "policy_hook: {address: '127.0.0.1:8080'}\n".to_owned(),
            "1:24: policy_hook.address must be a whole URL; write it like http://127.0.0.1:8080/",
        ),
        ("policy_hook: {address: ftp://h/}\n".to_owned(), "1:24: policy_hook.address must be a whole URL"),
        ("policy_hook: {address: http://h/, timeout: 5}\n".to_owned(), "1:44: timeout: "),
        (
            "policy_hook: {address: http://h/, timeout: 15s}\n".to_owned(),
            "1:44: timeout: requests are given up after 15s, and the hook must be quicker",
        ),
        ("policy_hook: {address: http://h/, authorized_keys: [x]}\n".to_owned(), "1:53: authorized_keys: "),
        (
            "watermark: {driver: aws}\n".to_owned(),
            "1:21: this build has no watermark driver `aws`; use `store`, or `file`",
        ),
        ("watermark: {driver: redis}\n".to_owned(), "1:21: unknown watermark backend: redis"),
        (
            "watermark: {max_jump: off}\n".to_owned(),
            "1:23: max_jump: `off` is for one chain and not for all; write it per sandbox",
        ),
        ("watermark: {max_jump: 0}\n".to_owned(), "1:23: max_jump: write a number of levels"),
        ("watermark: {max_jump: -1}\n".to_owned(), "1:23: max_jump: write a number of levels"),
        ("watermark: {max_jump: week}\n".to_owned(), "1:23: max_jump: write a number of levels"),
        ("watermark: {chains: {mainnet: {max_jump: off}}}\n".to_owned(), "1:22: `mainnet` is no chain"),
        ("watermark: {chains: [NetXdQprcVkpaWU]}\n".to_owned(), "1:21: `chains:` must be a mapping"),
        ("watermark: {chains: {NetXdQprcVkpaWU: {block_time: 6}}}\n".to_owned(), "1:52: block_time: "),
        (
            "watermark: {chains: {NetXdQprcVkpaWU: {block_time: 2h}}}\n".to_owned(),
            "1:52: block_time: write a duration from 100ms to 3600s",
        ),
        (
            "watermark: {chains: {NetXdQprcVkpaWU: {}, NetXdQprcVkpaWU: {}}}\n".to_owned(),
            "1:43: `NetXdQprcVkpaWU` stands here twice",
        ),
        ("base_dir: $NOBODY/x\n".to_owned(), "1:11: base_dir: the environment has no text in `NOBODY`"),
        ("base_dir: ''\n".to_owned(), "1:11: base_dir: the path is empty"),
        ("strict_vaults: perhaps\n".to_owned(), "1:16: strict_vaults: write true or false"),
        ("tezzos: {}\n".to_owned(), "1:1: unknown section `tezzos`; did you mean `tezos`?"),
    ] {
        let faults = Place::new().load(&text).unwrap_err();
        if !faults.iter().any(|fault| fault.contains(wanted)) {
            missing.push(format!("{wanted}\n  is not in {faults:?}\n  of {text}"));
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn all_faults_of_all_sections_come_at_once_and_name_no_secret() {
    let text = format!(
        "server:\n  address: nowhere\n  jwt:\n    users:\n      a: {{password: hunter2-a, secret: hunter2-b}}\n      b: {{jwt_exp: x}}\nvaults:\n  v:\n  w: {{driver: mem, config: [hunter2-c]}}\nwatermark: {{driver: gcp}}\npolicy_hook: {{address: nowhere}}\ntezos:\n  tz1x:\n  {PKH}: {{allow: {{a: , generic: [b, c]}}}}\nbase_dir: $\n"
    );
    let faults = Place::new().load(&text).unwrap_err();
    let lines: Vec<usize> =
        faults.iter().map(|fault| fault.split(':').next().unwrap().parse().unwrap()).collect();
    for line in [2, 5, 6, 8, 9, 10, 11, 13, 14, 15] {
        assert!(lines.contains(&line), "line {line} is not in {faults:#?}");
    }
    assert!(!format!("{faults:?}").contains("hunter2"), "{faults:#?}");
}

#[test]
fn vaults_that_this_build_cannot_open_are_left_out_with_a_warning_or_refused() {
    for (driver, wanted) in [
        (
            "awskms",
            "2:15: this build cannot open the vault `v`: it has no driver `awskms`; its keys will not be served",
        ),
        (
            "pkcs11",
            "2:15: this build cannot open the vault `v`: it has no driver `pkcs11`; its keys will not be served",
        ),
        ("fiel", "2:15: the vault `v` is skipped: unknown driver `fiel`; did you mean `file`?"),
        ("tpm", "2:15: the vault `v` is skipped: unknown driver `tpm`"),
    ] {
        let text = format!(
            "vaults:\n  v: {{driver: {driver}, config: {{region: x}}}}\n  s: {{driver: store}}\ntezos:\n"
        );
        let mut place = Place::new();
        let config = place.load(&text).unwrap();
        assert_eq!(place.warnings(&config), [wanted]);
        let vaults = config.signer.unwrap().vaults;
        assert!(vaults.len() == 1 && matches!(vaults[0].driver, VaultDriver::Store), "{vaults:?}");
        assert_eq!(place.load(&format!("{text}strict_vaults: true\n")).unwrap_err(), [wanted]);
        place.strict = true;
        assert_eq!(place.load(&text).unwrap_err(), [wanted]);
    }
}

#[test]
fn a_vault_may_have_the_name_of_a_section() {
    let vaults = signer("vaults: {store: {driver: store}, server: {driver: store}}\ntezos:\n").vaults;
    assert_eq!(vaults.len(), 2);
}

#[test]
fn vaults_keep_the_order_of_the_file_and_their_passwords() {
    let signer = signer(&format!(
        "vaults:\n  z: {{driver: mem, config: {{keys: [{SECRET}, 'unencrypted:{SECRET}'], password_file: $HOME/pw}}}}\n  a: {{driver: file, config: {{file: /x, password_file: /y}}}}\n  m: {{driver: store, config: }}\ntezos:\n"
    ));
    let names: Vec<&str> = signer.vaults.iter().map(|vault| vault.name.as_str()).collect();
    assert_eq!(names, ["z", "a", "m"]);
    assert!(matches!(&signer.vaults[0].driver, VaultDriver::Mem { keys, password_file: Some(path) }
        if keys.len() == 2 && path == Path::new("/home/u/pw")));
    assert!(matches!(&signer.vaults[1].driver, VaultDriver::File { password_file: Some(path), .. }
        if path == Path::new("/y")));
}

#[test]
fn strays_in_signatory_s_sections_are_warnings_and_faults_only_when_strict() {
    let text = "server: {adress: x, jwt: {user: {}}}\nvaults: {v: {driver: file, config: {file: /x, pasword_file: y}}}\nwatermark: {drivr: mem}\npolicy_hook: {address: http://h/, timout: 5s}\ntezos:\n";
    let mut place = Place::new();
    let config = place.load(text).unwrap();
    let warnings = place.warnings(&config);
    for wanted in [
        "1:10: unknown key `adress`; did you mean `address`?",
        "1:27: unknown key `user`; did you mean `users`?",
        "2:47: unknown key `pasword_file`; did you mean `password_file`?",
        "3:13: unknown key `drivr`; did you mean `driver`?",
        "4:35: unknown key `timout`; did you mean `timeout`?",
    ] {
        assert!(warnings.iter().any(|warning| warning == wanted), "{wanted} is not in {warnings:#?}");
    }
    place.strict = true;
    assert_eq!(place.load(text).unwrap_err().len(), warnings.len());
}

/// The sample cut off anywhere, and with one character of it exchanged: faults or a configuration, never a panic.
#[test]
fn broken_and_hostile_files_never_panic() {
    let sample = sample();
    let mut refused = 0_usize;
    for (at, _) in sample.char_indices() {
        refused += usize::from(faults_of(&sample[..at]) > 0);
    }
    for (number, (at, old)) in sample.char_indices().enumerate().filter(|(_, (_, old))| !old.is_whitespace())
    {
        let hostile = ['[', '{', '*', '&', ':', '\t', '!', '\'', '"', '-', '|', '\0'][number % 12];
        let text = format!("{}{hostile}{}", &sample[..at], &sample[at + old.len_utf8()..]);
        refused += usize::from(faults_of(&text) > 0);
    }
    assert!(refused > 500, "{refused}");
    let many: String = (0..5_000).map(|number| format!("  tz{number}: {{}}\n")).collect();
    assert_eq!(faults_of(&format!("tezos:\n{many}")), 5_000);
    for text in ["a: &a [*a]", &"- ".repeat(100_000), &"tezos: {a: ".repeat(50_000)] {
        assert_eq!(faults_of(text), 1);
    }
}

/// How many faults a file with this text has; without the detour through a file, whose buffer is wiped each time.
fn faults_of(text: &str) -> usize {
    let path = Path::new("signatory.yaml");
    let file = ConfigFile::parse(path, text);
    let values = Values::resolve(Vec::new(), &|_| None, file.values, &mut Vec::new());
    let (_, found) = read(path, &file.sections, &values, &|_| Some("/home/u".into()));
    file.faults.len() + found.faults.len()
}

/// Words of `allow` that stand in the wrong place or have another name.
#[test]
fn kinds_in_the_wrong_place_are_told_where_they_belong() {
    for (policy, wanted) in [
        (
            "{allow: {dal_publish_commitment: , generic: [transaction]}}",
            "invalid request kind `dal_publish_commitment` in `allow` list; `dal_publish_commitment` is an operation kind: list it below `generic`",
        ),
        (
            "{allow: {generic: [set_companion_key]}}",
            "invalid operation kind `set_companion_key` in `allow.generic` list; did you mean `update_companion_key`?",
        ),
        (
            "{allow: {dal_publish: }}",
            "`allow` list; did you mean `dal_publish_commitment`? That is an operation kind: list it below `generic`",
        ),
        (
            "{allow: {generic: [block]}}",
            "`allow.generic` list; `block` is a request kind: write it beside `generic`, not below it",
        ),
        (
            "{allow: {generic: [attestation]}}",
            "`attestation` is a request kind: write it beside `generic`, not below it",
        ),
        ("{allow: {blok: }}", "invalid request kind `blok` in `allow` list; did you mean `block`?"),
        ("{allow: {generic: [transfer]}}", "`allow.generic` list; did you mean `transaction`?"),
        ("{allow: {generic: ['ballot:yes']}}", "a vote is `ballot:yay`, `ballot:nay` or `ballot:pass`"),
        (
            "{allowed_operations: [transaction]}",
            "`transaction` is an operation kind: list it in `allowed_kinds`",
        ),
        ("{allowed_kinds: [pack]}", "`pack` is a request kind: list it in `allowed_operations`"),
        ("{allowed_operations: [attest]}", "`allowed_operations` list; did you mean `attestation`?"),
    ] {
        let text = format!("tezos:\n  {PKH}: {policy}\n");
        let found = Place::new().load(&text).unwrap_err();
        assert!(found.iter().any(|fault| fault.ends_with(wanted)), "{policy}: {found:?}");
    }
}

/// Wherever a secret stands by mistake, what is said of the file does not repeat it.
#[test]
fn no_text_repeats_a_secret_in_the_wrong_place() {
    let of_user = "Zz9!-a-secret-of-forty-characters-or-more-1";
    let pair =
        |n: u8| format!("password: Aa1!-a-password-{n}, secret: Aa1!-a-text-of-thirty-two-letters-{n}");
    let users = |user: &str| format!("server: {{jwt: {{users: {{ua: {{{user}}}}}}}}}\ntezos:\n");
    for (text, wanted) in [
        (format!("vaults: {{m: {{driver: {SECRET}}}}}\ntezos:\n"), "unknown driver `edsk…`"),
        (format!("vaults: {{{SECRET}: {{driver: store}}}}\ntezos:\n"), "where the name of a vault should"),
        (format!("vaults: {{m: {{driver: store, {SECRET}: 1}}}}\ntezos:\n"), "unknown key `edsk…`"),
        (format!("tezos: {{{SECRET}: }}\n"), "`edsk…` is no hash of a key"),
        (format!("tezos: {{{PKH}: {{{SECRET}: 1, {SECRET}: 2}}}}\n"), "`edsk…` stands here twice"),
        (
            format!("server: {{jwt: {{users: {{ua: {{password_file: /n/{SECRET}}}}}}}}}\ntezos:\n"),
            "/n/edsk… cannot be read",
        ),
        (users(&format!("{}, \"{of_user}\": 1", pair(1))), "unknown key `Zz9!-a-s…`"),
        (
            users(&format!("{}, new_data: {{{}, \"{of_user}\": 1}}", pair(1), pair(2))),
            "unknown key `Zz9!-a-s…`",
        ),
        (
            users("password: $Aa1xbbbbbbbbbbbb"),
            "the environment has no text in A…; set it; where `$A…` itself",
        ),
    ] {
        let place = Place::new();
        let said = match place.load(&text) {
            Ok(config) => [place.warnings(&config), place.lines(&config.notices)].concat(),
            Err(faults) => faults,
        };
        let said = said.join("\n");
        assert!(said.contains(wanted), "{text}: {said}");
        for secret in [&SECRET[..12], "secret-of", "xbbbb"] {
            assert!(!said.contains(secret), "{said}");
        }
    }
    let shown = signer(&format!("vaults: {{m: {{driver: file, config: {SECRET}}}}}\ntezos:\n")).rows();
    assert!(shown.contains(&("vaults.m".to_owned(), "file edsk…".to_owned())), "{shown:?}");
}
