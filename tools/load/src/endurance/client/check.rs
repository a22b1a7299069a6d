//! What must hold after a restart: the server knows all that it has told a client, and nothing of a client that it has deleted.

use jwtis_testkit::random::Random;
use serde_json::{Value, json};

use super::session::Fate;
use super::{Client, State};
use crate::endurance::connection::Connection;
use crate::output::Fault;

impl Client {
    /// Compares the server with all that it has said. Gives the number of comparisons.
    pub(crate) fn check(
        &mut self,
        server: &mut Connection,
        admin: &str,
        random: &mut Random,
    ) -> Result<u64, Fault> {
        match self.state {
            State::Unsure => Ok(0),
            State::Deleted => self.check_deleted(server, admin),
            State::Registered => self.check_registered(server, random),
        }
    }

    fn check_registered(&mut self, server: &mut Connection, random: &mut Random) -> Result<u64, Fault> {
        let mut checks = 1;
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

    /// The name is unknown, the client's token opens nothing, and no token of it is active (docs/reference/issuer-api.md: 404 for the admin, 401 for others).
    fn check_deleted(&self, server: &mut Connection, admin: &str) -> Result<u64, Fault> {
        let keys = server.get(&format!("/keys/{}", self.kid), "")?;
        self.expect(keys.status == 404, "deleted, and its keys are served", &keys)?;
        let path = format!("/clients/{}", self.kid);
        let known = server.get(&path, admin)?;
        self.expect(known.status == 404, "deleted, and its name is known", &known)?;
        let opened = server.get(&path, &self.token)?;
        self.expect(opened.status == 401, "deleted, and its token opens it", &opened)?;
        let mut checks = 3;
        for session in &self.sessions {
            let call = json!({"kid": self.kid, "auth_token": session.access});
            for (token, status) in [(admin, 404), (self.token.as_str(), 401)] {
                let verdict = server.post("/verify_token", token, &call)?;
                let active = verdict.json().get("active").and_then(Value::as_bool);
                let dead = verdict.status == status && active != Some(true);
                self.expect(dead, "deleted, and a token of it is verified", &verdict)?;
            }
            let call = json!({"kid": self.kid, "refresh_token": session.refresh});
            let renewed = server.post("/renew_token", &self.token, &call)?;
            self.expect(renewed.status == 401, "deleted, and a session of it goes on", &renewed)?;
            checks += 3;
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
}
