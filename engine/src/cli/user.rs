//! Who we are at a hub: the options of `farsend join`, and those of JackTrip.

use std::path::PathBuf;

use clap::Args;

use super::secret::{self, SecretError};
use crate::credentials::{Credentials, Password};
use crate::net::fingerprint::Fingerprint;

/// `farsend join`'s.
#[derive(Debug, Args)]
pub(super) struct UserArgs {
    /// Log in as this user, at a hub that asks for a password.
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The user's password: the first line of this file, or of standard input if it is -. Without it, it is asked for on
    /// the terminal.
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// Send the password only to a hub whose certificate has this SHA-256 fingerprint, as the hub shows it. Without it any
    /// certificate will do, and its fingerprint is shown.
    #[arg(long, value_name = "HEX", requires = "user")]
    fingerprint: Option<Fingerprint>,
}

/// JackTrip's.
#[derive(Debug, Args)]
pub(super) struct UserOptions {
    /// Log in at the hub with user and password.
    #[arg(short = 'A', long = "auth")]
    wanted: bool,
    /// The user's name at the hub; asked for without it.
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// The user's password; asked for without it. Given here, everyone on this machine can see it.
    #[arg(long, value_name = "TEXT", value_parser = password)]
    password: Option<Password>,
}

impl UserArgs {
    /// What is to be said at the hub, if anything. Asks for the password where there is no file.
    ///
    /// # Errors
    /// [`SecretError`].
    pub(super) fn credentials(&self) -> Result<Option<Credentials>, SecretError> {
        let Some(user) = &self.user else {
            return Ok(None);
        };
        let password = match &self.password_file {
            Some(path) => secret::from_file(path)?,
            None => secret::ask(&format!("Password of {user}: "))?,
        };
        Ok(Some(Credentials {
            user: user.clone(),
            password,
            fingerprint: self.fingerprint,
        }))
    }
}

impl UserOptions {
    /// What is to be said at the hub, with `-A`. Asks for what was not given, on standard input, as JackTrip does.
    ///
    /// # Errors
    /// [`SecretError`].
    pub(super) fn credentials(&self) -> Result<Option<Credentials>, SecretError> {
        if !self.wanted {
            return Ok(None);
        }
        let user = match &self.username {
            Some(name) => name.clone(),
            None => secret::ask_user("User: ")?,
        };
        let password = match &self.password {
            Some(password) => password.clone(),
            None => match secret::ask(&format!("Password of {user}: ")) {
                Err(SecretError::NoTerminal) => secret::from_stdin()?,
                asked => asked?,
            },
        };
        Ok(Some(Credentials {
            user,
            password,
            fingerprint: None,
        }))
    }

    /// Whether there is `-A`.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// A line for each option that means nothing, or that is better not used. `joins`: a hub is joined; `is_hub`: it is
    /// one.
    pub(super) fn remarks(&self, joins: bool, is_hub: bool) -> Vec<String> {
        let means_nothing =
            |option| format!("{option} means nothing here: it is for joining a hub");
        let mut remarks = Vec::new();
        let given = [
            (self.wanted && !is_hub, "-A"),
            (self.username.is_some(), "--username"),
            (self.password.is_some(), "--password"),
        ];
        for (_, option) in given.iter().filter(|one| one.0 && !joins) {
            remarks.push(means_nothing(option));
        }
        let unused = joins && !self.wanted && (self.username.is_some() || self.password.is_some());
        if unused {
            remarks.push("--username and --password mean nothing without -A".to_owned());
        }
        if self.password.is_some() {
            remarks.push(
                "everyone on this machine can see --password in the list of processes: without it, it is asked for"
                    .to_owned(),
            );
        }
        remarks
    }
}

fn password(text: &str) -> Result<Password, std::convert::Infallible> {
    Ok(Password::new(text.to_owned()))
}
