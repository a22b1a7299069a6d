//! The error codes of the API. They are a promise: a code is never renamed, nor given another meaning or status. `docs/reference/issuer-api.md` prints
//! this table, and a test compares the two.

use axum::http::StatusCode;

macro_rules! codes {
    ($($name:ident = $code:literal, $status:ident, $title:literal, $cure:literal;)*) => {
        /// What went wrong, as a program reads it.
        #[derive(Copy, Clone, PartialEq, Eq, Hash, Debug)]
        pub enum Code {
            $(#[doc = $title] $name,)*
        }

        impl Code {
            /// All codes, by status.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable name, as in the member `code`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The HTTP status.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            /// The member `title`: what the code means, the same every time.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }

            /// What the caller can do about it, for the documentation.
            #[must_use]
            pub const fn cure(self) -> &'static str {
                match self { $(Self::$name => $cure,)* }
            }
        }
    };
}

codes! {
    EmptyBody = "empty_body", BAD_REQUEST, "The request has no body",
        "Send a JSON object; `{}` where nothing needs to be said.";
    MalformedBody = "malformed_body", BAD_REQUEST, "The body is not a JSON object",
        "`detail` gives line and column. Send UTF-8 JSON, an object at the top, nothing after it.";
    DuplicateMember = "duplicate_member", BAD_REQUEST, "A member occurs twice in the body",
        "Two readers could take different values: send each member once.";
    BodyTooDeep = "body_too_deep", BAD_REQUEST, "The body is nested too deep",
        "Flatten it; claims may be nested 16 levels deep.";
    NumberOutOfRange = "number_out_of_range", BAD_REQUEST, "A number in the body has no exact reading",
        "Send it as a string.";
    MissingMember = "missing_member", BAD_REQUEST, "The body lacks a member",
        "`detail` names it.";
    InvalidMember = "invalid_member", BAD_REQUEST, "A member of the body has an impossible value",
        "`detail` names the member and what it may be.";
    UnknownMember = "unknown_member", BAD_REQUEST, "A member of the body looks mistyped",
        "`detail` names the one that was probably meant. Members unlike any known one are ignored.";
    ConflictingMembers = "conflicting_members", BAD_REQUEST, "Members of the body contradict each other",
        "`detail` names them: send one.";
    NotAToken = "not_a_token", BAD_REQUEST, "The text is not a token, or a token of the client that was cut short or changed",
        "Nothing was revoked. Send the whole token. Unknown and expired tokens are a success.";
    InvalidKid = "invalid_kid", BAD_REQUEST, "The kid is not well-formed",
        "1 to 128 characters out of A-Z a-z 0-9 . _ - ~";
    InvalidQuery = "invalid_query", BAD_REQUEST, "The query of the URL is not understood",
        "`detail` says what is possible. `after` is the `next` of the page before, unchanged.";
    OwnedClaim = "owned_claim", BAD_REQUEST, "A claim belongs to the server",
        "Leave out iat, nbf, jti, sid, gen and jwtis_ttl: the server sets them.";
    ForeignIssuer = "foreign_issuer", BAD_REQUEST, "The claim iss is not the client's issuer",
        "Leave out iss, or register the client with this `issuer`.";
    AmbiguousCredentials = "ambiguous_credentials", BAD_REQUEST, "The request carries credentials more than once",
        "Send either `Authorization` or `ClientToken`, once.";
    MalformedHead = "malformed_head", BAD_REQUEST, "The request's head is malformed",
        "`detail` says how: one `Host` that names the server, `chunked` once and at the end.";
    Unauthorized = "unauthorized", UNAUTHORIZED, "Credentials are missing or wrong",
        "Send the client's token (`jct_…`, of this very kid) or the admin token (`jat_…`) as `Authorization: Bearer`. The answer is the same whether the kid exists or not.";
    ClientDisabled = "client_disabled", FORBIDDEN, "The client is disabled",
        "The admin has switched it off, and `jwtis client enable` switches it on again. Until then it issues and renews nothing, and its access tokens are inactive.";
    NotGranted = "not_granted", FORBIDDEN, "A client cannot ask for more than it was granted",
        "`detail` names the member. The admin can ask for it.";
    InvalidToken = "invalid_token", FORBIDDEN, "The refresh token is not valid for this client",
        "It is not ours, was changed, is of another client, or was made by keys that have retired. Log the user in again.";
    NotARefreshToken = "not_a_refresh_token", FORBIDDEN, "The token is not a refresh token",
        "Send `refresh_token`, not `auth_token`.";
    TokenNotYetValid = "token_not_yet_valid", FORBIDDEN, "The refresh token is not valid yet",
        "Compare the clocks of the servers.";
    TokenRevoked = "token_revoked", FORBIDDEN, "The session has been revoked",
        "Log the user in again.";
    TokenReused = "token_reused", FORBIDDEN, "The refresh token has been used before: the session is now revoked",
        "Two parties hold tokens of this session, so one of them stole it. Log the user in again; keep only the newest refresh token, and renew from one place at a time.";
    SessionUnknown = "session_unknown", FORBIDDEN, "The session is newer than the server's records",
        "The store was restored from an older backup. Log the user in again.";
    ForeignOrigin = "foreign_origin", FORBIDDEN, "Web pages of this origin may not send requests here",
        "Add the origin to `http.allowed_origins`, if you trust its pages. Programs that are no browser send no `Origin`.";
    UnknownKid = "unknown_kid", NOT_FOUND, "No client is registered under this kid",
        "Look at the spelling, or register it.";
    UnknownRoute = "unknown_route", NOT_FOUND, "There is nothing at this path",
        "Look at the list of routes.";
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "This path has other methods",
        "Use one of the header `Allow`.";
    BodyTimeout = "body_timeout", REQUEST_TIMEOUT, "The body took too long to arrive",
        "Send it at once after the headers.";
    SessionFromFuture = "session_from_future", CONFLICT, "The id is of a session from the future",
        "Nothing was revoked. The id is made up, or the server's clock is behind: revoke by token.";
    KidTaken = "kid_taken", CONFLICT, "A client is already registered under this kid",
        "Choose another; new keys for a client come from `/renew_keys`.";
    KeysExpired = "keys_expired", CONFLICT, "The client's keys have expired",
        "POST `/renew_keys`.";
    EncAlgOff = "enc_alg_off", CONFLICT, "The client's keys are RSA1_5, which this server has switched off",
        "POST `/renew_keys`: without `enc_alg` it takes the server's default. Refresh tokens made before are renewed then.";
    TokenExpired = "token_expired", CONFLICT, "The refresh token has expired",
        "Log the user in again.";
    TooManyKeySets = "too_many_key_sets", CONFLICT, "Too many key sets of this client are still in use",
        "Renew keys less often than 14 times within the life of a refresh token; the admin can renew them at any time.";
    ConcurrentChange = "concurrent_change", CONFLICT, "Another request changed the client at the same moment",
        "Look at its state with GET `/clients/{kid}`, then decide again.";
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE, "The body is too large",
        "At most 64 KiB.";
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body is not declared as JSON",
        "Send `Content-Type: application/json`, or none; what `curl -d` sends by itself is taken too.";
    Expectation = "expectation", EXPECTATION_FAILED, "The request expects what is not met here",
        "`Expect` may say `100-continue`, or be left out.";
    ForeignHost = "foreign_host", MISDIRECTED_REQUEST, "This server is not called that",
        "Add the name to `http.allowed_hosts`. A proxy on the same machine that passes its public name on needs that.";
    ClaimsTooDeep = "claims_too_deep", UNPROCESSABLE_ENTITY, "The claims are nested too deep",
        "At most 16 levels.";
    ClaimsNumberOutOfRange = "claims_number_out_of_range", UNPROCESSABLE_ENTITY, "A number in the claims is beyond 2^53",
        "Verifiers would round it: send it as a string.";
    ClaimsTooLarge = "claims_too_large", UNPROCESSABLE_ENTITY, "The claims are too large",
        "At most 16 KiB as JSON: keep data in a database and put its key into the token.";
    InvalidClaim = "invalid_claim", UNPROCESSABLE_ENTITY, "A claim has the wrong type",
        "`detail` names it; RFC 7519 section 4.1 has the types of registered claims.";
    ExpiryInPast = "expiry_in_past", UNPROCESSABLE_ENTITY, "The claim exp is in the past",
        "`exp` counts seconds since 1970, in UTC.";
    ExpiryBeyondLimit = "expiry_beyond_limit", UNPROCESSABLE_ENTITY, "The claim exp is later than the client's limit",
        "`detail` has the limit: ask for less, or raise `auth_ttl` with `/renew_keys`.";
    TooManyRevocations = "too_many_revocations", TOO_MANY_REQUESTS, "The client has revoked too many ids and subjects within a day",
        "Nothing was revoked. Revoke by token, which always works, or all sessions of the client; the admin has no such limit.";
    Busy = "busy", TOO_MANY_REQUESTS, "Too many keys are being generated",
        "Try again after `Retry-After` seconds, or use elliptic curve keys, which take no time.";
    HeadTooLarge = "head_too_large", REQUEST_HEADER_FIELDS_TOO_LARGE, "The request line and the headers are too long",
        "`detail` has the limits. Beyond some KiB more, the answer has no body.";
    Internal = "internal", INTERNAL_SERVER_ERROR, "The server failed",
        "Give the operator the `request_id`: the log has the reason.";
    TransferCoding = "transfer_coding", NOT_IMPLEMENTED, "The transfer coding is not known here",
        "Send the body as it is, or `chunked`.";
    StoreUnavailable = "store_unavailable", SERVICE_UNAVAILABLE, "The store cannot be used at the moment",
        "Nothing was changed. Try again after `Retry-After` seconds.";
    OutcomeUnknown = "outcome_unknown", SERVICE_UNAVAILABLE, "The store cannot tell whether the change was made",
        "Repeat the request after `Retry-After` seconds: the answer says how things are then. After a registration, 409 `kid_taken` means that the client is there and nobody has its token: delete the client and register it again.";
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, "Too many request bodies are on their way at once",
        "Nothing was changed. Try again after `Retry-After` seconds. Send a body at once after its headers; bodies of up to 16 KiB have memory of their own.";
    Contended = "contended", SERVICE_UNAVAILABLE, "Too many requests change the same thing at once",
        "Nothing was changed. Try again after `Retry-After` seconds.";
    ClockBehind = "clock_behind", SERVICE_UNAVAILABLE, "The server's clock is behind, so the revocation could miss sessions",
        "Nothing was revoked. Revoke by token, which always works, or have the operator mend the clock: docs/reference/reliability.md, \"Clocks\".";
    Timeout = "timeout", SERVICE_UNAVAILABLE, "The server did not finish in time",
        "It is unknown whether the change was made. Reading and renewing are safe to repeat.";
}

impl Code {
    /// The member `type`: a name that nobody has to resolve.
    #[must_use]
    pub fn uri(self) -> String {
        format!("urn:jwtis:problem:{}", self.name())
    }

    /// Seconds after which a retry makes sense (RFC 9110 §10.2.3).
    pub(crate) const fn retry_after(self) -> Option<u32> {
        match self {
            Self::StoreUnavailable
            | Self::OutcomeUnknown
            | Self::Overloaded
            | Self::Contended
            | Self::Timeout => Some(1),
            Self::Busy => Some(5),
            // The clock is right again, or has been confirmed after ten minutes.
            Self::ClockBehind => Some(60),
            // The count is of a day, and begins anew at a start.
            Self::TooManyRevocations => Some(3600),
            Self::EmptyBody
            | Self::MalformedBody
            | Self::DuplicateMember
            | Self::BodyTooDeep
            | Self::NumberOutOfRange
            | Self::MissingMember
            | Self::InvalidMember
            | Self::UnknownMember
            | Self::ConflictingMembers
            | Self::NotAToken
            | Self::InvalidKid
            | Self::InvalidQuery
            | Self::OwnedClaim
            | Self::ForeignIssuer
            | Self::AmbiguousCredentials
            | Self::MalformedHead
            | Self::Unauthorized
            | Self::ClientDisabled
            | Self::NotGranted
            | Self::InvalidToken
            | Self::NotARefreshToken
            | Self::TokenNotYetValid
            | Self::TokenRevoked
            | Self::TokenReused
            | Self::SessionUnknown
            | Self::ForeignOrigin
            | Self::UnknownKid
            | Self::UnknownRoute
            | Self::MethodNotAllowed
            | Self::BodyTimeout
            | Self::SessionFromFuture
            | Self::KidTaken
            | Self::KeysExpired
            | Self::EncAlgOff
            | Self::TokenExpired
            | Self::TooManyKeySets
            | Self::ConcurrentChange
            | Self::BodyTooLarge
            | Self::UnsupportedMediaType
            | Self::Expectation
            | Self::ForeignHost
            | Self::ClaimsTooDeep
            | Self::ClaimsNumberOutOfRange
            | Self::ClaimsTooLarge
            | Self::InvalidClaim
            | Self::ExpiryInPast
            | Self::ExpiryBeyondLimit
            | Self::HeadTooLarge
            | Self::Internal
            | Self::TransferCoding => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_the_table_is_ordered_by_status() {
        let names: HashSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(Code::ALL.is_sorted_by_key(|code| code.status().as_u16()));
    }

    #[test]
    fn whatever_is_worth_a_retry_says_when_and_nothing_else_does() {
        for code in Code::ALL {
            let worth_it = matches!(code.status().as_u16(), 429 | 503);
            assert_eq!(code.retry_after().is_some(), worth_it, "{}", code.name());
        }
    }
}
