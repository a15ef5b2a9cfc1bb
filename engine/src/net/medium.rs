//! What carries our datagrams: a cable or the air.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::Path;

use nix::ifaddrs::getifaddrs;

/// Whether datagrams to `remote` leave by Wi-Fi, as far as the system tells. Sends nothing. Control thread.
pub fn is_wireless(remote: SocketAddr) -> bool {
    interface_to(remote).is_some_and(|name| {
        let interface = Path::new("/sys/class/net").join(name);
        interface.join("wireless").exists() || interface.join("phy80211").exists()
    })
}

/// The interface by which the system would send to `remote`.
fn interface_to(remote: SocketAddr) -> Option<String> {
    let any: SocketAddr = if remote.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(any).ok()?;
    // Chooses a route, and no more.
    socket.connect(remote).ok()?;
    let ours = socket.local_addr().ok()?.ip().to_canonical();
    let all = getifaddrs().ok()?;
    let mut ours_too = all.filter(|entry| {
        let address = entry.address.as_ref();
        let v4 = address.and_then(|address| Some(address.as_sockaddr_in()?.ip().into()));
        let v6 = address.and_then(|address| Some(address.as_sockaddr_in6()?.ip().into()));
        v4.or(v6) == Some(ours)
    });
    ours_too.next().map(|entry| entry.interface_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_this_machine_is_no_wireless_one() {
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 4464));
        assert_eq!(interface_to(here).as_deref(), Some("lo"));
        assert!(!is_wireless(here));
    }
}
