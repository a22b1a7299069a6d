//! What a client does with its sessions: opened, renewed with rotation, verified, revoked, stolen.

use jwtis_testkit::random::Random;
use serde_json::{Value, json};

use super::session::{Fate, Session};
use super::{Client, heard, text};
use crate::endurance::connection::{Answer, Connection};
use crate::output::Fault;

/// Sessions that a client remembers; the oldest is forgotten.
const SESSIONS: usize = 24;

impl Client {
    pub(super) fn issue(
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

    /// A session and its index, if there is one.
    fn any_session(&mut self, random: &mut Random) -> Option<(usize, Session)> {
        let index = random.index(self.sessions.len());
        let session = self.sessions.get_mut(index)?;
        session.touched = true;
        Some((index, session.clone()))
    }

    pub(super) fn renew(
        &mut self,
        server: &mut Connection,
        random: &mut Random,
    ) -> Result<Option<()>, Fault> {
        let Some((index, session)) = self.any_session(random) else { return Ok(Some(())) };
        let call = json!({"kid": self.kid, "refresh_token": session.refresh});
        // Without an answer the session may have gone on; within the grace the same token then gets the answer once more.
        let Some(answer) = heard(server.post("/renew_token", &self.token, &call)) else { return Ok(None) };
        match session.fate {
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

    pub(super) fn rotate(&mut self, index: usize, body: &Value) {
        let Some(session) = self.sessions.get_mut(index) else { return };
        session.access = text(body, "access_token");
        let refresh = text(body, "refresh_token");
        if refresh != session.refresh {
            let old = std::mem::replace(&mut session.refresh, refresh);
            session.stolen = session.previous.replace(old).or_else(|| session.stolen.take());
        }
    }

    pub(super) fn verify(
        &mut self,
        server: &mut Connection,
        random: &mut Random,
    ) -> Result<Option<()>, Fault> {
        let Some((_, session)) = self.any_session(random) else { return Ok(Some(())) };
        let call = json!({"kid": self.kid, "auth_token": session.access});
        let Some(answer) = heard(server.post("/verify_token", &self.token, &call)) else { return Ok(None) };
        self.expect_verdict(session.fate, &answer)?;
        Ok(Some(()))
    }

    pub(super) fn expect_verdict(&self, fate: Fate, answer: &Answer) -> Result<(), Fault> {
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

    pub(super) fn revoke(
        &mut self,
        server: &mut Connection,
        random: &mut Random,
    ) -> Result<Option<()>, Fault> {
        let Some((index, session)) = self.any_session(random) else { return Ok(Some(())) };
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

    pub(super) fn revoke_all(&mut self, server: &mut Connection) -> Result<Option<()>, Fault> {
        self.fate(|_, _| true, Fate::Unsure);
        let call = json!({"kid": self.kid, "all": true});
        let Some(answer) = heard(server.post("/revoke_token", &self.token, &call)) else { return Ok(None) };
        self.expect(answer.status == 200, "revocation of all", &answer)?;
        self.fate(|_, _| true, Fate::Revoked);
        Ok(Some(()))
    }

    /// Shows a refresh token two generations old: that ends the session.
    pub(super) fn steal(
        &mut self,
        server: &mut Connection,
        random: &mut Random,
    ) -> Result<Option<()>, Fault> {
        let Some((index, session)) = self.any_session(random) else { return Ok(Some(())) };
        let (Some(stolen), Fate::Alive) = (session.stolen.clone(), session.fate) else { return Ok(Some(())) };
        self.fate(|at, _| at == index, Fate::Unsure);
        let call = json!({"kid": self.kid, "refresh_token": stolen});
        let Some(answer) = heard(server.post("/renew_token", &self.token, &call)) else { return Ok(None) };
        let code = answer.json().get("code").cloned();
        self.expect(code == Some(json!("token_reused")), "theft was not noticed", &answer)?;
        self.fate(|at, _| at == index, Fate::Revoked);
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
}
