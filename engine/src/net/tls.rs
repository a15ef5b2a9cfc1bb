//! A log-in with user and password, inside TLS, as a client.
//!
//! JackTrip's hubs have certificates that nobody has signed, and its clients take any. So do we, but the certificate is
//! known by its [`Fingerprint`], which is shown and can be asked for; and the hub has to have the certificate's key.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use farsend_wire::jacktrip::{Hello, LogIn, Reply};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{self, WebPkiSupportedAlgorithms, ring};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme,
    Stream,
};
use x509_parser::parse_x509_certificate;
use zeroize::Zeroizing;

use super::fingerprint::Fingerprint;
use super::tcp::LogInError;
use crate::credentials::Credentials;

/// Shakes hands and says who we are; gives what the hub answers, and its certificate.
///
/// The password is sent only to a hub of the fingerprint asked for. Blocks as long as the stream does.
///
/// # Errors
/// [`LogInError`].
pub(super) fn introduce(
    stream: &mut (impl Read + Write),
    hub: SocketAddr,
    hello: &Hello,
    credentials: &Credentials,
) -> Result<([u8; Reply::LEN], Fingerprint), LogInError> {
    let no_tls = |why: String| LogInError::NoTls { hub, why };
    let failed = |error: io::Error| match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => LogInError::Silent { hub },
        // What rustls says of the other's bytes.
        ErrorKind::InvalidData => no_tls(error.to_string()),
        _ => LogInError::ShutOut { hub },
    };
    let mut connection = connection(hub).map_err(|error| no_tls(error.to_string()))?;
    while connection.is_handshaking() {
        connection.complete_io(stream).map_err(failed)?;
    }
    let certificate = connection.peer_certificates().and_then(<[_]>::first);
    let certificate = certificate.ok_or_else(|| no_tls("it shows no certificate".to_owned()))?;
    let met = Fingerprint::of(certificate);
    if let Some(wanted) = credentials.fingerprint.filter(|wanted| *wanted != met) {
        return Err(LogInError::OtherCertificate { hub, met, wanted });
    }
    let mut said = Zeroizing::new(Vec::with_capacity(LogIn::MAX_LEN));
    let log_in = LogIn {
        hello: *hello,
        user: credentials.user.as_bytes(),
        password: credentials.password.as_bytes(),
    };
    log_in.write(&mut said).map_err(|_| LogInError::TooLong)?;
    let mut tls = Stream::new(&mut connection, stream);
    tls.write_all(&said).map_err(failed)?;
    let mut answer = [0; Reply::LEN];
    tls.read_exact(&mut answer).map_err(failed)?;
    Ok((answer, met))
}

fn connection(hub: SocketAddr) -> Result<ClientConnection, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let verifier = AnyoneWithTheKey {
        algorithms: provider.signature_verification_algorithms,
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    // An address as the name asks for nobody in particular.
    ClientConnection::new(Arc::new(config), ServerName::IpAddress(hub.ip().into()))
}

/// Takes any certificate whose key the other end has.
#[derive(Debug)]
struct AnyoneWithTheKey {
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for AnyoneWithTheKey {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        // With the key alone: certificates of version 1, which OpenSSL may make, are not read otherwise.
        let unreadable = || rustls::Error::InvalidCertificate(CertificateError::BadEncoding);
        let (_, read) = parse_x509_certificate(certificate).map_err(|_| unreadable())?;
        let key = SubjectPublicKeyInfoDer::from(read.public_key().raw);
        crypto::verify_tls13_signature_with_raw_key(message, &key, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
