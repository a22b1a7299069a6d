//! The PROXY protocol of HAProxy, versions 1 and 2, before anything else on a connection.

use std::io;
use std::net::IpAddr;

use proxy_header::{ParseConfig, Protocol, ProxyHeader};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// The first bytes of version 2 of the PROXY protocol.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The first bytes of version 1.
const WORD: &[u8] = b"PROXY ";
/// Longest line of version 1, in bytes, the line end included.
const MAX_LINE_BYTES: usize = 107;
/// Longest rest of a version 2 header, in bytes: addresses, and whatever the proxy tells besides.
const MAX_REST_BYTES: usize = 4096;

/// Why a connection of a proxy is closed that should begin with the PROXY protocol.
#[derive(Debug, thiserror::Error)]
pub(in crate::http) enum PreambleError {
    #[error("the connection broke off")]
    Broken(#[from] io::Error),
    #[error("the connection does not begin with the PROXY protocol")]
    Missing,
    #[error("the header of the PROXY protocol is longer than possible")]
    TooLong,
    #[error("the header of the PROXY protocol cannot be read")]
    Malformed,
}

/// Reads the header of the PROXY protocol and nothing beyond it. The address of whom the proxy asks for; nothing where it asks for itself.
///
/// # Errors
/// [`PreambleError`]; the connection cannot be used any more.
pub(super) async fn preamble(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<IpAddr>, PreambleError> {
    let mut header = vec![0; SIGNATURE.len()];
    stream.read_exact(&mut header).await?;
    if header == SIGNATURE {
        let (command, length) = (stream.read_u16().await?, stream.read_u16().await?);
        let rest = usize::from(length);
        if rest > MAX_REST_BYTES {
            return Err(PreambleError::TooLong);
        }
        header.extend(command.to_be_bytes());
        header.extend(length.to_be_bytes());
        let start = header.len();
        header.resize(start.saturating_add(rest), 0);
        stream.read_exact(header.get_mut(start..).unwrap_or_default()).await?;
    } else if header.starts_with(WORD) {
        while header.last() != Some(&b'\n') {
            if header.len() >= MAX_LINE_BYTES {
                return Err(PreambleError::TooLong);
            }
            header.push(stream.read_u8().await?);
        }
    } else {
        return Err(PreambleError::Missing);
    }
    let config = ParseConfig { include_tlvs: false, ..ParseConfig::default() };
    match ProxyHeader::parse(&header, config) {
        Ok((parsed, length)) if length == header.len() => match parsed.proxied_address() {
            Some(address) if address.protocol == Protocol::Stream => {
                Ok(Some(address.source.ip().to_canonical()))
            }
            Some(_) => Err(PreambleError::Malformed),
            None => Ok(None),
        },
        Ok(_) | Err(_) => Err(PreambleError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Version 2: what it is about, the family, and the addresses.
    fn binary(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
        [SIGNATURE.as_slice(), &[command, family], &length, addresses].concat()
    }

    async fn read(bytes: &[u8]) -> (Result<Option<String>, String>, usize) {
        let mut rest = bytes;
        let found = preamble(&mut rest).await;
        let found = found.map(|address| address.map(|address| address.to_string()));
        (found.map_err(|error| error.to_string()), rest.len())
    }

    #[tokio::test]
    async fn both_versions_of_the_proxy_protocol_are_read_to_their_end() {
        let four = [203, 0, 113, 5, 10, 0, 0, 1, 0x12, 0x34, 0, 80];
        let mut six = [0; 36];
        six[..4].copy_from_slice(&[0x20, 1, 0xd, 0xb8]);
        six[15] = 1;
        let told = [&four[..], &[0x04, 0, 3, 0, 0, 0]].concat();
        for (header, expected) in [
            (b"PROXY TCP4 203.0.113.5 10.0.0.1 4660 80\r\n".to_vec(), Some("203.0.113.5")),
            (b"PROXY TCP6 2001:db8::1 ::1 4660 80\r\n".to_vec(), Some("2001:db8::1")),
            (b"PROXY TCP6 ::ffff:203.0.113.5 ::1 4660 80\r\n".to_vec(), Some("203.0.113.5")),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (binary(0x21, 0x11, &four), Some("203.0.113.5")),
            (binary(0x21, 0x21, &six), Some("2001:db8::1")),
            (binary(0x21, 0x11, &told), Some("203.0.113.5")),
            (binary(0x20, 0x00, &[]), None),
            (binary(0x20, 0x11, &four), None),
        ] {
            let request = [&header[..], b"GET / HTTP/1.1\r\n"].concat();
            let (found, left) = read(&request).await;
            assert_eq!(found, Ok(expected.map(str::to_owned)), "{}", header.escape_ascii());
            assert_eq!(left, 16, "{}", header.escape_ascii());
        }
    }

    #[tokio::test]
    async fn what_is_no_proxy_protocol_is_refused() {
        let long = format!("PROXY TCP4 {}\r\n", "1".repeat(200));
        for header in [
            b"GET /keys HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
            b"PROXY TCP4 203.0.113.5 10.0.0.1 4660\r\n".to_vec(),
            b"PROXY TCP4 203.0.113.5 10.0.0.1 4660 80 1\r\n".to_vec(),
            b"PROXY TCP4 203.0.113.500 10.0.0.1 4660 80\r\n".to_vec(),
            b"PROXY TCP4 2001:db8::1 ::1 4660 80\r\n".to_vec(),
            b"PROXY TCP4 203.0.113.5 10.0.0.1 4660 80\n".to_vec(),
            long.into_bytes(),
            binary(0x11, 0x11, &[0; 12]),
            binary(0x22, 0x11, &[0; 12]),
            binary(0x21, 0x11, &[0; 4]),
            binary(0x21, 0x12, &[0; 12]),
            binary(0x21, 0x11, &vec![0; MAX_REST_BYTES + 1]),
            binary(0x21, 0x11, &[0; 12])[..20].to_vec(),
            b"PROXY".to_vec(),
            Vec::new(),
        ] {
            assert!(read(&header).await.0.is_err(), "{}", header.escape_ascii());
        }
    }

    proptest! {
        /// Whatever comes, there is an answer, and no byte after the header is taken.
        #[test]
        fn no_bytes_make_the_reader_fail(kind in 0..3, bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let start: &[u8] = match kind { 0 => SIGNATURE, 1 => b"PROXY TCP4 ", _ => b"" };
            let sent = [start, &bytes].concat();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let _ = runtime.block_on(read(&sent));
        }
    }
}
