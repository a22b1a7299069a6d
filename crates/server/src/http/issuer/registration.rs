//! A client's keys: `POST /register/{kid}` makes the first ones, `POST /renew_keys` others.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jwtis_base::Timestamp;
use jwtis_issuer::{Client, KeyOptions, RegisterError, RenewKeysError};
use jwtis_jose::Jwk;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::api::IssuerApi;
use super::auth::{Kid, NewKid, Registrar, TokenHolder};
use super::json::StrictJson;
use super::members::{
    KidMember, OptionalAudience, OptionalBits, OptionalContentEncryption, OptionalKeyManagementAlgorithm,
    OptionalRefreshStrategy, OptionalSignatureAlgorithm, OptionalText, OptionalTtl,
};
use super::problem::Problem;
use super::promised::Problems;
use super::shapes::{self, PublicJwk, StrategyName};

/// Both requests have the same options. Serde cannot flatten one struct into another and know the names of all members.
macro_rules! options_of_keys {
    ($(#[$about:meta])* $name:ident { $($(#[$means:meta])* $first:ident: $type:ty,)? }) => {
        $(#[$about])*
        #[derive(Deserialize, ToSchema)]
        pub(super) struct $name {
            $($(#[$means])* $first: $type,)?
            /// Life of the keys; no token outlives them.
            #[serde(default)]
            expiry: OptionalTtl,
            /// Signature algorithm.
            #[serde(default)]
            sig_alg: OptionalSignatureAlgorithm,
            /// Size of the signing key; follows `sig_alg`.
            #[serde(default)]
            #[schema(value_type = shapes::SignatureBits)]
            sig_bits: OptionalBits,
            /// Key management algorithm; RSA1_5 where the server allows it.
            #[serde(default)]
            enc_alg: OptionalKeyManagementAlgorithm,
            /// Size of the encryption key; follows `enc_alg`.
            #[serde(default)]
            #[schema(value_type = shapes::KeyManagementBits)]
            enc_bits: OptionalBits,
            /// Content encryption.
            #[serde(default)]
            cont_enc: OptionalContentEncryption,
            /// Longest life of an access token; at most `refresh_ttl`.
            #[serde(default)]
            auth_ttl: OptionalTtl,
            /// Longest life of a refresh token.
            #[serde(default)]
            refresh_ttl: OptionalTtl,
            /// When renewals make a new refresh token.
            #[serde(default)]
            refresh_strategy: OptionalRefreshStrategy,
            /// `iss` of the tokens, at most 512 bytes; the `kid` unless given.
            #[serde(default)]
            #[schema(value_type = shapes::IssuerName)]
            issuer: OptionalText,
            /// `aud` of tokens whose claims name none; 1 to 512 bytes each.
            #[serde(default)]
            audience: OptionalAudience,
        }

        impl $name {
            fn options(&self) -> KeyOptions {
                KeyOptions {
                    expiry: self.expiry.0,
                    sig_alg: self.sig_alg.0,
                    sig_bits: self.sig_bits.0,
                    enc_alg: self.enc_alg.0,
                    enc_bits: self.enc_bits.0,
                    cont_enc: self.cont_enc.0,
                    auth_ttl: self.auth_ttl.0,
                    refresh_ttl: self.refresh_ttl.0,
                    refresh_strategy: self.refresh_strategy.0,
                    issuer: self.issuer.0.clone(),
                    audience: self.audience.0.clone(),
                }
            }
        }
    };
}

options_of_keys! {
    /// The first keys of a client; what is left out is the server's choice.
    RegisterRequest {}
}

options_of_keys! {
    /// New keys for a client. A client keeps the options that it leaves out. For the admin they are those of the registration, or of the
    /// admin's latest renewal.
    RenewKeysRequest {
        /// The client.
        kid: KidMember,
    }
}

/// Register a client; for the admin, or for anybody where registration is open
#[utoipa::path(
    post,
    path = "/register/{kid}",
    operation_id = "register",
    params(NewKid),
    request_body = RegisterRequest,
    responses(
        (status = CREATED, description = "the client's token and public keys", body = Registration<'static>),
        Problems<(Registrar, Kid, StrictJson<RegisterRequest>, RegisterError)>,
    ),
)]
pub(super) async fn register(
    State(api): State<Arc<IssuerApi>>,
    Registrar(access): Registrar,
    Kid(client_id): Kid,
    request: StrictJson<RegisterRequest>,
) -> Result<Response, Problem> {
    let registered = api.issuer.register(&access, client_id, request.options()).await?;
    let token = registered.client_token.reveal();
    let answer = Registration::of(&registered.client, token, api.issuer.env().now());
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// New keys for a client
#[utoipa::path(
    post,
    path = "/renew_keys",
    operation_id = "renewKeys",
    request_body = RenewKeysRequest,
    responses(
        (status = CREATED, description = "the new public keys", body = ActiveKeys<'static>),
        Problems<(TokenHolder, StrictJson<RenewKeysRequest>, RenewKeysError)>,
    ),
)]
pub(super) async fn renew_keys(
    State(api): State<Arc<IssuerApi>>,
    caller: TokenHolder,
    request: StrictJson<RenewKeysRequest>,
) -> Result<Response, Problem> {
    let access = caller.client(&api, &request.kid.0).await?;
    let client = api.issuer.renew_keys(&access, request.options()).await?;
    Ok((StatusCode::CREATED, Json(ActiveKeys::of(&client, api.issuer.env().now()))).into_response())
}

/// The active keys of a client.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ActiveKeys<'a> {
    #[schema(value_type = KidMember)]
    kid: &'a str,
    #[schema(value_type = PublicJwk)]
    pub_sig_key: &'a Jwk,
    #[schema(value_type = PublicJwk)]
    pub_enc_key: &'a Jwk,
    /// Seconds since 1970-01-01T00:00:00Z.
    expiry: u64,
    valid: bool,
    #[schema(value_type = StrategyName)]
    refresh_strategy: &'static str,
}

impl<'a> ActiveKeys<'a> {
    fn of(client: &'a Client, now: Timestamp) -> Self {
        let keys = client.keys().active();
        Self {
            kid: client.id().as_str(),
            pub_sig_key: keys.public_signing_key(),
            pub_enc_key: keys.public_encryption_key(),
            expiry: keys.expires_at().seconds(),
            valid: now < keys.expires_at(),
            refresh_strategy: keys.policy().refresh_strategy.name(),
        }
    }
}

/// The active keys of a new client, with what no later answer holds.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Registration<'a> {
    #[schema(value_type = KidMember)]
    kid: &'a str,
    #[schema(value_type = shapes::ClientTokenText)]
    client_token: &'a str,
    #[schema(value_type = PublicJwk)]
    pub_sig_key: &'a Jwk,
    #[schema(value_type = PublicJwk)]
    pub_enc_key: &'a Jwk,
    /// Seconds since 1970-01-01T00:00:00Z.
    expiry: u64,
    valid: bool,
    #[schema(value_type = StrategyName)]
    refresh_strategy: &'static str,
    /// What the refresh strategy gives up.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    notice: Option<&'static str>,
}

impl<'a> Registration<'a> {
    fn of(client: &'a Client, client_token: &'a str, now: Timestamp) -> Self {
        let ActiveKeys { kid, pub_sig_key, pub_enc_key, expiry, valid, refresh_strategy } =
            ActiveKeys::of(client, now);
        let notice = client.keys().active().policy().refresh_strategy.notice();
        Self { kid, client_token, pub_sig_key, pub_enc_key, expiry, valid, refresh_strategy, notice }
    }
}
