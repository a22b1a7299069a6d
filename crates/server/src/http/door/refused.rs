//! Why a request is turned away, with the status, the code and the sentence of the answer.

use std::fmt;

use axum::http::StatusCode;

/// Why a request is turned away.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::http) enum TurnedAway {
    /// The head is longer than this, in bytes, or has more lines.
    HeadTooLarge { bytes: usize, lines: usize },
    /// A transfer coding other than `chunked`.
    TransferCoding,
    /// `chunked` twice, or not at the end.
    Chunked,
    /// None or several `Host`, or one that is no name.
    Host,
    /// A name that is not ours.
    ForeignHost(String),
    /// An expectation other than `100-continue`.
    Expectation,
    /// A web page of an origin that is not allowed.
    Origin,
    /// A web page of another site, says the browser.
    CrossSite,
}

impl TurnedAway {
    /// The status of the answer.
    pub(in crate::http) const fn status(&self) -> StatusCode {
        match self {
            Self::HeadTooLarge { .. } => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::TransferCoding => StatusCode::NOT_IMPLEMENTED,
            Self::Chunked | Self::Host => StatusCode::BAD_REQUEST,
            Self::ForeignHost(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            Self::Origin | Self::CrossSite => StatusCode::FORBIDDEN,
        }
    }

    /// A stable name for logs and programs.
    pub(in crate::http) const fn code(&self) -> &'static str {
        match self {
            Self::HeadTooLarge { .. } => "head_too_large",
            Self::TransferCoding => "transfer_coding",
            Self::Chunked | Self::Host => "malformed_head",
            Self::ForeignHost(_) => "foreign_host",
            Self::Expectation => "expectation",
            Self::Origin | Self::CrossSite => "foreign_origin",
        }
    }

    /// Whether it is not for what anyone may read.
    pub(in crate::http) const fn is_about_web_pages(&self) -> bool {
        match self {
            Self::Origin | Self::CrossSite => true,
            Self::HeadTooLarge { .. }
            | Self::TransferCoding
            | Self::Chunked
            | Self::Host
            | Self::ForeignHost(_)
            | Self::Expectation => false,
        }
    }

    /// Whether the peer's next request cannot be found after this one.
    pub(in crate::http) const fn ends_the_connection(&self) -> bool {
        match self {
            Self::HeadTooLarge { .. } | Self::TransferCoding | Self::Chunked | Self::Host => true,
            Self::ForeignHost(_) | Self::Expectation | Self::Origin | Self::CrossSite => false,
        }
    }
}

impl fmt::Display for TurnedAway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeadTooLarge { bytes, lines } => {
                write!(f, "the request line and the headers take more than {bytes} bytes, or there are more than {lines} headers")
            }
            Self::TransferCoding => f.write_str("the only transfer coding here is chunked"),
            Self::Chunked => f.write_str("chunked must be the last transfer coding, and occur once"),
            Self::Host => f.write_str("an HTTP/1.1 request has exactly one Host header, which names the server"),
            Self::ForeignHost(name) => {
                write!(f, "this server is not called {name:?}; hint: if it is, add the name to http.allowed_hosts")
            }
            Self::Expectation => f.write_str("the only expectation that is met here is 100-continue"),
            Self::Origin => f.write_str(
                "web pages of this origin may not send requests here; hint: add the origin to http.allowed_origins if you trust it",
            ),
            Self::CrossSite => f.write_str("web pages of other sites may not send requests here"),
        }
    }
}
