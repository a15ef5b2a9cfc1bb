//! `farsend hub`'s users: its options for them, the certificate that it makes, and the lines of its credentials file.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use clap::Args;
use farsend_protocol::jacktrip::{BadEntry, SALT_BYTES, Times, put_line, times_of, user_line};
use thiserror::Error;

use super::secret::{self, SecretError};
use crate::exit::Exit;
use crate::hub::{AuthSettings, CertificateError, make_certificate};

/// The options.
#[derive(Debug, Args)]
pub(super) struct AuthArgs {
    /// Let in only users with a password (JackTrip's `-A`). Needs a certificate (--make-cert) and users (--add-user).
    #[arg(short = 'A', long)]
    auth: bool,
    /// The certificate, in PEM [default: hub-cert.pem in ~/.config/farsend].
    #[arg(long, visible_alias = "certfile", value_name = "FILE")]
    cert: Option<PathBuf>,
    /// Its key, in PEM: RSA or ECDSA [default: hub-key.pem there].
    #[arg(long, visible_alias = "keyfile", value_name = "FILE")]
    key: Option<PathBuf>,
    /// The users, in JackTrip's format, read again when it changes [default: hub-users there].
    #[arg(long, visible_alias = "credsfile", value_name = "FILE")]
    creds: Option<PathBuf>,
    /// Write a self-signed certificate and its key, show the fingerprint, and end. Never overwrites.
    #[arg(long, conflicts_with_all = ["auth", "add_user"])]
    make_cert: bool,
    /// Add a user to the credentials file, or change the password of one, and end. The password is asked for on the
    /// terminal, or is the first line of standard input.
    #[arg(long, value_name = "NAME", conflicts_with = "auth")]
    add_user: Option<String>,
    /// With --add-user: when they may come, such as Mo0900-1730,Sa* or, always, * [default: as before, else always].
    #[arg(long, value_name = "TIMES", requires = "add_user")]
    times: Option<Times>,
}

/// Why something was not done.
#[derive(Debug, Error)]
pub(super) enum ChoreError {
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Entry(#[from] BadEntry),
    #[error("there is no home directory (HOME) to look for {name} in: say {option} FILE")]
    NoHome {
        name: &'static str,
        option: &'static str,
    },
    #[error(
        "{option} is for a hub that asks for passwords, and this one would let in everybody: add --auth, or leave {option} out (it goes with --make-cert and --add-user, too)"
    )]
    Open { option: &'static str },
    #[error("--cert and --key are made as two files, and both are to be {}: name another for the key", .0.display())]
    OneFile(PathBuf),
    #[error("{} cannot be written: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("the system gives no random numbers: {0}")]
    Random(io::Error),
}

impl AuthArgs {
    /// Does what is to be done in place of running a hub, if anything is.
    pub(super) fn chore(&self) -> Option<Exit> {
        let done = if self.make_cert {
            self.make_certificate()
        } else {
            let name = self.add_user.as_deref()?;
            self.add_user(name)
        };
        Some(match done {
            Ok(()) => Exit::Done,
            Err(error) => complain(&error),
        })
    }

    /// What the hub needs for users with passwords, if it is to have any.
    ///
    /// # Errors
    /// [`ChoreError::NoHome`] and [`ChoreError::Open`], as they were told: an exit code.
    pub(super) fn settings(&self) -> Result<Option<AuthSettings>, Exit> {
        if !self.auth {
            let files = [
                (&self.cert, "--cert"),
                (&self.key, "--key"),
                (&self.creds, "--creds"),
            ];
            let given = files.into_iter().find(|(file, _)| file.is_some());
            return given.map_or(Ok(None), |(_, option)| {
                Err(complain(&ChoreError::Open { option }))
            });
        }
        let settings = || {
            Ok(AuthSettings {
                certificate: self.certificate()?,
                key: self.key()?,
                users: self.users()?,
            })
        };
        settings().map(Some).map_err(|error| complain(&error))
    }

    fn certificate(&self) -> Result<PathBuf, ChoreError> {
        self.cert
            .clone()
            .map_or_else(|| at_home("hub-cert.pem", "--cert"), Ok)
    }

    fn key(&self) -> Result<PathBuf, ChoreError> {
        self.key
            .clone()
            .map_or_else(|| at_home("hub-key.pem", "--key"), Ok)
    }

    fn users(&self) -> Result<PathBuf, ChoreError> {
        self.creds
            .clone()
            .map_or_else(|| at_home("hub-users", "--creds"), Ok)
    }

    fn make_certificate(&self) -> Result<(), ChoreError> {
        let (certificate, key) = (self.certificate()?, self.key()?);
        for path in [&certificate, &key] {
            make_folder(path)?;
        }
        if place_of(&certificate) == place_of(&key) {
            return Err(ChoreError::OneFile(key));
        }
        let fingerprint = make_certificate(&certificate, &key)?;
        println!("certificate: {}", certificate.display());
        println!("key (keep it secret): {}", key.display());
        println!("SHA-256 fingerprint: {fingerprint}");
        Ok(())
    }

    fn add_user(&self, name: &str) -> Result<(), ChoreError> {
        let path = self.users()?;
        make_folder(&path)?;
        let mut file = read_or_nothing(&path)?;
        let before = times_of(&file, name);
        let times = self.times.clone().or(before).unwrap_or_else(Times::always);
        // Before the password is asked for.
        user_line(name, b"any", [0; SALT_BYTES], &times)?;
        let password = secret::choose(name)?;
        let salt = random().map_err(ChoreError::Random)?;
        let line = user_line(name, password.as_bytes(), salt, &times)?;
        let is_known = put_line(&mut file, name, &line);
        replace(&path, &file).map_err(|source| ChoreError::Write {
            path: path.clone(),
            source,
        })?;
        let what = if is_known {
            "has a new password"
        } else {
            "is a user now"
        };
        println!("{name} {what}: {}", path.display());
        Ok(())
    }
}

fn complain(error: &ChoreError) -> Exit {
    eprintln!("farsend: {error}");
    match error {
        ChoreError::Entry(_)
        | ChoreError::NoHome { .. }
        | ChoreError::Open { .. }
        | ChoreError::OneFile(_) => Exit::Usage,
        _ => Exit::Secret,
    }
}

/// Where a file is that was not named.
fn at_home(name: &'static str, option: &'static str) -> Result<PathBuf, ChoreError> {
    let absolute = |variable| {
        let path = PathBuf::from(std::env::var_os(variable)?);
        path.is_absolute().then_some(path)
    };
    let home = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")));
    let home = home.ok_or(ChoreError::NoHome { name, option })?;
    Ok(home.join("farsend").join(name))
}

/// A file's name in its real folder.
fn place_of(file: &Path) -> PathBuf {
    let folder = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    let folder = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    folder.join(file.file_name().unwrap_or_default())
}

/// Makes the folder that a file is to be in; only its owner can look into one that is new.
fn make_folder(file: &Path) -> Result<(), ChoreError> {
    let Some(folder) = file
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    else {
        return Ok(());
    };
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|source| ChoreError::Write {
        path: folder.to_owned(),
        source,
    })
}

fn read_or_nothing(path: &Path) -> Result<Vec<u8>, ChoreError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(bytes),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(ChoreError::Write {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Puts a new file in place of another at once, so that a hub never reads half of it. It keeps the group's rights, and
/// everyone else gets none.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A link stays one.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let before = std::fs::metadata(path);
    let mode = before.as_ref().map_or(0o600, |data| data.mode() & 0o770);
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    let write = || {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(mode);
        let mut file = options.open(&new)?;
        if let Ok(before) = &before {
            // Of the same group, where that is allowed.
            _ = std::os::unix::fs::chown(&new, Some(before.uid()), Some(before.gid()));
        }
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&new, path)
    };
    write().inspect_err(|_| _ = std::fs::remove_file(&new))
}

fn random() -> io::Result<[u8; SALT_BYTES]> {
    let mut bytes = [0; SALT_BYTES];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}
