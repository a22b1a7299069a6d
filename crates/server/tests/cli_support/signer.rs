//! A signer of the real program: its configuration, messages to sign, and a client.

use std::time::Duration;

use serde_json::Value;

use super::Place;

/// The key of the specification's appendix C.
pub const SECRET: &str = "edsk4FTF78Qf1m2rykGpHqostAiq5gYW4YZEoGUSWBTJr2njsDHSnd";
pub const KEY: &str = "tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q";
/// A key of another curve, tz4.
pub const OTHER_SECRET: &str = "BLsk2ae63m4ooimmTy1B5wjriwPMtCLdiyNpetFiQMBovRm6ks6rSW";
/// Credentials that the rules of §2.4 accept.
pub const PASSWORD: &str = "Long-Enough-Pass-1";
pub const USER: &str = r#"{password: "Long-Enough-Pass-1", secret: "A-Secret-Of-At-Least-32-Bytes-0001"}"#;

/// Longest that a test waits for something that should happen.
const PATIENCE: Duration = Duration::from_secs(30);

/// `failing_noop` with the text `abc`.
pub const NOOP: &str = "0300000000000000000000000000000000000000000000000000000000000000001100000003616263";

/// An attestation; `payload` tells two of one level apart.
pub fn attestation(level: u32, payload: u8) -> String {
    let payload = format!("{payload:02x}").repeat(32);
    format!("13b3d79f99{}150007{level:08x}00000000{payload}", "00".repeat(32))
}

/// The public key hash of a secret key.
pub fn pkh(secret: &str) -> String {
    secret.parse::<jwtis_tezos::SecretKey>().unwrap().public_key().hash().to_string()
}

/// A file of keys as octez-client writes it.
pub fn secret_keys(entries: &[(&str, &str)]) -> String {
    let entries = entries.iter().map(|(name, value)| serde_json::json!({ "name": name, "value": value }));
    Value::from_iter(entries).to_string()
}

/// The key under a password, as octez-client writes it.
pub fn encrypted(secret: &str, password: &str) -> String {
    let key: jwtis_tezos::SecretKey = secret.parse().unwrap();
    format!("encrypted:{}", key.encrypt(password.as_bytes()).unwrap().to_base58())
}

/// Writes a configuration of a signer alone, on free ports, with base_dir `marks`; `sections` follow.
pub fn config(place: &Place, sections: &str) -> String {
    let text = format!("issuer: {{enabled: false}}\nbase_dir: {}/marks\n{sections}", place.path().display());
    place.file("jwtis.yaml", &text)
}

/// `server:` on free ports, with more keys.
pub fn server(more: &str) -> String {
    format!("server:\n  address: 127.0.0.1:0\n  utility_address: 127.0.0.1:0\n{more}")
}

/// The status and the body of an answer.
pub type Answer = (u16, String);

/// A client that keeps its connection.
#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
    pub url: String,
    headers: Vec<(String, String)>,
}

impl Client {
    pub fn new(url: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(PATIENCE))
            .build();
        Self { agent: config.new_agent(), url: url.to_owned(), headers: Vec::new() }
    }

    /// The same with the token of a login.
    pub fn logged_in(url: &str, user: &str, password: &str) -> Self {
        let anonymous = Self::new(url);
        let (status, token) = anonymous.login(user, password);
        assert_eq!(status, 201, "{token}");
        anonymous.with_token(user, &token)
    }

    pub fn with_token(mut self, user: &str, token: &str) -> Self {
        self.headers = vec![
            ("username".to_owned(), user.to_owned()),
            ("authorization".to_owned(), format!("Bearer {token}")),
        ];
        self
    }

    pub fn login(&self, user: &str, password: &str) -> Answer {
        let request = self.agent.post(format!("{}/login", self.url));
        answer(request.header("username", user).header("password", password).send_empty().unwrap())
    }

    pub fn sign(&self, key: &str, message: &str) -> Answer {
        self.try_sign(key, message).unwrap()
    }

    /// As [`Self::sign`]; an error is a connection without an answer.
    pub fn try_sign(&self, key: &str, message: &str) -> Result<Answer, ureq::Error> {
        let mut request = self.agent.post(format!("{}/keys/{key}", self.url));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        Ok(answer(request.send(format!("\"{message}\""))?))
    }

    pub fn get(&self, path: &str) -> Answer {
        let mut request = self.agent.get(format!("{}{path}", self.url));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        answer(request.call().unwrap())
    }
}

fn answer(mut response: ureq::http::Response<ureq::Body>) -> Answer {
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
}

/// Looks again and again until `happened`; fails when it does not within half a minute.
pub fn wait_until(what: &str, mut happened: impl FnMut() -> bool) {
    let looks = (0..10_000).any(|_| {
        let now = happened();
        if !now {
            std::thread::park_timeout(PATIENCE / 10_000);
        }
        now
    });
    assert!(looks, "{what} did not happen");
}
