//! Addresses as people type or paste them.

use std::fmt;

use crate::state::{LONGEST_HOST, Role};

/// Whom to call, as far as it was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// What the scheme says; `None`: there was none that says anything.
    pub role: Option<Role>,
    /// A name or an address, without brackets.
    pub host: String,
    /// Not 0; `None`: not said.
    pub port: Option<u16>,
}

/// Why something is no address. Displays as a sentence for the one who typed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoAddress {
    /// There is nothing.
    Empty,
    /// This is no scheme that we know.
    Scheme(String),
    /// This is no port.
    Port(String),
    /// There is something behind it, such as a path.
    Rest(String),
    /// No host can have that name.
    Host(String),
}

/// Reads `HOST`, `HOST:PORT`, `HOST PORT`, `IPV6`, `[IPV6]` or `[IPV6]:PORT`, each of them after `hub://` for a hub. Space around any of that
/// is nothing, and so are schemes that only say that it is an address.
///
/// # Errors
/// [`NoAddress`]. Whether there is such a host, the engine finds out.
pub fn parse(text: &str) -> Result<Address, NoAddress> {
    let (role, rest) = scheme(text.trim())?;
    let rest = rest.trim().trim_end_matches('/').trim_end();
    let (host, port) = split(rest)?;
    let port = port.map(str::trim).filter(|port| !port.is_empty());
    let port = port.map(|text| match text.parse::<u16>() {
        Ok(port) if port != 0 => Ok(port),
        _ => Err(NoAddress::Port(short(text))),
    });
    let (host, port) = (host.trim(), port.transpose()?);
    if host.is_empty() {
        return Err(NoAddress::Empty);
    }
    if let Some((_, path)) = host.split_once('/') {
        return Err(NoAddress::Rest(short(path)));
    }
    if !may_be_host(host) {
        return Err(NoAddress::Host(short(host)));
    }
    let host = host.to_owned();
    Ok(Address { role, host, port })
}

/// Whether this could be a name or an address, or none yet.
pub fn may_be_host(host: &str) -> bool {
    let never = |c: char| c.is_control() || c.is_whitespace() || matches!(c, '/' | '[' | ']');
    host.len() <= LONGEST_HOST && !host.chars().any(never)
}

fn scheme(text: &str) -> Result<(Option<Role>, &str), NoAddress> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Ok((None, text));
    };
    match scheme.trim().to_ascii_lowercase().as_str() {
        "hub" => Ok((Some(Role::Member), rest)),
        "udp" | "jacktrip" | "farsend" => Ok((None, rest)),
        other => Err(NoAddress::Scheme(short(other))),
    }
}

/// Into host and port.
fn split(text: &str) -> Result<(&str, Option<&str>), NoAddress> {
    if let Some((host, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let rest = rest.trim_start();
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit()) => {
                Ok((host, Some(rest)))
            }
            None => Err(NoAddress::Rest(short(rest))),
        };
    }
    Ok(
        match (text.split_once(':'), text.split_once(char::is_whitespace)) {
            (Some((host, port)), _) if !port.contains(':') => (host, Some(port)),
            // More than one colon without brackets is IPv6. A number behind a space is a port.
            (_, Some((host, port))) if port.trim().bytes().all(|b| b.is_ascii_digit()) => {
                (host, Some(port))
            }
            _ => (text, None),
        },
    )
}

/// What is said again of what was typed.
fn short(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(SHORT) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

impl fmt::Display for NoAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str(
                "Type a name or an address, with or without \":port\"; a hub's after \"hub://\".",
            ),
            Self::Scheme(scheme) => write!(
                f,
                "\"{scheme}://\" cannot be called: leave it out, or put \"hub://\" before a hub's address."
            ),
            Self::Port(port) => write!(f, "\"{port}\" is no port: they go from 1 to 65535."),
            Self::Rest(rest) => write!(f, "\"{rest}\" does not belong to an address."),
            Self::Host(host) => write!(f, "\"{host}\" cannot be a host's name or address."),
        }
    }
}

const SHORT: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_as_people_write_them() {
        for (text, role, host, port) in [
            ("far.example", None, "far.example", None),
            (" far.example:4470 ", None, "far.example", Some(4470)),
            ("far.example : 4470", None, "far.example", Some(4470)),
            ("far.example 4470", None, "far.example", Some(4470)),
            ("far.example:", None, "far.example", None),
            ("UDP://10.0.0.2:4464/", None, "10.0.0.2", Some(4464)),
            ("fe80::1%eth0", None, "fe80::1%eth0", None),
            ("[fe80::1]", None, "fe80::1", None),
            ("[ fe80::1 ] : 4470", None, "fe80::1", Some(4470)),
            ("fe80::1 4470", None, "fe80::1", Some(4470)),
            ("hub://hub.example", Some(Role::Member), "hub.example", None),
            ("Hub:// [::1]:4465/", Some(Role::Member), "::1", Some(4465)),
        ] {
            let host = host.to_owned();
            assert_eq!(parse(text), Ok(Address { role, host, port }), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_address_is_told_why() {
        let port = |text: &str| NoAddress::Port(text.into());
        for (text, why) in [
            ("", NoAddress::Empty),
            ("hub://", NoAddress::Empty),
            (":4464", NoAddress::Empty),
            ("a:0", port("0")),
            ("a:99999", port("99999")),
            ("a:b", port("b")),
            ("https://a.example", NoAddress::Scheme("https".into())),
            ("a.example/studio", NoAddress::Rest("studio".into())),
            ("[::1]x", NoAddress::Rest("x".into())),
            ("two words", NoAddress::Host("two words".into())),
        ] {
            assert_eq!(parse(text), Err(why), "{text:?}");
        }
        let endless = "x".repeat(1000);
        let why = parse(&endless)
            .expect_err("no name is that long")
            .to_string();
        assert!(why.len() < 100, "{why}");
    }
}
