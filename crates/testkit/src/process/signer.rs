//! A signer of the real program: its configuration, messages to sign, and a client.

use serde_json::Value;

use super::Place;
use super::client::{agent, answer};
use crate::forge;

/// The key of docs/reference/signer-protocol.md, "Check values".
pub const SECRET: &str = "edsk4FTF78Qf1m2rykGpHqostAiq5gYW4YZEoGUSWBTJr2njsDHSnd";
pub const KEY: &str = "tz1LggX2HUdvJ1tF4Fvv8fjsrzLeW4Jr9t2Q";
/// A key of another curve, tz4.
pub const OTHER_SECRET: &str = "BLsk2ae63m4ooimmTy1B5wjriwPMtCLdiyNpetFiQMBovRm6ks6rSW";
/// Credentials that the rules accept.
pub const PASSWORD: &str = "Long-Enough-Pass-1";
pub const USER: &str = r#"{password: "Long-Enough-Pass-1", secret: "A-Secret-Of-At-Least-32-Bytes-0001"}"#;

/// `failing_noop` with the text `abc`.
pub const NOOP: &str = "0300000000000000000000000000000000000000000000000000000000000000001100000003616263";

/// An attestation; `payload` tells two of one level apart.
pub fn attestation(level: i32, payload: u8) -> String {
    forge::hex(&forge::consensus_on(forge::CHAIN, 0x13, 21, level, 0, payload))
}

/// A file of keys as octez-client writes it.
pub fn secret_keys(entries: &[(&str, &str)]) -> String {
    let entries = entries.iter().map(|(name, value)| serde_json::json!({ "name": name, "value": value }));
    Value::from_iter(entries).to_string()
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

/// A client that keeps its connection.
#[derive(Clone)]
pub struct Client {
    agent: ureq::Agent,
    pub url: String,
    headers: Vec<(String, String)>,
}

impl Client {
    pub fn new(url: &str) -> Self {
        Self { agent: agent(), url: url.to_owned(), headers: Vec::new() }
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

    pub fn login(&self, user: &str, password: &str) -> (u16, String) {
        let request = self.agent.post(format!("{}/login", self.url));
        answer(request.header("username", user).header("password", password).send_empty().unwrap()).unwrap()
    }

    pub fn sign(&self, key: &str, message: &str) -> (u16, String) {
        self.try_sign(key, message).unwrap()
    }

    /// As [`Self::sign`]; an error is a connection without an answer.
    pub fn try_sign(&self, key: &str, message: &str) -> Result<(u16, String), ureq::Error> {
        let mut request = self.agent.post(format!("{}/keys/{key}", self.url));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        answer(request.send(format!("\"{message}\""))?)
    }

    pub fn get(&self, path: &str) -> (u16, String) {
        let mut request = self.agent.get(format!("{}{path}", self.url));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        answer(request.call().unwrap()).unwrap()
    }
}
