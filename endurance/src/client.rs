//! A client of the issuer, and all that the server has told it.
//!
//! Each belongs to one thread, so what must be so afterwards is known, but for the one request that was on its way at the kill.

use std::io;

use serde_json::{Value, json};

use crate::Fault;
use crate::http::{Answer, Connection};
use crate::random::Random;

/// Sessions that a client remembers; the oldest is forgotten.
const SESSIONS: usize = 24;
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

#[derive(Debug)]
struct Session {
    id: Value,
    sub: String,
    access: String,
    refresh: String,
    /// The refresh token two generations back: whoever shows it is a thief.
    stolen: Option<String>,
    previous: Option<String>,
    fate: Fate,
    /// Used since the last check.
    touched: bool,
}

#[derive(Copy, Clone, PartialEq, Eq, Debug)]
enum Fate {
    Alive,
    Revoked,
    /// The client was deleted: dead, for whatever reason the server finds first.
    Gone,
    /// The answer to a revocation never came.
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

    /// Compares the server with all that it has said. Gives the number of comparisons.
    pub(crate) fn check(&mut self, server: &mut Connection, random: &mut Random) -> Result<u64, Fault> {
        let mut checks = 1;
        match self.state {
            State::Unsure => return Ok(0),
            State::Deleted => {
                let answer = server.get(&format!("/keys/{}", self.kid), "")?;
                return self
                    .expect(answer.status == 404, "deleted, and its keys are served", &answer)
                    .map(|()| 1);
            }
            State::Registered => {}
        }
        let jwks = server.get(&format!("/keys/{}/jwks.json", self.kid), "")?;
        for signing in &self.signing {
            self.expect(jwks.body.contains(signing), "a key was lost", &jwks)?;
            checks += 1;
        }
        let known = server.get(&format!("/clients/{}", self.kid), &self.token)?;
        self.expect(known.status == 200, "a registration was lost", &known)?;
        if !self.keys_unsure
            && let Some(newest) = self.signing.last()
        {
            let keys = server.get(&format!("/keys/{}", self.kid), "")?;
            self.expect(keys.body.contains(newest), "the keys went back", &keys)?;
        }
        for index in 0..self.sessions.len() {
            let Some(session) = self.sessions.get_mut(index) else { break };
            if std::mem::take(&mut session.touched) || random.one_in(5) {
                self.check_session(server, index)?;
                checks += 2;
            }
        }
        Ok(checks)
    }

    fn check_session(&mut self, server: &mut Connection, index: usize) -> Result<(), Fault> {
        let Some(session) = self.sessions.get(index) else { return Ok(()) };
        let fate = session.fate;
        if fate == Fate::Unsure {
            return Ok(());
        }
        let verdict = server.post(
            "/verify_token",
            &self.token,
            &json!({"kid": self.kid, "auth_token": session.access}),
        )?;
        self.expect_verdict(fate, &verdict)?;
        let refresh = session.refresh.clone();
        let renewed =
            server.post("/renew_token", &self.token, &json!({"kid": self.kid, "refresh_token": refresh}))?;
        if fate == Fate::Alive {
            self.expect(renewed.status == 201, "the newest generation was lost", &renewed)?;
            self.rotate(index, &renewed.json());
            return Ok(());
        }
        self.expect(matches!(renewed.status, 400..=499), "a revoked session was renewed", &renewed)
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

    fn issue(
        &mut self,
        server: &mut Connection,
        owner: &str,
        random: &mut Random,
    ) -> Result<Option<()>, Fault> {
        self.sessions_so_far += 1;
        let sub = format!("{owner}-{}", random.below(self.sessions_so_far.div_ceil(2)));
        let call = json!({"kid": self.kid, "claims": {"sub": sub, "n": self.sessions_so_far}});
        let Some(answer) = heard(server.post("/issue_token", &self.token, &call)) else { return Ok(None) };
        self.expect(answer.status == 201, "issue", &answer)?;
        let body = answer.json();
        if self.sessions.len() >= SESSIONS {
            self.sessions.remove(0);
        }
        self.sessions.push(Session {
            id: body.get("id").cloned().unwrap_or_default(),
            sub,
            access: text(&body, "access_token"),
            refresh: text(&body, "refresh_token"),
            stolen: None,
            previous: None,
            fate: Fate::Alive,
            touched: true,
        });
        Ok(Some(()))
    }

    /// An index of a session, if there is one.
    fn any_session(&mut self, random: &mut Random) -> Option<usize> {
        let index = random.index(self.sessions.len());
        self.sessions.get_mut(index)?.touched = true;
        Some(index)
    }

    fn renew(&mut self, server: &mut Connection, random: &mut Random) -> Result<Option<()>, Fault> {
        let Some(index) = self.any_session(random) else { return Ok(Some(())) };
        let Some(session) = self.sessions.get(index) else { return Ok(Some(())) };
        let fate = session.fate;
        let call = json!({"kid": self.kid, "refresh_token": session.refresh});
        // Without an answer the session may have gone on; within the grace the same token then gets the answer once more.
        let Some(answer) = heard(server.post("/renew_token", &self.token, &call)) else { return Ok(None) };
        match fate {
            Fate::Alive => {
                self.expect(answer.status == 201, "renewal", &answer)?;
                self.rotate(index, &answer.json());
            }
            Fate::Revoked | Fate::Gone => {
                self.expect(matches!(answer.status, 400..=499), "a revoked session was renewed", &answer)?;
            }
            Fate::Unsure => {}
        }
        Ok(Some(()))
    }

    fn rotate(&mut self, index: usize, body: &Value) {
        let Some(session) = self.sessions.get_mut(index) else { return };
        session.access = text(body, "access_token");
        let refresh = text(body, "refresh_token");
        if refresh != session.refresh {
            let old = std::mem::replace(&mut session.refresh, refresh);
            session.stolen = session.previous.replace(old).or_else(|| session.stolen.take());
        }
    }

    fn verify(&mut self, server: &mut Connection, random: &mut Random) -> Result<Option<()>, Fault> {
        let Some(index) = self.any_session(random) else { return Ok(Some(())) };
        let Some(session) = self.sessions.get(index) else { return Ok(Some(())) };
        let call = json!({"kid": self.kid, "auth_token": session.access});
        let Some(answer) = heard(server.post("/verify_token", &self.token, &call)) else { return Ok(None) };
        self.expect_verdict(session.fate, &answer)?;
        Ok(Some(()))
    }

    fn expect_verdict(&self, fate: Fate, answer: &Answer) -> Result<(), Fault> {
        let body = answer.json();
        let active = body.get("active").and_then(Value::as_bool);
        let reason = body.get("reason").and_then(Value::as_str);
        match fate {
            Fate::Alive => self.expect(active == Some(true), "a living session is dead", answer),
            Fate::Revoked => self.expect(
                active == Some(false) && reason == Some("revoked"),
                "a revocation was lost",
                answer,
            ),
            Fate::Gone => self.expect(active == Some(false), "a deleted client's token is alive", answer),
            Fate::Unsure => Ok(()),
        }
    }

    fn revoke(&mut self, server: &mut Connection, random: &mut Random) -> Result<Option<()>, Fault> {
        let Some(index) = self.any_session(random) else { return Ok(Some(())) };
        let Some(session) = self.sessions.get(index) else { return Ok(Some(())) };
        let (kid, sub) = (&self.kid, session.sub.clone());
        let (call, by_sub) = match random.below(4) {
            0 => (json!({"kid": kid, "id": session.id}), false),
            1 => (json!({"kid": kid, "refresh_token": session.refresh}), false),
            2 => (json!({"kid": kid, "auth_token": session.access}), false),
            _ => (json!({"kid": kid, "sub": sub}), true),
        };
        // By a token of a life before, nothing is found and nothing is revoked.
        let same = |at: usize, other: &Session| if by_sub { other.sub == sub } else { at == index };
        self.fate(same, Fate::Unsure);
        let Some(answer) = heard(server.post("/revoke_token", &self.token, &call)) else { return Ok(None) };
        self.expect(answer.status == 200, "revocation", &answer)?;
        self.fate(same, Fate::Revoked);
        Ok(Some(()))
    }

    fn revoke_all(&mut self, server: &mut Connection) -> Result<Option<()>, Fault> {
        self.fate(|_, _| true, Fate::Unsure);
        let call = json!({"kid": self.kid, "all": true});
        let Some(answer) = heard(server.post("/revoke_token", &self.token, &call)) else { return Ok(None) };
        self.expect(answer.status == 200, "revocation of all", &answer)?;
        self.fate(|_, _| true, Fate::Revoked);
        Ok(Some(()))
    }

    /// Shows a refresh token two generations old: that ends the session.
    fn steal(&mut self, server: &mut Connection, random: &mut Random) -> Result<Option<()>, Fault> {
        let Some(index) = self.any_session(random) else { return Ok(Some(())) };
        let Some(session) = self.sessions.get(index) else { return Ok(Some(())) };
        let (Some(stolen), Fate::Alive) = (session.stolen.clone(), session.fate) else { return Ok(Some(())) };
        self.fate(|at, _| at == index, Fate::Unsure);
        let call = json!({"kid": self.kid, "refresh_token": stolen});
        let Some(answer) = heard(server.post("/renew_token", &self.token, &call)) else { return Ok(None) };
        let code = answer.json().get("code").cloned();
        self.expect(code == Some(json!("token_reused")), "theft was not noticed", &answer)?;
        self.fate(|at, _| at == index, Fate::Revoked);
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
        self.sessions.iter_mut().for_each(|session| session.fate = Fate::Gone);
        Ok(Some(()))
    }

    /// Changes the fate of the living ones among the sessions of which `which` holds.
    fn fate(&mut self, which: impl Fn(usize, &Session) -> bool, fate: Fate) {
        for (index, session) in self.sessions.iter_mut().enumerate() {
            if matches!(session.fate, Fate::Alive | Fate::Unsure) && which(index, session) {
                session.fate = fate;
                session.touched = true;
            }
        }
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
