//! TLS 1.2 and 1.3, and certificates that cannot be served.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jwtis::http::Limits;
use jwtis::tls::{Acceptor, TlsError};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::support::{Server, answer, slow_router};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http_server").join(name)
}

pub(crate) fn acceptor() -> Acceptor {
    Acceptor::from_pem_files(&file("certificate.pem"), &file("key.pem")).unwrap()
}

fn connector(version: &'static SupportedProtocolVersion) -> TlsConnector {
    Arc::new(trusting(version)).into()
}

/// What a client needs that trusts the certificate of [`acceptor`].
pub(crate) fn trusting(version: &'static SupportedProtocolVersion) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(file("certificate.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
    config.with_root_certificates(roots).with_no_client_auth()
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_served() {
    let (router, ..) = slow_router();
    let server = Server::start(router, Some(acceptor()), Limits::default()).await;
    for (version, spoken) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
        let stream = TcpStream::connect(server.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = connector(version).connect(name, stream).await.unwrap();
        assert_eq!(stream.get_ref().1.protocol_version(), Some(spoken));
        stream.write_all(b"GET /fast HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        assert!(answer(&mut stream).await.ends_with("fast"));
    }
}

#[tokio::test]
async fn plain_text_and_silence_on_a_tls_port_end_without_an_answer() {
    let (router, ..) = slow_router();
    let limits = Limits { header_read_timeout: Duration::from_millis(100), ..Limits::default() };
    let server = Server::start(router, Some(acceptor()), limits).await;
    let mut plain = server.connect().await;
    plain.say("GET /fast HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    plain.0.shutdown().await.unwrap();
    let mut heard = Vec::new();
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut plain.0, &mut heard).await;
    assert!(!String::from_utf8_lossy(&heard).contains("fast"));
    assert_eq!(server.connect().await.hear_all().await, "");
}

#[test]
fn files_that_cannot_be_served_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let garbage = write("garbage", "not PEM at all");
    let broken = write("broken", "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n");
    let empty = write("der", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let (certificate, key) = (file("certificate.pem"), file("key.pem"));
    let absent = folder.path().join("absent");
    let is = |name: &str, cert: &Path, key: &Path, wanted: fn(&TlsError) -> bool| {
        let error = Acceptor::from_pem_files(cert, key).unwrap_err();
        assert!(wanted(&error), "{name}: {error:?}");
        assert!(!error.to_string().contains("BEGIN"), "{name}");
    };
    is("no certificate file", &absent, &key, |e| matches!(e, TlsError::Read { what: "certificate", .. }));
    is("no key file", &certificate, &absent, |e| matches!(e, TlsError::Read { what: "key", .. }));
    is("no PEM", &garbage, &key, |e| matches!(e, TlsError::Missing { .. }));
    is("broken PEM", &broken, &key, |e| matches!(e, TlsError::Pem { .. }));
    is("swapped files", &key, &certificate, |e| {
        matches!(e, TlsError::Missing { section: "CERTIFICATE", .. })
    });
    is("no key inside", &certificate, &certificate, |e| matches!(e, TlsError::Missing { .. }));
    is("no certificate inside", &empty, &key, |e| matches!(e, TlsError::Unusable { .. }));
    is("key of another certificate", &certificate, &file("other-key.pem"), |e| {
        matches!(e, TlsError::Unusable { .. })
    });
}
