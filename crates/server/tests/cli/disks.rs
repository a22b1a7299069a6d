//! The real server without what it needs: no room on the disk, a read-only disk, no file descriptors. Verifying and public keys go on,
//! writes say 503, nothing is damaged, and it recovers by itself.
//!
//! No room is a limit on the size of files, which `prlimit` sets and lifts while the server runs; it needs no privileges. Where a file
//! system can be mounted, there is a really full one, too.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use jwtis_testkit::process::{Place, Server, get, post};
use serde_json::{Value, json};

/// A server, its first client, and a session of that.
struct Shop {
    server: Server,
    admin: String,
    session: Value,
}

impl Shop {
    /// Starts the server with `arguments` in `place`, with `before` run by the shell first.
    fn open(place: &mut Place, before: &str, arguments: &[&str]) -> Self {
        place.set("JWTIS_PSWD", "a password of the store");
        let server = start(place, before, arguments);
        let admin = server.export("JWTIS_ADMIN_TOKEN");
        let shop = Self { server, admin, session: Value::Null };
        let (status, answer) = shop.post("/register/shop", json!({"refresh_strategy": "refreshBoth"}));
        assert_eq!(status, 201, "{answer}");
        let (status, session) = shop.post("/issue_token", json!({"kid": "shop", "claims": {"sub": "u1"}}));
        assert_eq!(status, 201, "{session}");
        Self { session, ..shop }
    }

    fn post(&self, path: &str, body: Value) -> (u16, Value) {
        post(&format!("{}{path}", self.server.url), &self.admin, &body).unwrap()
    }

    /// Public keys, verification, and what needs no write.
    fn assert_reads(&self) {
        assert_eq!(get(&format!("{}/keys/shop/jwks.json", self.server.url)).0, 200);
        let (_, verdict) =
            self.post("/verify_token", json!({"kid": "shop", "auth_token": self.session["access_token"]}));
        assert_eq!(verdict["active"], true, "{verdict}");
        let (status, issued) = self.post("/issue_token", json!({"kid": "shop"}));
        assert_eq!(status, 201, "{issued}");
    }

    fn writes(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("/register/other", json!({})),
            ("/renew_keys", json!({"kid": "shop"})),
            ("/renew_token", json!({"kid": "shop", "refresh_token": self.session["refresh_token"]})),
            ("/revoke_token", json!({"kid": "shop", "id": self.session["id"]})),
        ]
    }

    /// What the engine has reserved in its file takes some more, of large records and then of small ones.
    fn use_up_the_file(&self) {
        let register = |number| self.post(&format!("/register/filler-{number}"), json!({}));
        let revoke = |_| {
            let (_, session) = self.post("/issue_token", json!({"kid": "shop"}));
            self.post("/revoke_token", json!({"kid": "shop", "id": session["id"]}))
        };
        let fills: [&dyn Fn(u32) -> (u16, Value); 2] = [&register, &revoke];
        for fill in fills {
            let mut refused = 0;
            for number in 0.. {
                let (status, answer) = fill(number);
                refused = if status == 503 { refused + 1 } else { 0 };
                assert!(status < 300 || answer["code"] == "store_unavailable", "{status} {answer}");
                if refused == 5 {
                    break;
                }
            }
        }
    }

    fn assert_writes_are_503(&self) {
        for (path, body) in self.writes() {
            let (status, answer) = self.post(path, body);
            assert_eq!((status, &answer["code"]), (503, &json!("store_unavailable")), "{path}: {answer}");
        }
    }

    /// A backup has no room either, says so like every write, and leaves nothing behind.
    fn assert_no_backup(&self) {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().new_agent();
        let request = agent.get(format!("{}/store/backup", self.server.url));
        let mut answer = request.header("Authorization", format!("Bearer {}", self.admin)).call().unwrap();
        let problem: Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
        assert_eq!((answer.status().as_u16(), &problem["code"]), (503, &json!("store_unavailable")));
    }

    /// Nothing that failed has happened, and all of it happens now.
    fn assert_recovered(&self) {
        self.assert_reads();
        for (path, body) in self.writes() {
            let (status, answer) = self.post(path, body);
            assert!((200..300).contains(&status), "{path}: {status} {answer}");
        }
    }

    /// Stops; the store is whole and knows what was acknowledged.
    fn close(self, place: &Place) {
        let session = self.session.clone();
        let run = self.server.stop();
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        assert!(place.ok(&["store", "check"]).contains("is whole"));
        let server = place.serve(&[]);
        let body = json!({"kid": "shop", "auth_token": session["access_token"]});
        let (_, verdict) = post(&format!("{}/verify_token", server.url), &self.admin, &body).unwrap();
        assert_eq!(verdict["reason"], "revoked", "{verdict}");
        assert_eq!(get(&format!("{}/keys/other", server.url)).0, 200);
    }
}

/// The server as a shell starts it after `before`.
fn start(place: &Place, before: &str, arguments: &[&str]) -> Server {
    let line = format!(
        "{before}; exec {} -l 127.0.0.1:0 --utility-address 127.0.0.1:0 {}",
        "jwtis",
        arguments.join(" ")
    );
    place.start_command(place.command("sh", &["-c", &line]))
}

#[test]
fn no_room_refuses_writes_and_nothing_else_and_passes() {
    let mut place = Place::new();
    let shop = Shop::open(&mut place, ":", &[]);
    limit(&shop.server, "fsize", "1:unlimited");
    shop.assert_reads();
    shop.assert_writes_are_503();
    shop.assert_no_backup();
    shop.assert_reads();
    shop.assert_writes_are_503();
    limit(&shop.server, "fsize", "unlimited:unlimited");
    shop.assert_recovered();
    shop.close(&place);
}

#[test]
fn commands_that_write_a_store_say_that_there_is_no_room_and_change_nothing() {
    let mut place = Place::new();
    let shop = Shop::open(&mut place, ":", &[]);
    assert_eq!(shop.server.stop().code, Some(0));
    let before = fs::read(place.store()).unwrap();
    place.set("JWTIS_NEW_PSWD", "another password of it");
    let jwtis = "jwtis";
    for command in ["store passwd", "store backup backup.db", "store restore data/keys.db -d new.db"] {
        let line = format!("ulimit -f 0; exec {jwtis} {command}");
        let run = place.shell(&line);
        assert_eq!(run.code, Some(1), "{command}: {}", run.stderr);
        assert!(
            run.stderr.contains("hint: raise the limit on the size of files"),
            "{command}: {}",
            run.stderr
        );
    }
    assert!(fs::read(place.store()).unwrap() == before);
    assert!(!place.path().join("backup.db").exists() && !place.path().join("new.db").exists());
}

#[test]
fn no_room_for_files_of_marks_refuses_signatures_and_passes() {
    use jwtis_testkit::process::signer::{Client, KEY, SECRET, attestation, config, server};
    let mut place = Place::new();
    place.set("JWTIS_PSWD", "a password of the store");
    let sections = format!(
        "{}watermark: {{driver: file}}\nvaults: {{test: {{driver: mem, config: [{SECRET}]}}}}\ntezos: {{{KEY}: }}\n",
        server("")
    );
    config(&place, &sections);
    let server = place.start(&["serve", "-c", "jwtis.yaml"]);
    let client = Client::new(&server.url);
    assert_eq!(client.sign(KEY, &attestation(1, 1)).0, 200);
    limit(&server, "fsize", "1:unlimited");
    for _ in 0..2 {
        let (status, text) = client.sign(KEY, &attestation(2, 1));
        assert!(status == 500 && text.contains("the watermark cannot be kept"), "{status} {text}");
    }
    assert_eq!(client.get(&format!("/keys/{KEY}")).0, 200);
    limit(&server, "fsize", "unlimited:unlimited");
    assert_eq!(client.sign(KEY, &attestation(2, 1)).0, 200);
    assert_eq!(client.sign(KEY, &attestation(2, 2)).0, 409);
    assert_eq!(client.sign(KEY, &attestation(1, 2)).0, 409, "the watermark of before is kept");
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a_really_full_disk_refuses_writes_and_nothing_else_and_passes() {
    let mut place = Place::new();
    let Some(disk) = Disk::mount(place.path()) else {
        skip("no file system can be mounted here");
        return;
    };
    let shop = Shop::open(&mut place, ":", &[]);
    let filler = place.path().join("data/filler");
    let full = fs::write(&filler, vec![0; 64 << 20]);
    assert!(full.is_err(), "the disk has room for 64 MiB");
    shop.assert_reads();
    shop.use_up_the_file();
    shop.assert_writes_are_503();
    shop.assert_no_backup();
    shop.assert_reads();
    fs::remove_file(&filler).unwrap();
    shop.assert_recovered();
    shop.close(&place);
    drop(disk);
}

#[test]
fn a_store_on_a_read_only_disk_is_refused_at_the_start_and_not_touched() {
    let mut place = Place::new();
    let Some(disk) = Disk::mount(place.path()) else {
        skip("no file system can be mounted here");
        return;
    };
    let shop = Shop::open(&mut place, ":", &[]);
    assert_eq!(shop.server.stop().code, Some(0));
    let before = fs::read(place.store()).unwrap();
    disk.remount("ro");
    let run = place.run(&["-l", "127.0.0.1:0", "--utility-address", "off"]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.lines().last().unwrap_or_default().contains("hint: "), "{}", run.stderr);
    assert!(fs::read(place.store()).unwrap() == before);
    disk.remount("rw");
    let server = place.serve(&[]);
    assert_eq!(get(&format!("{}/keys/shop/jwks.json", server.url)).0, 200);
}

#[test]
fn without_file_descriptors_who_is_connected_goes_on_and_others_wait() {
    let mut place = Place::new();
    let shop = Shop::open(&mut place, "ulimit -n 256", &[]);
    let address = shop.server.url.trim_start_matches("http://").to_owned();
    let agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().new_agent();
    let revoke = |id: &Value| {
        let answer = agent
            .post(format!("{}/revoke_token", shop.server.url))
            .header("Authorization", format!("Bearer {}", shop.admin))
            .content_type("application/json")
            .send(json!({"kid": "shop", "id": id}).to_string());
        answer.map(|mut answer| {
            let status = answer.status().as_u16();
            answer.body_mut().read_to_string().unwrap();
            status
        })
    };
    let (_, other) = shop.post("/issue_token", json!({"kid": "shop"}));
    assert_eq!(revoke(&other["id"]).unwrap(), 200, "this connection stays");
    // More connections than so few descriptors allow; the kernel holds those that the server does not take.
    let crowd: Vec<TcpStream> = (0..60).map(|_| TcpStream::connect(&address).unwrap()).collect();
    let (_, other) = (0, json!({"id": other["id"]}));
    assert_eq!(revoke(&other["id"]).unwrap(), 200, "who is connected is served, writes too");
    let mut late = crowd.last().unwrap().try_clone().unwrap();
    late.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    assert!(late.read(&mut [0]).is_err(), "nobody is turned away: they wait");
    drop((late, crowd));
    shop.assert_recovered();
    shop.close(&place);
}

/// Sets a limit of the running server.
fn limit(server: &Server, name: &str, value: &str) {
    let status = Command::new("prlimit")
        .args([format!("--pid={}", server.pid()), format!("--{name}={value}")])
        .status();
    assert!(status.unwrap().success());
}

/// A small file system of its own at `data` in a folder.
struct Disk(String);

impl Disk {
    fn mount(folder: &Path) -> Option<Self> {
        let path = folder.join("data");
        fs::create_dir(&path).unwrap();
        let path = path.to_str().unwrap().to_owned();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=4m,mode=700", "tmpfs", &path]).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(path))
    }

    fn remount(&self, how: &str) {
        let status = Command::new("mount").args(["-o", &format!("remount,{how}"), &self.0]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(Command::new("umount").args(["-l", &self.0]).status());
    }
}

/// Straight to standard error: a test's own output would be hidden.
fn skip(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{why}, and CI skips nothing");
    io::stderr().write_all(format!("\nSKIPPED: {why}\n").as_bytes()).unwrap();
}
