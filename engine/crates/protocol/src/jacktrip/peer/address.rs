//! Whether two addresses are the same one.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

/// `address` in the form to compare and to show: an IPv4 address that a dual-stack socket gave as IPv6
/// (`::ffff:a.b.c.d`) is IPv4, and the flow label of IPv6 says nothing.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => address,
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddr::new(IpAddr::V4(v4), v6.port()),
            None => SocketAddrV6::new(*v6.ip(), v6.port(), 0, v6.scope_id()).into(),
        },
    }
}
