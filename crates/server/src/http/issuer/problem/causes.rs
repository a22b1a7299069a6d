//! The answer to each error of a use case.

use jwtis_base::NoEntropy;
use jwtis_issuer::token::ClaimsRefusal;
use jwtis_issuer::{
    AccessError, ClientChangeError, IssueError, KeyGenerationError, ListError, OptionsError, RegisterError,
    RenewError, RenewKeysError, RevokeError, VerificationError,
};
use jwtis_jose::{ClaimsError, JsonError};
use jwtis_store::{NotWritten, OutcomeUnknown, ReadError};

use super::{Code, Problem};
use crate::http::json::JsonFault;

impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        let code = match &error {
            ReadError::Unavailable(_) => Code::StoreUnavailable,
            // A retry would meet the same record.
            ReadError::Damaged { .. } => Code::Internal,
        };
        Self::caused_by(code, error)
    }
}

impl From<NotWritten> for Problem {
    fn from(error: NotWritten) -> Self {
        let code = match &error {
            NotWritten::Damaged { .. } => Code::Internal,
            NotWritten::Unavailable(_) | NotWritten::Full(_) | NotWritten::ReadOnly(_) => {
                Code::StoreUnavailable
            }
        };
        Self::caused_by(code, error)
    }
}

impl From<OutcomeUnknown> for Problem {
    fn from(error: OutcomeUnknown) -> Self {
        Self::caused_by(Code::OutcomeUnknown, error)
    }
}

impl From<NoEntropy> for Problem {
    fn from(error: NoEntropy) -> Self {
        Self::caused_by(Code::Internal, error)
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Denied => Self::new(Code::Unauthorized),
            AccessError::Disabled => Self::new(Code::ClientDisabled),
            AccessError::UnknownClient => Self::new(Code::UnknownKid),
            AccessError::Store(error) => error.into(),
        }
    }
}

impl From<OptionsError> for Problem {
    fn from(error: OptionsError) -> Self {
        let code = match &error {
            OptionsError::NotGranted { .. } => Code::NotGranted,
            OptionsError::SigBits(_)
            | OptionsError::EncBits(_)
            | OptionsError::Rsa15NotAllowed
            | OptionsError::TtlOrder { .. }
            | OptionsError::BeyondMaximum { .. }
            | OptionsError::Name { .. } => Code::InvalidMember,
        };
        Self::explained(code, &error)
    }
}

impl From<KeyGenerationError> for Problem {
    fn from(error: KeyGenerationError) -> Self {
        match error {
            KeyGenerationError::Busy => Self::new(Code::Busy),
            KeyGenerationError::Keys(_) | KeyGenerationError::Thread(_) => {
                Self::caused_by(Code::Internal, error)
            }
        }
    }
}

impl From<RegisterError> for Problem {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::Name => Self::explained(Code::InvalidKid, &error),
            RegisterError::Taken => Self::new(Code::KidTaken),
            RegisterError::Options(error) => error.into(),
            RegisterError::Deleted => Self::explained(Code::ConcurrentChange, &error),
            RegisterError::Entropy(error) => error.into(),
            RegisterError::Conflict => Self::caused_by(Code::Contended, error),
            RegisterError::Store(error) => error.into(),
            RegisterError::OutcomeUnknown(error) => error.into(),
            RegisterError::Read(error) => error.into(),
            RegisterError::Generation(error) => error.into(),
            RegisterError::Keys(_) => Self::caused_by(Code::Internal, error),
        }
    }
}

impl From<RenewKeysError> for Problem {
    fn from(error: RenewKeysError) -> Self {
        match error {
            RenewKeysError::Options(error) => error.into(),
            RenewKeysError::Disabled => Self::new(Code::ClientDisabled),
            RenewKeysError::TooManyKeySets => Self::explained(Code::TooManyKeySets, &error),
            RenewKeysError::Gone | RenewKeysError::Conflict => {
                Self::explained(Code::ConcurrentChange, &error)
            }
            RenewKeysError::Generation(error) => error.into(),
            RenewKeysError::Store(error) => error.into(),
            RenewKeysError::OutcomeUnknown(error) => error.into(),
            RenewKeysError::Read(error) => error.into(),
            RenewKeysError::Keys(_) | RenewKeysError::State(_) => Self::caused_by(Code::Internal, error),
        }
    }
}

impl From<ListError> for Problem {
    fn from(error: ListError) -> Self {
        match error {
            ListError::BadCursor => Self::explained(Code::InvalidQuery, &error),
            ListError::Read(error) => error.into(),
        }
    }
}

impl From<ClientChangeError> for Problem {
    fn from(error: ClientChangeError) -> Self {
        match error {
            ClientChangeError::Unknown => Self::new(Code::UnknownKid),
            ClientChangeError::Conflict => Self::caused_by(Code::Contended, error),
            ClientChangeError::Store(error) => error.into(),
            ClientChangeError::OutcomeUnknown(error) => error.into(),
            ClientChangeError::Read(error) => error.into(),
        }
    }
}

impl From<IssueError> for Problem {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Disabled => Self::new(Code::ClientDisabled),
            IssueError::KeysExpired => Self::new(Code::KeysExpired),
            IssueError::AlgorithmOff => Self::new(Code::EncAlgOff),
            IssueError::Claims(refusal) => refusal.into(),
            IssueError::Mint(_) => Self::caused_by(Code::Internal, error),
        }
    }
}

impl From<ClaimsRefusal> for Problem {
    fn from(refusal: ClaimsRefusal) -> Self {
        let code = match &refusal {
            ClaimsRefusal::Owned(_) => Code::OwnedClaim,
            ClaimsRefusal::ForeignIssuer => Code::ForeignIssuer,
            ClaimsRefusal::TooLarge { .. } => Code::ClaimsTooLarge,
            ClaimsRefusal::Invalid(_) => Code::InvalidClaim,
            ClaimsRefusal::ExpiryInPast => Code::ExpiryInPast,
            ClaimsRefusal::ExpiryBeyondLimit { .. } => Code::ExpiryBeyondLimit,
        };
        Self::explained(code, &refusal)
    }
}

impl From<RenewError> for Problem {
    fn from(error: RenewError) -> Self {
        match error {
            RenewError::InvalidToken => Self::new(Code::InvalidToken),
            RenewError::NotARefreshToken => Self::new(Code::NotARefreshToken),
            RenewError::Expired => Self::new(Code::TokenExpired),
            RenewError::NotYetValid => Self::new(Code::TokenNotYetValid),
            RenewError::Revoked => Self::new(Code::TokenRevoked),
            RenewError::Reused => Self::new(Code::TokenReused),
            RenewError::SessionUnknown => Self::new(Code::SessionUnknown),
            RenewError::Disabled => Self::new(Code::ClientDisabled),
            RenewError::KeysExpired => Self::new(Code::KeysExpired),
            RenewError::AlgorithmOff => Self::new(Code::EncAlgOff),
            RenewError::Conflict => Self::caused_by(Code::Contended, error),
            RenewError::Store(error) => error.into(),
            RenewError::OutcomeUnknown(error) => error.into(),
            RenewError::Read(error) => error.into(),
            RenewError::Mint(_) => Self::caused_by(Code::Internal, error),
        }
    }
}

impl From<RevokeError> for Problem {
    fn from(error: RevokeError) -> Self {
        match error {
            RevokeError::InvalidSession(_) => Self::explained(Code::InvalidMember, &error),
            RevokeError::NotAToken | RevokeError::DamagedToken => Self::explained(Code::NotAToken, &error),
            RevokeError::SessionFromFuture => Self::new(Code::SessionFromFuture),
            RevokeError::QuotaExceeded => Self::new(Code::TooManyRevocations),
            RevokeError::ClockBehind => Self::caused_by(Code::ClockBehind, error),
            RevokeError::Conflict => Self::caused_by(Code::Contended, error),
            RevokeError::Store(error) => error.into(),
            RevokeError::OutcomeUnknown(error) => error.into(),
            RevokeError::Read(error) => error.into(),
        }
    }
}

impl From<VerificationError> for Problem {
    fn from(VerificationError(error): VerificationError) -> Self {
        error.into()
    }
}

impl From<JsonError> for Problem {
    /// The body as a whole; claims inside it have [`Self::from`] of [`ClaimsError`].
    fn from(error: JsonError) -> Self {
        let code = match &error {
            JsonError::DuplicateName(_) => Code::DuplicateMember,
            JsonError::TooDeep(_) => Code::BodyTooDeep,
            JsonError::NumberOutOfRange(_) | JsonError::NumberTooPrecise(_) => Code::NumberOutOfRange,
            JsonError::Syntax { .. } | JsonError::TrailingData => Code::MalformedBody,
        };
        Self::explained(code, &error)
    }
}

impl From<JsonFault> for Problem {
    fn from(fault: JsonFault) -> Self {
        let code = match &fault {
            JsonFault::Json(error) => return error.clone().into(),
            JsonFault::NotAnObject => Code::MalformedBody,
            JsonFault::Missing(_) => Code::MissingMember,
            JsonFault::Mistyped { .. } => Code::UnknownMember,
            // As in a path.
            JsonFault::Value { name: "kid", .. } => return Self::new(Code::InvalidKid),
            JsonFault::Type { .. } | JsonFault::Value { .. } => Code::InvalidMember,
        };
        Self::explained(code, &fault)
    }
}

impl From<ClaimsError> for Problem {
    fn from(error: ClaimsError) -> Self {
        let (code, detail) = match error {
            ClaimsError::Json(error @ JsonError::TooDeep(_)) => (Code::ClaimsTooDeep, error.to_string()),
            ClaimsError::Json(error @ (JsonError::NumberOutOfRange(_) | JsonError::NumberTooPrecise(_))) => {
                (Code::ClaimsNumberOutOfRange, error.to_string())
            }
            ClaimsError::Json(
                error @ (JsonError::Syntax { .. } | JsonError::DuplicateName(_) | JsonError::TrailingData),
            ) => (Code::InvalidMember, error.to_string()),
            ClaimsError::NotAnObject => (Code::InvalidMember, error.to_string()),
            ClaimsError::Type { .. } => (Code::InvalidClaim, error.to_string()),
        };
        Self::with_detail(code, format!("claims: {detail}"))
    }
}
