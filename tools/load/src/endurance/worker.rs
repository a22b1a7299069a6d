//! One thread's clients of the issuer.

use std::collections::VecDeque;

use jwtis_testkit::random::Random;

use crate::endurance::client::Client;
use crate::endurance::connection::Connection;
use crate::endurance::server::Server;
use crate::output::Fault;

/// Registrations of a thread; when there are more, the oldest is deleted.
const REGISTRATIONS: usize = 5;
/// Deleted registrations that a thread remembers for the next comparison; the oldest is forgotten.
const DROPPED: usize = 32;

/// Some clients of its own, and a share in one that all threads use.
#[derive(Debug)]
pub(crate) struct Worker {
    name: String,
    /// The shared one is the first.
    clients: Vec<Client>,
    /// Deleted since the last comparison, and not to be registered again.
    dropped: VecDeque<Client>,
    registered: u64,
}

impl Worker {
    /// So many workers, who share a client.
    pub(crate) fn several(server: &Server, admin: &str, count: usize, seed: u64) -> Result<Vec<Self>, Fault> {
        let mut issuer = Connection::new(&server.issuer);
        let shared = Client::register(&mut issuer, admin, "shared".to_owned(), &mut Random::new(seed))?;
        let shared = shared.ok_or("the server does not answer")?;
        let worker = |number| Self {
            name: format!("w{number}"),
            clients: vec![shared.share()],
            dropped: VecDeque::new(),
            registered: 0,
        };
        Ok((0..count).map(worker).collect())
    }

    /// Does one random thing. `None`: no answer came.
    pub(crate) fn work(
        &mut self,
        issuer: &mut Connection,
        admin: &str,
        random: &mut Random,
    ) -> Result<Option<()>, Fault> {
        if self.clients.len() > REGISTRATIONS {
            let oldest = self.clients.remove(1);
            return self.drop_client(oldest, issuer, admin);
        }
        if self.clients.len() < 2 || random.one_in(60) {
            self.registered += 1;
            let kid = format!("{}-{}", self.name, self.registered);
            let Some(client) = Client::register(issuer, admin, kid, random)? else { return Ok(None) };
            self.clients.push(client);
            return Ok(Some(()));
        }
        let index = random.index(self.clients.len());
        match self.clients.get_mut(index) {
            Some(client) => client.work(issuer, admin, random, &self.name),
            None => Ok(Some(())),
        }
    }

    fn drop_client(
        &mut self,
        mut client: Client,
        issuer: &mut Connection,
        admin: &str,
    ) -> Result<Option<()>, Fault> {
        let answer = client.delete(issuer, admin)?;
        if self.dropped.len() >= DROPPED {
            self.dropped.pop_front();
        }
        self.dropped.push_back(client);
        Ok(answer)
    }

    /// Compares the server with all that it has said to these clients. Gives the number of comparisons.
    pub(crate) fn check(
        &mut self,
        issuer: &mut Connection,
        admin: &str,
        random: &mut Random,
    ) -> Result<u64, Fault> {
        let mut checks = 0;
        for client in self.clients.iter_mut().chain(&mut self.dropped) {
            checks += client.check(issuer, admin, random)?;
        }
        self.dropped.clear();
        Ok(checks)
    }
}
