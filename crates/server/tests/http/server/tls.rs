//! TLS 1.2 and 1.3, and certificates that cannot be served.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jwtis::http::Limits;
use jwtis::tls::{Acceptor, TlsError};
use jwtis_base::Timestamp;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ProtocolVersion, RootCertStore, SupportedProtocolVersion};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::support::{Server, answer, slow_router};

/// The life of `certificate.pem`, in seconds since the epoch.
const BEGINS: u64 = 1_795_303_134;
const ENDS: u64 = 4_948_903_134;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http/server").join(name)
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
    let pkcs8 =
        write("pkcs8", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n");
    let older = write(
        "older",
        "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END EC PRIVATE KEY-----\n",
    );
    is("an encrypted key", &certificate, &pkcs8, |e| matches!(e, TlsError::Encrypted { .. }));
    is("an encrypted key in OpenSSL's older form", &certificate, &older, |e| {
        matches!(e, TlsError::Encrypted { .. })
    });
    is("key of another certificate", &certificate, &file("other-key.pem"), |e| {
        matches!(e, TlsError::Unusable { .. })
    });
}

#[test]
fn a_byte_order_mark_in_front_of_certificate_and_key_is_ignored() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = ["certificate.pem", "key.pem"].map(|name| {
        let path = folder.path().join(name);
        std::fs::write(&path, [b"\xef\xbb\xbf", &std::fs::read(file(name)).unwrap()[..]].concat()).unwrap();
        path
    });
    Acceptor::from_pem_files(&certificate, &key).unwrap();
}

#[tokio::test]
async fn a_replaced_certificate_is_shown_to_new_connections_and_old_ones_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    let put = |prefix: &str| {
        std::fs::copy(file(&format!("{prefix}certificate.pem")), &certificate).unwrap();
        std::fs::copy(file(&format!("{prefix}key.pem")), &key).unwrap();
    };
    put("");
    let acceptor = Acceptor::from_pem_files(&certificate, &key).unwrap();
    let (router, ..) = slow_router();
    let server = Server::start(router, Some(acceptor.clone()), Limits::default()).await;
    let shown = |name: &'static str| {
        let wanted = CertificateDer::from_pem_file(file(name)).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(wanted).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let connector: TlsConnector =
            Arc::new(config.with_root_certificates(roots).with_no_client_auth()).into();
        let address = server.address;
        async move {
            let stream = TcpStream::connect(address).await.unwrap();
            connector.connect(ServerName::try_from("localhost").unwrap(), stream).await
        }
    };
    let ask = b"GET /fast HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut old = shown("certificate.pem").await.unwrap();
    old.write_all(ask).await.unwrap();
    assert!(answer(&mut old).await.ends_with("fast"));

    // Half of the change: nothing is replaced.
    std::fs::copy(file("renewed-certificate.pem"), &certificate).unwrap();
    assert!(matches!(acceptor.certificate().reload(), Err(TlsError::Unusable { .. })));
    shown("certificate.pem").await.unwrap();
    put("renewed-");
    acceptor.certificate().reload().unwrap();
    shown("renewed-certificate.pem").await.unwrap();
    assert!(shown("certificate.pem").await.is_err());
    old.write_all(ask).await.unwrap();
    assert!(answer(&mut old).await.ends_with("fast"));
    for (name, covered) in
        [("localhost", true), ("Signer.Example", true), ("other.example", false), ("", false)]
    {
        assert_eq!(acceptor.certificate().covers(name), covered, "{name}");
    }
}

#[test]
fn a_certificate_that_has_ended_soon_will_or_has_not_begun_gets_a_warning_and_so_does_a_readable_key() {
    const DAY: u64 = 24 * 3600;
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key.pem");
    std::fs::copy(file("key.pem"), &key).unwrap();
    let mode =
        |mode| std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    mode(0o640);
    let acceptor = Acceptor::from_pem_files(&file("certificate.pem"), &key).unwrap();
    let certificate = acceptor.certificate();
    let said = |seconds: u64| certificate.warnings(Timestamp::from_seconds(seconds)).join("\n");
    assert!(said(BEGINS - 1).ends_with("is not valid yet"));
    assert_eq!(said(BEGINS), "");
    assert_eq!(said(ENDS - 14 * DAY), "");
    assert!(said(ENDS - 14 * DAY + 1).ends_with("ends in 13 days"));
    assert!(said(ENDS - 1).ends_with("ends in 0 days"));
    assert!(said(ENDS).ends_with("has expired"));
    assert_eq!(certificate.days_left(Timestamp::from_seconds(ENDS + DAY)), Some(-1));
    mode(0o644);
    assert!(said(BEGINS).contains("everybody on this machine can read the TLS key"));
}
