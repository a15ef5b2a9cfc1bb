//! From what a person types to an address.

use std::net::{SocketAddr, ToSocketAddrs};

use thiserror::Error;

/// Why a host was not found.
#[derive(Debug, Error)]
pub enum ResolveError {
    /// What was typed is no `HOST[:PORT]`.
    #[error("\"{typed}\" is no host: expected NAME, ADDRESS, NAME:PORT or [IPV6]:PORT")]
    NotAHost {
        /// As typed.
        typed: String,
    },
    /// The name service knows no address.
    #[error(
        "no address for \"{host}\": {source}. Check the spelling and that this machine is online; an IP address needs no name service"
    )]
    NoAddress {
        /// The host's name.
        host: String,
        /// What the name service said.
        source: std::io::Error,
    },
}

/// Splits `HOST[:PORT]`; an IPv6 address with a port stands in brackets.
///
/// # Errors
/// [`ResolveError::NotAHost`] for an empty host, a port that is no number or 0, or a stray bracket.
pub fn split_host(typed: &str, default_port: u16) -> Result<(String, u16), ResolveError> {
    let wrong = || ResolveError::NotAHost {
        typed: typed.to_owned(),
    };
    let port_of = |text: &str| {
        text.parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or_else(wrong)
    };
    let (host, port) = if let Some(rest) = typed.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or_else(wrong)?;
        let port = match after.strip_prefix(':') {
            Some(port) => port_of(port)?,
            None if after.is_empty() => default_port,
            None => return Err(wrong()),
        };
        (host, port)
    } else if typed.matches(':').count() == 1 {
        let (host, port) = typed.split_once(':').ok_or_else(wrong)?;
        (host, port_of(port)?)
    } else {
        (typed, default_port)
    };
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err(wrong());
    }
    Ok((host.to_owned(), port))
}

/// The address of `host`, an IPv4 one where there is one. Blocks on the name service.
///
/// # Errors
/// [`ResolveError::NoAddress`].
pub fn resolve(host: &str, port: u16) -> Result<SocketAddr, ResolveError> {
    let no_address = |source| ResolveError::NoAddress {
        host: host.to_owned(),
        source,
    };
    let all: Vec<SocketAddr> = (host, port)
        .to_socket_addrs()
        .map_err(no_address)?
        .collect();
    all.iter()
        .find(|address| address.is_ipv4())
        .or(all.first())
        .copied()
        .ok_or_else(|| no_address(std::io::ErrorKind::NotFound.into()))
}

#[cfg(test)]
mod tests {
    use super::split_host;

    #[test]
    fn a_host_may_carry_a_port_and_an_ipv6_address_its_brackets() {
        let split = |typed| split_host(typed, 4464).ok();
        let some = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(split("studio.example"), some("studio.example", 4464));
        assert_eq!(split("10.0.0.7:5000"), some("10.0.0.7", 5000));
        assert_eq!(split("fe80::1"), some("fe80::1", 4464));
        assert_eq!(split("[fe80::1]:5000"), some("fe80::1", 5000));
        assert_eq!(split("[::1]"), some("::1", 4464));
        for wrong in [
            "",
            ":4464",
            "host:",
            "host:0",
            "host:99999",
            "host:x",
            "[::1",
            "[::1]5",
            "a b",
        ] {
            assert!(split(wrong).is_none(), "{wrong}");
        }
    }
}
