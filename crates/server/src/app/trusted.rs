//! The issuer as the signer knows it.

use jwtis_base::{BearerSecret, ClientId, Inactive, RegistrationId};
use jwtis_issuer::{Issuer, Verification};
use jwtis_jose::ClaimsSet;
use jwtis_signer::TrustedTokens;
use jwtis_store::{BoxError, BoxFuture};

/// The issuer of this server, whose tokens open the signer too.
#[derive(Debug)]
pub struct OwnIssuer(pub Issuer);

impl TrustedTokens for OwnIssuer {
    fn claims<'a>(
        &'a self,
        client: &'a ClientId,
        registration: Option<RegistrationId>,
        access_token: &'a str,
    ) -> BoxFuture<'a, Result<Option<Result<ClaimsSet, Inactive>>, BoxError>> {
        Box::pin(async move {
            let looked_at = self.0.verify_as(client, registration, access_token).await?;
            Ok(looked_at.map(|verification| match verification {
                Verification::Active { claims, .. } => Ok(claims),
                Verification::Inactive(reason) => Err(reason),
            }))
        })
    }

    fn registration<'a>(
        &'a self,
        client: &'a ClientId,
    ) -> BoxFuture<'a, Result<Option<RegistrationId>, BoxError>> {
        Box::pin(async move { Ok(self.0.public_client(client).await?.map(|client| client.registration())) })
    }

    fn is_admin<'a>(&'a self, token: &'a BearerSecret) -> BoxFuture<'a, Result<bool, BoxError>> {
        Box::pin(async move { Ok(self.0.is_admin(token).await?) })
    }
}
