//! Who is calling: header text becomes [`Credentials`], and those become a proof or a refusal before the body is read. A client's token
//! is looked up by its hash; whether it is the token of the client that the body names is checked once the body is there.
//!
//! `Authorization: Bearer TOKEN` (RFC 6750 §2.1), `Authorization: Basic` with `kid:TOKEN` (RFC 7617), or `ClientToken: TOKEN`, the
//! header that the Go program's README promised. One of them: whoever sends two cannot know which one counts.

use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use jwtis_base::{BearerSecret, ClientId};
use jwtis_issuer::{AdminAccess, ClientAccess, Credentials, Recognised, RegistrationAccess};
use utoipa::IntoParams;
use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use zeroize::Zeroizing;

use super::api::IssuerApi;
use super::problem::{Code, Problem};
use super::promised::IssuerRefuses;
use super::shapes::{KID, NEW_KID};
use crate::http::bearer;
use crate::http::observe::authenticated;
use crate::http::source::Source;

const CLIENT_TOKEN: HeaderName = HeaderName::from_static("clienttoken");

/// A caller with a token that somebody has. For whom it counts is proved by [`TokenHolder::client`].
pub(super) struct TokenHolder(Recognised);

/// A caller who proved to be the admin.
pub(super) struct Admin(pub(super) AdminAccess);

/// A caller who may register clients.
pub(super) struct Registrar(pub(super) RegistrationAccess);

/// The `{kid}` of a path.
pub(super) struct Kid(pub(super) ClientId);

/// The `{kid}` of a registration, in the OpenAPI document.
pub(super) enum NewKid {}

impl TokenHolder {
    /// Lets the caller act for `kid`, and names that client in the log.
    pub(super) async fn client(
        &self,
        api: &IssuerApi,
        client_id: &ClientId,
    ) -> Result<ClientAccess, Problem> {
        let access = api.issuer.client_access(Some(self.0.credentials()), client_id).await?;
        authenticated(client_id.as_str());
        Ok(access)
    }
}

impl IssuerRefuses for TokenHolder {
    const CODES: &'static [Code] = &[
        Code::AmbiguousCredentials,
        Code::Unauthorized,
        Code::ClientDisabled,
        Code::UnknownKid,
        Code::StoreUnavailable,
    ];
}

impl IssuerRefuses for Admin {
    const CODES: &'static [Code] = &[Code::AmbiguousCredentials, Code::Unauthorized, Code::StoreUnavailable];
}

impl IssuerRefuses for Registrar {
    const CODES: &'static [Code] = Admin::CODES;
}

impl IssuerRefuses for Kid {
    const CODES: &'static [Code] = &[Code::InvalidKid, Code::UnknownRoute];
}

impl IntoParams for Kid {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        kid_in_path(KID)
    }
}

impl IntoParams for NewKid {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        kid_in_path(NEW_KID)
    }
}

fn kid_in_path(pattern: &str) -> Vec<Parameter> {
    let kid = ParameterBuilder::new().name("kid").parameter_in(ParameterIn::Path).required(Required::True);
    let schema = ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern));
    vec![kid.description(Some("the client")).schema(Some(schema)).build()]
}

impl FromRequestParts<Arc<IssuerApi>> for TokenHolder {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<IssuerApi>) -> Result<Self, Problem> {
        let recognised = async {
            let credentials = credentials(&parts.headers)?.ok_or(Problem::new(Code::Unauthorized))?;
            Ok(Self(api.issuer.recognise(credentials).await?))
        };
        note(api, parts, recognised.await)
    }
}

impl FromRequestParts<Arc<IssuerApi>> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<IssuerApi>) -> Result<Self, Problem> {
        let admin = async { Ok(Self(api.issuer.admin(credentials(&parts.headers)?.as_ref()).await?)) };
        note(api, parts, admin.await)
    }
}

impl FromRequestParts<Arc<IssuerApi>> for Registrar {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<IssuerApi>) -> Result<Self, Problem> {
        let registrar =
            async { Ok(Self(api.issuer.registration(credentials(&parts.headers)?.as_ref()).await?)) };
        note(api, parts, registrar.await)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Kid {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let invalid = || Problem::new(Code::InvalidKid);
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| invalid())?;
        text.parse().map(Self).map_err(|_| invalid())
    }
}

/// Writes wrong credentials into the audit trail: one line a minute for each source, with the number of those before it.
fn note<T>(api: &IssuerApi, parts: &Parts, outcome: Result<T, Problem>) -> Result<T, Problem> {
    let carries =
        parts.headers.contains_key(header::AUTHORIZATION) || parts.headers.contains_key(CLIENT_TOKEN);
    let wrong = outcome.as_ref().is_err_and(|problem| problem.code().name() == Code::Unauthorized.name());
    let source = Source::of(&parts.extensions).map_or(Ipv4Addr::UNSPECIFIED.into(), Source::address);
    let now = api.issuer.env().now();
    if let Some(refused) = (carries && wrong).then(|| api.refusals.count(source, now)).flatten() {
        tracing::warn!(
            target: "jwtis::audit",
            event = "credentials_refused",
            %source,
            refused,
            "an admin or client token was refused; more of this source within a minute are counted and not logged"
        );
    }
    outcome
}

/// What the headers carry; `None` where they carry nothing.
fn credentials(headers: &HeaderMap) -> Result<Option<Credentials>, Problem> {
    let mut authorization = headers.get_all(header::AUTHORIZATION).iter();
    let mut client_token = headers.get_all(CLIENT_TOKEN).iter();
    let given = match (authorization.next(), client_token.next()) {
        (None, None) => return Ok(None),
        (Some(value), None) => from_authorization(value),
        (None, Some(value)) => secret(value.as_bytes(), None),
        (Some(_), Some(_)) => return Err(Problem::new(Code::AmbiguousCredentials)),
    };
    if authorization.next().is_some() || client_token.next().is_some() {
        return Err(Problem::new(Code::AmbiguousCredentials));
    }
    // What cannot be a token of ours is answered like a wrong one.
    given.map(Some).ok_or(Problem::new(Code::Unauthorized))
}

fn from_authorization(value: &HeaderValue) -> Option<Credentials> {
    if let Some(token) = bearer::of(value, "Bearer") {
        return secret(token, None);
    }
    let rest = bearer::of(value, "Basic")?;
    let pair = base64_simd::STANDARD.decode_to_vec(rest).map(Zeroizing::new).ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    let (user, password) = pair.split_at_checked(colon)?;
    let user = str::from_utf8(user).ok()?.to_owned();
    secret(password.strip_prefix(b":")?, Some(user))
}

fn secret(text: &[u8], user: Option<String>) -> Option<Credentials> {
    let secret = BearerSecret::parse(str::from_utf8(text).ok()?).ok()?;
    Some(Credentials { secret, user })
}
