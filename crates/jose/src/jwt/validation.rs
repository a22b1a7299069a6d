//! The rule that accepts verified claims, RFC 7519 §4.1 and §7.2. It is pure: the time is an argument.

use std::time::Duration;

use super::{ClaimsError, ClaimsSet};

/// The demands on a token's claims. `exp` is always demanded.
#[derive(Copy, Clone, PartialEq, Eq, Debug)]
pub struct Validation<'a> {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub now: u64,
    /// The most that the clocks of issuer and verifier may differ, in whole seconds. RFC 7519 suggests no more than minutes.
    pub leeway: Duration,
    /// The one `iss` to accept. `None` accepts all, for callers that have fixed the issuer by its key.
    pub issuer: Option<&'a str>,
    /// Our own name, which must be among `aud`. `None` does not look.
    pub audience: Option<&'a str>,
}

impl Validation<'_> {
    /// Checks `exp`, `nbf`, `iat`, `iss` and `aud`.
    ///
    /// # Errors
    /// The first [`ValidationError`], in that order.
    pub fn check(&self, claims: &ClaimsSet) -> Result<(), ValidationError> {
        let Self { now, leeway, issuer, audience } = *self;
        let leeway = leeway.as_secs();
        let latest = now.saturating_add(leeway);

        let exp = claims.expiration_time()?.ok_or(ValidationError::MissingExpiry)?;
        if exp.saturating_add(leeway) <= now {
            return Err(ValidationError::Expired { exp, now });
        }
        if let Some(nbf) = claims.not_before()?.filter(|nbf| *nbf > latest) {
            return Err(ValidationError::NotYetValid { nbf, now });
        }
        if let Some(iat) = claims.issued_at()?.filter(|iat| *iat > latest) {
            return Err(ValidationError::IssuedInFuture { iat, now });
        }
        let iss = claims.issuer()?;
        if issuer.is_some() && iss != issuer {
            return Err(ValidationError::WrongIssuer);
        }
        let aud = claims.audience()?;
        if audience.is_some_and(|audience| !aud.contains(&audience)) {
            return Err(ValidationError::WrongAudience);
        }
        Ok(())
    }
}

/// Why claims are not accepted.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ValidationError {
    /// RFC 7519 §4.1.4: on or after `exp`.
    #[error("the token expired at {exp}, it is {now}")]
    Expired {
        /// Seconds since 1970.
        exp: u64,
        /// Seconds since 1970.
        now: u64,
    },
    /// A token without `exp` would be good for ever.
    #[error("the token has no \"exp\"")]
    MissingExpiry,
    /// RFC 7519 §4.1.5.
    #[error("the token is not valid before {nbf}, it is {now}: compare the clocks")]
    NotYetValid {
        /// Seconds since 1970.
        nbf: u64,
        /// Seconds since 1970.
        now: u64,
    },
    /// RFC 7519 §4.1.6: nobody can have made it yet.
    #[error("the token was issued at {iat}, it is {now}: compare the clocks")]
    IssuedInFuture {
        /// Seconds since 1970.
        iat: u64,
        /// Seconds since 1970.
        now: u64,
    },
    /// RFC 7519 §4.1.1.
    #[error("the token has another \"iss\" than the one that is accepted here, or none")]
    WrongIssuer,
    /// RFC 7519 §4.1.3.
    #[error("the token is not for this audience (\"aud\")")]
    WrongAudience,
    /// A claim of the wrong type.
    #[error(transparent)]
    Claims(#[from] ClaimsError),
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000;

    fn check(json: &str, leeway: u64) -> Result<(), ValidationError> {
        let leeway = Duration::from_secs(leeway);
        let validation = Validation { now: NOW, leeway, issuer: Some("us"), audience: Some("you") };
        validation.check(&ClaimsSet::parse(json.as_bytes()).unwrap())
    }

    #[test]
    fn the_table_of_times() {
        use ValidationError::{Expired, IssuedInFuture, MissingExpiry, NotYetValid};
        let now = NOW;
        let cases = [
            (r#""exp":1001"#, 0, Ok(())),
            (r#""exp":1000"#, 0, Err(Expired { exp: 1000, now })),
            (r#""exp":1000.9"#, 0, Err(Expired { exp: 1000, now })),
            (r#""exp":1000"#, 1, Ok(())),
            (r#""exp":940"#, 60, Err(Expired { exp: 940, now })),
            (r#""exp":941"#, 60, Ok(())),
            (r#""nbf":1"#, 0, Err(MissingExpiry)),
            (r#""exp":2000,"nbf":1000"#, 0, Ok(())),
            (r#""exp":2000,"nbf":1001"#, 0, Err(NotYetValid { nbf: 1001, now })),
            (r#""exp":2000,"nbf":1060"#, 60, Ok(())),
            (r#""exp":2000,"nbf":1000.1"#, 0, Err(NotYetValid { nbf: 1001, now })),
            (r#""exp":2000,"nbf":999.9"#, 0, Ok(())),
            (r#""exp":2000,"nbf":1e3"#, 0, Ok(())),
            (r#""exp":2000,"iat":1000.5"#, 0, Err(IssuedInFuture { iat: 1001, now })),
            (r#""exp":2000,"iat":1060.5"#, 60, Err(IssuedInFuture { iat: 1061, now })),
            (r#""exp":1001.9,"nbf":999.1,"iat":999.1"#, 0, Ok(())),
            (r#""exp":2000,"iat":1061"#, 60, Err(IssuedInFuture { iat: 1061, now })),
            (r#""exp":9007199254740992"#, u64::MAX, Ok(())),
        ];
        for (claims, leeway, expected) in cases {
            let json = format!(r#"{{"iss":"us","aud":"you",{claims}}}"#);
            assert_eq!(check(&json, leeway), expected, "{json} with leeway {leeway}");
        }
    }

    #[test]
    fn the_table_of_parties() {
        use ValidationError::{WrongAudience, WrongIssuer};
        let cases = [
            (r#""iss":"us","aud":["me","you"]"#, Ok(())),
            (r#""iss":"us","aud":[]"#, Err(WrongAudience)),
            (r#""iss":"us","aud":"You""#, Err(WrongAudience)),
            (r#""iss":"us""#, Err(WrongAudience)),
            (r#""iss":"us","aud":"you me""#, Err(WrongAudience)),
            (r#""iss":"us/","aud":"you""#, Err(WrongIssuer)),
            (r#""iss":"US","aud":"you""#, Err(WrongIssuer)),
            (r#""iss":"them","aud":"you""#, Err(WrongIssuer)),
            (r#""aud":"you""#, Err(WrongIssuer)),
        ];
        for (claims, expected) in cases {
            assert_eq!(check(&format!(r#"{{"exp":2000,{claims}}}"#), 0), expected, "{claims}");
        }
    }

    #[test]
    fn claims_of_the_wrong_type_are_refused_by_name() {
        for (claims, name) in [
            (r#""exp":"2000""#, "exp"),
            (r#""exp":-1"#, "exp"),
            (r#""exp":null"#, "exp"),
            (r#""exp":2000,"nbf":true"#, "nbf"),
            (r#""exp":2000,"iat":[]"#, "iat"),
            (r#""exp":2000,"nbf":"1""#, "nbf"),
            (r#""exp":2000,"iat":"1""#, "iat"),
            (r#""exp":2000,"iss":7"#, "iss"),
            (r#""exp":2000,"iss":["us"]"#, "iss"),
            (r#""exp":2000,"iss":"us","aud":["you",7]"#, "aud"),
        ] {
            let error = check(&format!("{{{claims}}}"), 0).unwrap_err();
            assert!(
                matches!(&error, ValidationError::Claims(ClaimsError::Type { name: found, .. }) if *found == name)
            );
        }
    }
}
