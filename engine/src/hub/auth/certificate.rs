//! The hub's certificate and key: read and checked, or made.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{Timestamp, ToSpan as _, Zoned};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use thiserror::Error;
use x509_parser::certificate::Validity;
use x509_parser::parse_x509_certificate;
use zeroize::Zeroizing;

use crate::cli::secret::is_open_to_all;
use crate::net::fingerprint::Fingerprint;

/// What is wrong with a certificate or its key.
#[derive(Debug, Error)]
pub enum CertificateError {
    /// There is no such file.
    #[error(
        "there is no {what} {}: make certificate and key with `farsend hub --make-cert`, or say where they are with --cert and --key", path.display()
    )]
    Missing {
        /// Certificate or key.
        what: &'static str,
        /// Where it should be.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("the {what} {} cannot be read: {source}", path.display())]
    Unreadable {
        /// Certificate or key.
        what: &'static str,
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It holds something else.
    #[error("{} holds no {what} in PEM (-----BEGIN ...): {why}", path.display())]
    Not {
        /// Certificate or key.
        what: &'static str,
        /// Which one.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Others can read the key.
    #[error(
        "everyone on this machine can read the key {}: run `chmod 600 {}`, and make another if others were there", path.display(), path.display()
    )]
    OpenKey {
        /// Which one.
        path: PathBuf,
    },
    /// The key has a password of its own.
    #[error(
        "the key {} is encrypted: take its password away with `openssl pkey -in {} -out NEW`, and say --key NEW", path.display(), path.display()
    )]
    EncryptedKey {
        /// Which one.
        path: PathBuf,
    },
    /// The key is another's.
    #[error(
        "the key {} is not that of the certificate {}: say the ones that were made together", key.display(), certificate.display()
    )]
    Mismatch {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// It was valid.
    #[error(
        "the certificate {} has expired on {on}: make another with `farsend hub --make-cert` (move the old ones away first), or renew it", path.display()
    )]
    Expired {
        /// Which one.
        path: PathBuf,
        /// The day.
        on: String,
    },
    /// It will be valid.
    #[error(
        "the certificate {} is valid from {on} on only: is this machine's clock right?", path.display()
    )]
    NotYet {
        /// Which one.
        path: PathBuf,
        /// The day.
        on: String,
    },
    /// TLS does not take it.
    #[error(
        "certificate {} and key {} cannot be used for TLS: {why}. An RSA key of 2048 bits or more, or an ECDSA one of P-256 or P-384, will do",
        certificate.display(), key.display()
    )]
    Unusable {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
        /// What TLS says.
        why: String,
    },
    /// One that is there is not overwritten.
    #[error("{} is there already, and is not overwritten: move it away, or name others with --cert and --key", path.display())]
    Exists {
        /// Which one.
        path: PathBuf,
    },
    /// It cannot be written.
    #[error("{} cannot be written: {source}", path.display())]
    Unwritable {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The system has no random numbers, or the like.
    #[error("no certificate can be made: {0}")]
    Make(String),
}

/// What the hub shows to those who log in.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) config: Arc<ServerConfig>,
    pub(super) fingerprint: Fingerprint,
    pub(super) days_left: i64,
}

/// Reads certificate and key, and checks them.
pub(super) fn load(certificate: &Path, key: &Path) -> Result<Identity, CertificateError> {
    let chain = read_chain(certificate)?;
    let first = chain
        .first()
        .map(|first| first.as_ref())
        .unwrap_or_default();
    let fingerprint = Fingerprint::of(first);
    let (_, first_read) = parse_x509_certificate(first).map_err(|error| CertificateError::Not {
        what: CERTIFICATE,
        path: certificate.to_owned(),
        why: error.to_string(),
    })?;
    let days_left = days_left(first_read.validity(), certificate)?;
    let secret = read_key(key)?;
    let unusable = |error: rustls::Error| CertificateError::Unusable {
        certificate: certificate.to_owned(),
        key: key.to_owned(),
        why: error.to_string(),
    };
    let provider = ring::default_provider();
    let signer = provider
        .key_provider
        .load_private_key(secret)
        .map_err(unusable)?;
    // Not left to TLS, which does not read certificates of version 1 that OpenSSL may make.
    let public = signer.public_key();
    if public.is_none_or(|public| public.as_ref() != first_read.public_key().raw) {
        return Err(CertificateError::Mismatch {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        });
    }
    let shown = SingleCertAndKey::from(CertifiedKey::new(chain.clone(), signer));
    let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .map_err(unusable)?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(shown));
    // Each connection is one log-in, and nobody comes back to it.
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    Ok(Identity {
        config: Arc::new(config),
        fingerprint,
        days_left,
    })
}

/// Writes a self-signed certificate, and its key, which only its owner can read. Nothing is overwritten. Gives the
/// fingerprint.
///
/// # Errors
/// [`CertificateError`].
pub fn make(certificate: &Path, key: &Path) -> Result<Fingerprint, CertificateError> {
    for path in [certificate, key] {
        if path.symlink_metadata().is_ok() {
            return Err(CertificateError::Exists {
                path: path.to_owned(),
            });
        }
    }
    let failed = |error: &dyn std::fmt::Display| CertificateError::Make(error.to_string());
    let today = Zoned::now().date();
    let last = today.saturating_add(YEARS_VALID.years());
    let first = today.saturating_sub(1.days());
    let mut params =
        CertificateParams::new(vec![NAME.to_owned()]).map_err(|error| failed(&error))?;
    let day = |date: jiff::civil::Date| {
        rcgen::date_time_ymd(date.year().into(), date.month() as u8, date.day() as u8)
    };
    (params.not_before, params.not_after) = (day(first), day(last));
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, NAME);
    let pair = KeyPair::generate().map_err(|error| failed(&error))?;
    let made = params.self_signed(&pair).map_err(|error| failed(&error))?;
    let secret = Zeroizing::new(pair.serialize_pem());
    write_new(key, secret.as_bytes(), 0o600)?;
    if let Err(error) = write_new(certificate, made.pem().as_bytes(), 0o644) {
        // It is ours, and of no use alone.
        _ = std::fs::remove_file(key);
        return Err(error);
    }
    Ok(Fingerprint::of(made.der()))
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let bytes = read(path, CERTIFICATE, |_| Ok(()))?;
    let not = |why: String| CertificateError::Not {
        what: CERTIFICATE,
        path: path.to_owned(),
        why,
    };
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| not(error.to_string()))?;
    if chain.is_empty() {
        return Err(not("none is in it".to_owned()));
    }
    Ok(chain)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let bytes = read(path, KEY, |file| {
        if is_open_to_all(file) {
            return Err(CertificateError::OpenKey {
                path: path.to_owned(),
            });
        }
        Ok(())
    })?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
        let is_encrypted = bytes.windows(ENCRYPTED.len()).any(|some| some == ENCRYPTED);
        if is_encrypted {
            return CertificateError::EncryptedKey {
                path: path.to_owned(),
            };
        }
        CertificateError::Not {
            what: KEY,
            path: path.to_owned(),
            why: error.to_string(),
        }
    })
}

fn read(
    path: &Path,
    what: &'static str,
    check: impl FnOnce(&File) -> Result<(), CertificateError>,
) -> Result<Zeroizing<Vec<u8>>, CertificateError> {
    let failed = |source: io::Error| match source.kind() {
        ErrorKind::NotFound => CertificateError::Missing {
            what,
            path: path.to_owned(),
        },
        _ => CertificateError::Unreadable {
            what,
            path: path.to_owned(),
            source,
        },
    };
    let file = File::open(path).map_err(failed)?;
    check(&file)?;
    let mut bytes = Zeroizing::new(Vec::new());
    file.take(MOST_BYTES)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(bytes)
}

/// How long it is valid from now; an error if it is not.
fn days_left(validity: &Validity, path: &Path) -> Result<i64, CertificateError> {
    let now = Timestamp::now().as_second();
    let (first, last) = (
        validity.not_before.timestamp(),
        validity.not_after.timestamp(),
    );
    let day = |second| {
        Timestamp::from_second(second).map_or_else(
            |_| "another day".to_owned(),
            |time| time.strftime("%Y-%m-%d").to_string(),
        )
    };
    if now > last {
        return Err(CertificateError::Expired {
            path: path.to_owned(),
            on: day(last),
        });
    }
    if now < first {
        return Err(CertificateError::NotYet {
            path: path.to_owned(),
            on: day(first),
        });
    }
    Ok((last - now) / (24 * 60 * 60))
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), CertificateError> {
    let failed = |source: io::Error| match source.kind() {
        ErrorKind::AlreadyExists => CertificateError::Exists {
            path: path.to_owned(),
        },
        _ => CertificateError::Unwritable {
            path: path.to_owned(),
            source,
        },
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(mode);
    let mut file = options.open(path).map_err(failed)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(|error| {
        // A part of it is of no use, and would be in the way of the next try. A device stays.
        if file.metadata().is_ok_and(|data| data.is_file()) {
            _ = std::fs::remove_file(path);
        }
        failed(error)
    })
}

const CERTIFICATE: &str = "certificate";
const KEY: &str = "key";
const ENCRYPTED: &[u8] = b"ENCRYPTED";
/// Nobody looks at a hub's name; it is known by its fingerprint.
const NAME: &str = "farsend-hub";
const YEARS_VALID: i64 = 10;
/// Longer than any chain that makes sense.
const MOST_BYTES: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    struct Files {
        _folder: tempfile::TempDir,
        certificate: PathBuf,
        key: PathBuf,
    }

    impl Files {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let (certificate, key) = (folder.path().join("cert"), folder.path().join("key"));
            Self {
                _folder: folder,
                certificate,
                key,
            }
        }

        fn make(&self) -> Result<Fingerprint, CertificateError> {
            make(&self.certificate, &self.key)
        }

        fn load(&self) -> Result<Identity, CertificateError> {
            load(&self.certificate, &self.key)
        }

        fn said(&self) -> String {
            self.load().unwrap_err().to_string()
        }

        /// A certificate for these years, with its key.
        fn valid(&self, first: i32, last: i32) {
            let mut params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
            params.not_before = rcgen::date_time_ymd(first, 1, 1);
            params.not_after = rcgen::date_time_ymd(last, 1, 1);
            let pair = KeyPair::generate().unwrap();
            let made = params.self_signed(&pair).unwrap();
            for path in [&self.certificate, &self.key] {
                _ = std::fs::remove_file(path);
            }
            write_new(&self.key, pair.serialize_pem().as_bytes(), 0o600).unwrap();
            write_new(&self.certificate, made.pem().as_bytes(), 0o644).unwrap();
        }
    }

    #[test]
    fn what_is_made_can_be_used_for_years_and_is_not_overwritten() {
        let files = Files::new();
        let fingerprint = files.make().unwrap();
        let identity = files.load().unwrap();
        assert_eq!(identity.fingerprint, fingerprint);
        assert!(
            (3650..3654).contains(&identity.days_left),
            "{}",
            identity.days_left
        );
        let mode = files.key.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let before = std::fs::read(&files.key).unwrap();
        assert!(matches!(files.make(), Err(CertificateError::Exists { .. })));
        std::fs::remove_file(&files.certificate).unwrap();
        assert!(matches!(files.make(), Err(CertificateError::Exists { .. })));
        assert_eq!(std::fs::read(&files.key).unwrap(), before);
        assert!(!files.certificate.exists());
    }

    #[test]
    fn each_thing_that_is_wrong_has_a_sentence_that_says_what_to_do() {
        let files = Files::new();
        assert!(files.said().contains("--make-cert"), "{}", files.said());
        files.valid(2000, 2020);
        assert!(
            files.said().contains("expired on 2020-01-01"),
            "{}",
            files.said()
        );
        files.valid(2990, 3000);
        assert!(files.said().contains("clock"), "{}", files.said());
        files.valid(2000, 3000);
        files.load().unwrap();
        let open = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(&files.key, open).unwrap();
        assert!(files.said().contains("chmod 600"), "{}", files.said());
        std::fs::remove_file(&files.key).unwrap();
        assert!(files.said().contains("no key"), "{}", files.said());
        let other = KeyPair::generate().unwrap().serialize_pem();
        write_new(&files.key, other.as_bytes(), 0o600).unwrap();
        assert!(
            files.said().contains("not that of the certificate"),
            "{}",
            files.said()
        );
        std::fs::write(&files.key, "-----BEGIN ENCRYPTED PRIVATE KEY-----\n").unwrap();
        assert!(files.said().contains("is encrypted"), "{}", files.said());
        std::fs::write(&files.key, "secret").unwrap();
        assert!(
            files.said().contains("holds no key in PEM"),
            "{}",
            files.said()
        );
        std::fs::write(&files.certificate, "nothing").unwrap();
        assert!(
            files.said().contains("holds no certificate in PEM"),
            "{}",
            files.said()
        );
    }
}
