//! What a hub with passwords needs, made as JackTrip's manual tells people to: with OpenSSL.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Machine;
use super::program::{command, run_to_end};

/// Certificate, key and credentials file.
#[derive(Debug)]
pub struct HubFiles {
    /// In PEM.
    pub certificate: PathBuf,
    /// In PEM, RSA.
    pub key: PathBuf,
    /// Ann with the password `secret`, always; never, with the same password, never.
    pub users: PathBuf,
}

impl HubFiles {
    /// Makes them, in the machine's folder.
    ///
    /// # Panics
    ///
    /// If OpenSSL fails.
    pub fn make(machine: &Machine) -> HubFiles {
        let files = HubFiles {
            certificate: machine.path("cert.pem"),
            key: machine.path("key.pem"),
            users: machine.path("users"),
        };
        let words = "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=hub -keyout";
        let mut made = command("openssl", &words.split(' ').collect::<Vec<_>>());
        made.arg(&files.key).arg("-out").arg(&files.certificate);
        run_to_end(machine, "openssl", &mut made, LIMIT);
        let mut hashed = command("openssl", &["passwd", "-6", "secret"]);
        let hash = run_to_end(machine, "openssl", &mut hashed, LIMIT);
        let hash = hash.trim();
        write(&files.users, &format!("ann:{hash}:*\nnever:{hash}:\n"));
        files
    }

    /// As options under these names: certificate, key, users.
    pub fn options(&self, names: [&str; 3]) -> Vec<String> {
        names
            .into_iter()
            .zip([&self.certificate, &self.key, &self.users])
            .flat_map(|(name, path)| [name.to_owned(), path.display().to_string()])
            .collect()
    }

    /// The certificate's SHA-256, as OpenSSL shows it, behind an equals sign.
    ///
    /// # Panics
    ///
    /// If OpenSSL fails.
    pub fn fingerprint(&self, machine: &Machine) -> String {
        let words = ["x509", "-noout", "-fingerprint", "-sha256", "-in"];
        let mut shown = command("openssl", &words);
        let shown = run_to_end(machine, "openssl", shown.arg(&self.certificate), LIMIT);
        let (_, fingerprint) = shown.trim().split_once('=').expect("it shows NAME=HEX");
        fingerprint.to_owned()
    }
}

/// Writes a file that only its owner can read.
///
/// # Panics
///
/// If that cannot be.
pub fn write(path: &Path, text: &str) {
    std::fs::write(path, text).expect("the test's folder is writable");
    let only_ours = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(path, only_ours).expect("it is our file");
}

const LIMIT: Duration = Duration::from_secs(60);
