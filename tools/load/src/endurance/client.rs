//! A client of the issuer, and all that the server has told it.
//!
//! Each belongs to one thread, so what must be so afterwards is known, but for the one request that was on its way at the kill.

mod check;
mod session;
mod sessions;

use std::io;

use jwtis_testkit::random::Random;
use serde_json::{Value, json};
use session::{Fate, Session};

use crate::endurance::connection::{Answer, Connection};
use crate::output::Fault;

/// Key sets that a client makes at most.
const KEY_SETS: usize = 6;

/// A registration and what came after it.
#[derive(Debug)]
pub(crate) struct Client {
    kid: String,
    token: String,
    state: State,
    /// Shared with other threads: nothing is done to it that would touch their sessions.
    shared: bool,
    /// Signing keys, in order.
    signing: Vec<String>,
    /// A renewal of keys was on its way at the kill.
    keys_unsure: bool,
    sessions: Vec<Session>,
    sessions_so_far: u64,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum State {
    Registered,
    Deleted,
    Unsure,
}

impl Client {
    /// Registers `kid`. `None`: no answer came.
    pub(crate) fn register(
        server: &mut Connection,
        admin: &str,
        kid: String,
        random: &mut Random,
    ) -> Result<Option<Self>, Fault> {
        let mut client = Self {
            kid,
            token: String::new(),
            state: State::Unsure,
            shared: false,
            signing: Vec::new(),
            keys_unsure: false,
            sessions: Vec::new(),
            sessions_so_far: 0,
        };
        Ok(client.register_as(server, admin, random)?.map(|()| client))
    }

    /// Another thread's view of a client that several use.
    pub(crate) fn share(&self) -> Self {
        Self {
            kid: self.kid.clone(),
            token: self.token.clone(),
            state: State::Registered,
            shared: true,
            signing: self.signing.clone(),
            keys_unsure: true,
            sessions: Vec::new(),
            sessions_so_far: 0,
        }
    }

    /// Does one random thing. `None`: no answer came.
    pub(crate) fn work(
        &mut self,
        server: &mut Connection,
        admin: &str,
        random: &mut Random,
        owner: &str,
    ) -> Result<Option<()>, Fault> {
        if self.state != State::Registered {
            // A name that was used before: the tokens of its first life stay dead.
            return self.register_as(server, admin, random);
        }
        match random.below(100) {
            0..30 => self.issue(server, owner, random),
            30..55 => self.renew(server, random),
            55..70 => self.verify(server, random),
            70..85 => self.revoke(server, random),
            85..90 => self.steal(server, random),
            90..95 if self.signing.len() < KEY_SETS => self.renew_keys(server),
            95..97 if !self.shared => self.revoke_all(server),
            97 if !self.shared => self.delete(server, admin),
            _ => self.issue(server, owner, random),
        }
    }

    fn register_as(
        &mut self,
        server: &mut Connection,
        admin: &str,
        random: &mut Random,
    ) -> Result<Option<()>, Fault> {
        // Where a deletion had no answer, the name may still be taken.
        let maybe_taken = self.state == State::Unsure && !self.token.is_empty();
        let strategy = if random.one_in(4) { "noRefresh" } else { "refreshBoth" };
        let algorithm = ["ES256", "ES256", "EdDSA", "ES384"].get(random.index(4)).copied().unwrap_or("ES256");
        let options = json!({"refresh_strategy": strategy, "sig_alg": algorithm});
        let Some(answer) = heard(server.post(&format!("/register/{}", self.kid), admin, &options)) else {
            self.state = State::Unsure;
            return Ok(None);
        };
        if maybe_taken && answer.status == 409 {
            return self.delete(server, admin);
        }
        self.expect(answer.status == 201, "registration", &answer)?;
        let body = answer.json();
        self.token = text(&body, "client_token");
        self.signing = vec![signing_kid(&body)];
        self.keys_unsure = false;
        self.state = State::Registered;
        Ok(Some(()))
    }

    fn renew_keys(&mut self, server: &mut Connection) -> Result<Option<()>, Fault> {
        self.keys_unsure = true;
        let call = json!({"kid": self.kid});
        let Some(answer) = heard(server.post("/renew_keys", &self.token, &call)) else { return Ok(None) };
        if self.shared && answer.status == 409 {
            return Ok(Some(()));
        }
        self.expect(answer.status == 201, "renewal of keys", &answer)?;
        self.signing.push(signing_kid(&answer.json()));
        self.keys_unsure = self.shared;
        Ok(Some(()))
    }

    /// Deletes it. `None`: no answer came.
    pub(crate) fn delete(&mut self, server: &mut Connection, admin: &str) -> Result<Option<()>, Fault> {
        let before = std::mem::replace(&mut self.state, State::Unsure);
        if before == State::Deleted {
            self.state = before;
            return Ok(Some(()));
        }
        let path = format!("/clients/{}", self.kid);
        let Some(answer) = heard(server.request("DELETE", &path, admin, "")) else {
            // Nobody knows which life of the name its tokens are of.
            self.sessions.clear();
            return Ok(None);
        };
        let gone = before == State::Unsure && answer.status == 404;
        self.expect(answer.status == 204 || gone, "deletion", &answer)?;
        self.state = State::Deleted;
        for session in &mut self.sessions {
            (session.fate, session.touched) = (Fate::Gone, true);
        }
        Ok(Some(()))
    }

    fn expect(&self, holds: bool, what: &str, answer: &Answer) -> Result<(), Fault> {
        if holds {
            return Ok(());
        }
        Err(format!("{what}: client {}, {answer:?}", self.kid).into())
    }
}

fn heard(answer: io::Result<Answer>) -> Option<Answer> {
    answer.ok()
}

fn text(body: &Value, member: &str) -> String {
    body.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn signing_kid(body: &Value) -> String {
    body.get("pub_sig_key").map(|key| text(key, "kid")).unwrap_or_default()
}
