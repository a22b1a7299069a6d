//! The issuer: issue, renew, verify, revoke, public keys.

use std::path::Path;
use std::sync::Arc;

use jwtis_base::{BearerSecret, Env, SecretKind};
use serde_json::{Value, json};

use super::expected::Expected;
use super::{Scenario, Users, World};
use crate::bench::connection::{Answer, Connection, get, post};
use crate::bench::floor::{self, Work};
use crate::bench::load::User;
use crate::bench::server::Server;
use crate::output::Fault;

/// What tokens say: a subject, an audience, a role and a name.
pub(crate) fn claims() -> Value {
    json!({"sub": "user-1234", "aud": "api", "role": "admin", "name": "Somebody Important"})
}

/// A registered client.
pub(crate) struct Registered {
    address: String,
    kid: String,
    authorization: String,
}

/// ES256, ECDH-ES+A256KW, A256GCM.
pub(super) fn default_algorithms(binary: &Path) -> Result<World, Fault> {
    let (server, folder, admin) = start(binary)?;
    let address = server.address(LISTENS)?.to_owned();
    let shop = register(&address, &admin, "shop", json!({}))?;
    let both = register(&address, &admin, "both", json!({"refresh_strategy": "refreshBoth"}))?;
    let tokens = first_tokens(&shop)?;

    let issue_floor = || -> Result<Work, Fault> {
        Ok(floor::all(vec![
            floor::es256_sign()?,
            floor::es256_sign()?,
            floor::ecdh_es_send(true)?,
            floor::gcm()?,
        ]))
    };
    let open_floor = || -> Result<Work, Fault> {
        Ok(floor::all(vec![floor::ecdh_es_receive(true)?, floor::gcm()?, floor::es256_verify()?]))
    };
    let access = text(&tokens, "access_token")?;
    let refresh = text(&tokens, "refresh_token")?;
    let etag = etag(&shop)?;
    let jwks = format!("/keys/{}/jwks.json", shop.kid);
    let scenarios = vec![
        scenario("issue", &shop, issue_floor()?, same(issue(&shop), Expected::TOKENS)),
        scenario(
            "renew, noRefresh",
            &shop,
            floor::all(vec![open_floor()?, floor::es256_sign()?]),
            same(
                shop.post("/renew_token", json!({"kid": shop.kid, "refresh_token": refresh})),
                Expected::TOKENS,
            ),
        ),
        scenario(
            "renew, refreshBoth",
            &both,
            floor::all(vec![open_floor()?, issue_floor()?]),
            renewing(&both),
        ),
        scenario(
            "verify",
            &shop,
            floor::es256_verify()?,
            same(
                shop.post("/verify_token", json!({"kid": shop.kid, "auth_token": access})),
                Expected::ACTIVE,
            ),
        ),
        scenario("revoke", &shop, floor::nothing()?, revoking(&shop)),
        scenario("jwks", &shop, floor::nothing()?, same(get(&jwks, ""), Expected::KEYS)),
        scenario(
            "jwks with ETag",
            &shop,
            floor::nothing()?,
            same(get(&jwks, &format!("if-none-match: {etag}\r\n")), Expected::NotModified),
        ),
        scenario("mix 70/20/10", &both, floor::nothing()?, mixed(&both, &access_of(&both)?)),
    ];
    World::new(server, scenarios, folder)
}

/// EdDSA, ECDH-ES, A256GCM.
pub(super) fn eddsa(binary: &Path) -> Result<World, Fault> {
    let (server, folder, admin) = start(binary)?;
    let address = server.address(LISTENS)?.to_owned();
    let options = json!({"sig_alg": "EdDSA", "enc_alg": "ECDH-ES"});
    let client = register(&address, &admin, "shop", options)?;
    let floor = floor::all(vec![
        floor::eddsa_sign()?,
        floor::eddsa_sign()?,
        floor::ecdh_es_send(false)?,
        floor::gcm()?,
    ]);
    let scenarios =
        vec![scenario("issue, EdDSA + ECDH-ES", &client, floor, same(issue(&client), Expected::TOKENS))];
    World::new(server, scenarios, folder)
}

/// RS256, RSA-OAEP-256, A256GCM.
pub(super) fn rsa(binary: &Path) -> Result<World, Fault> {
    let (server, folder, admin) = start(binary)?;
    let address = server.address(LISTENS)?.to_owned();
    let options = json!({"sig_alg": "RS256", "enc_alg": "RSA-OAEP-256"});
    let client = register(&address, &admin, "shop", options)?;
    let floor =
        floor::all(vec![floor::rs256_sign()?, floor::rs256_sign()?, floor::oaep_send()?, floor::gcm()?]);
    let scenarios =
        vec![scenario("issue, RS256 + RSA-OAEP-256", &client, floor, same(issue(&client), Expected::TOKENS))];
    World::new(server, scenarios, folder)
}

/// What the start prints before the issuer's address.
pub(crate) const LISTENS: &str = "is listening on";

fn start(binary: &Path) -> Result<(Server, tempfile::TempDir, String), Fault> {
    let folder = tempfile::tempdir()?;
    let store = folder.path().join("keys.db");
    let store = store.to_str().ok_or("a scratch folder with an odd name")?;
    let admin = BearerSecret::generate(SecretKind::Admin, &Env::system())?.reveal().to_owned();
    let server = Server::start(
        binary,
        &["serve", "-l", "127.0.0.1:0", "--utility-address", "off", "--dbPath", store],
        &[("JWTIS_PSWD", "a password of the benchmark"), ("JWTIS_ADMIN_TOKEN", &admin)],
        &[LISTENS],
    )?;
    Ok((server, folder, admin))
}

fn register(address: &str, admin: &str, kid: &str, options: Value) -> Result<Registered, Fault> {
    let headers = format!("authorization: Bearer {admin}\r\n");
    let request = post(&format!("/register/{kid}"), &headers, &options.to_string());
    let body = once(address, &request, Expected::Holds("\"client_token\":"))?;
    let token = text(&serde_json::from_slice(&body)?, "client_token")?;
    Ok(Registered::new(address, kid, &token))
}

impl Registered {
    /// The client `kid` of the issuer at `address`, with its token.
    pub(crate) fn new(address: &str, kid: &str, token: &str) -> Self {
        Self {
            address: address.to_owned(),
            kid: kid.to_owned(),
            authorization: format!("authorization: Bearer {token}\r\n"),
        }
    }

    pub(crate) fn post(&self, path: &str, body: Value) -> Vec<u8> {
        post(path, &self.authorization, &body.to_string())
    }
}

/// A request for the tokens of a new session.
pub(crate) fn issue(client: &Registered) -> Vec<u8> {
    client.post("/issue_token", json!({"kid": client.kid, "claims": claims()}))
}

fn first_tokens(client: &Registered) -> Result<Value, Fault> {
    Ok(serde_json::from_slice(&once(&client.address, &issue(client), Expected::TOKENS)?)?)
}

fn access_of(client: &Registered) -> Result<String, Fault> {
    text(&first_tokens(client)?, "access_token")
}

fn etag(client: &Registered) -> Result<String, Fault> {
    let request = get(&format!("/keys/{}/jwks.json", client.kid), "");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut connection = Connection::open(&client.address).await?;
        let answer = connection.exchange(&request).await?;
        let line = answer.head.lines().find_map(|line| line.strip_prefix("etag: "));
        Ok(line.ok_or("no ETag")?.to_owned())
    })
}

/// One exchange; gives the body.
pub(crate) fn once(address: &str, request: &[u8], expected: Expected) -> Result<Vec<u8>, Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut connection = Connection::open(address).await?;
        let answer = connection.exchange(request).await?;
        expected.of(&answer)?;
        Ok(answer.body.to_vec())
    })
}

pub(super) fn text(object: &Value, name: &str) -> Result<String, Fault> {
    Ok(object.get(name).and_then(Value::as_str).ok_or_else(|| format!("no {name} in the answer"))?.to_owned())
}

fn scenario(name: &str, client: &Registered, floor: Work, users: Users) -> Scenario {
    Scenario {
        name: name.to_owned(),
        address: client.address.clone(),
        connections: vec![1, 16, 64],
        users,
        floor,
    }
}

/// Users that send the same request again and again.
pub(crate) fn same(request: Vec<u8>, expected: Expected) -> Users {
    cycle(vec![request], expected)
}

/// Users that send all of these requests in turns, each user from another one on.
pub(crate) fn cycle(requests: Vec<Vec<u8>>, expected: Expected) -> Users {
    struct Cycle {
        requests: Arc<[Vec<u8>]>,
        at: usize,
        expected: Expected,
    }

    impl User for Cycle {
        fn request(&mut self) -> Vec<u8> {
            let at = self.at.checked_rem(self.requests.len()).unwrap_or_default();
            self.at = at.saturating_add(1);
            self.requests.get(at).cloned().unwrap_or_default()
        }

        fn answer(&mut self, answer: &Answer<'_>) -> Result<(), Fault> {
            self.expected.of(answer)
        }
    }
    let requests: Arc<[Vec<u8>]> = requests.into();
    Box::new(move |count| {
        let user = |at| Box::new(Cycle { requests: requests.clone(), at, expected }) as Box<dyn User>;
        Ok((0..count).map(user).collect())
    })
}

/// What a [`Session`] sends next.
type Next = fn(&mut Session) -> (Vec<u8>, Expected);

/// A user with tokens of his own.
struct Session {
    kid: String,
    authorization: String,
    refresh: String,
    access: String,
    count: u64,
    expected: Expected,
    next: Next,
}

impl Session {
    fn post(&self, path: &str, body: Value) -> Vec<u8> {
        post(path, &self.authorization, &body.to_string())
    }

    fn renew(&mut self) -> (Vec<u8>, Expected) {
        let body = json!({"kid": self.kid, "refresh_token": self.refresh});
        (self.post("/renew_token", body), Expected::TOKENS)
    }

    /// Seven times issue, twice verify, once renew.
    fn mixed(&mut self) -> (Vec<u8>, Expected) {
        match self.count % 10 {
            0..7 => {
                let body = json!({"kid": self.kid, "claims": claims()});
                (self.post("/issue_token", body), Expected::TOKENS)
            }
            7..9 => {
                let body = json!({"kid": self.kid, "auth_token": self.access});
                (self.post("/verify_token", body), Expected::ACTIVE)
            }
            _ => self.renew(),
        }
    }
}

impl User for Session {
    fn request(&mut self) -> Vec<u8> {
        let (request, expected) = (self.next)(self);
        self.count = self.count.wrapping_add(1);
        self.expected = expected;
        request
    }

    fn answer(&mut self, answer: &Answer<'_>) -> Result<(), Fault> {
        self.expected.of(answer)?;
        if self.expected == Expected::TOKENS {
            let refresh = text(&serde_json::from_slice(answer.body)?, "refresh_token")?;
            if refresh == self.refresh {
                return Err("a renewal with rotation made no new refresh token".into());
            }
            self.refresh = refresh;
        }
        Ok(())
    }
}

fn sessions(client: &Registered, access: &str, next: Next) -> Users {
    let (address, kid) = (client.address.clone(), client.kid.clone());
    let (authorization, access) = (client.authorization.clone(), access.to_owned());
    Box::new(move |count| {
        let client =
            Registered { address: address.clone(), kid: kid.clone(), authorization: authorization.clone() };
        let user = |index: usize| -> Result<Box<dyn User>, Fault> {
            let tokens = first_tokens(&client)?;
            Ok(Box::new(Session {
                kid: kid.clone(),
                authorization: authorization.clone(),
                refresh: text(&tokens, "refresh_token")?,
                access: access.clone(),
                // Users of a mix do not all ask for the same thing at once.
                count: index as u64,
                expected: Expected::TOKENS,
                next,
            }))
        };
        (0..count).map(user).collect()
    })
}

/// Users that each renew the tokens of a session of their own.
pub(crate) fn renewing(client: &Registered) -> Users {
    sessions(client, "", Session::renew)
}

/// Users that each revoke the sessions of a subject of their own, again and again: one small record.
fn revoking(client: &Registered) -> Users {
    struct Revoking {
        kid: String,
        authorization: String,
        subject: usize,
    }

    impl User for Revoking {
        fn request(&mut self) -> Vec<u8> {
            let body = json!({"kid": self.kid, "sub": format!("user-{}", self.subject)});
            post("/revoke_token", &self.authorization, &body.to_string())
        }

        fn answer(&mut self, answer: &Answer<'_>) -> Result<(), Fault> {
            Expected::Holds("{}").of(answer)
        }
    }
    let (kid, authorization) = (client.kid.clone(), client.authorization.clone());
    Box::new(move |count| {
        let user = |subject| {
            let (kid, authorization) = (kid.clone(), authorization.clone());
            Box::new(Revoking { kid, authorization, subject }) as Box<dyn User>
        };
        Ok((0..count).map(user).collect())
    })
}

fn mixed(client: &Registered, access: &str) -> Users {
    sessions(client, access, Session::mixed)
}
