//! How much of what is short one host may have: players, and whole schools, share an address behind a NAT, so that a
//! fixed number would be wrong for most.

use std::net::{IpAddr, Ipv6Addr};

/// Whom an address belongs to: of IPv6, everyone has 2^64.
pub(super) fn network(host: IpAddr) -> IpAddr {
    match host {
        IpAddr::V4(_) => host,
        IpAddr::V6(v6) => Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX)).into(),
    }
}

/// Of so many that the others have left, one host may hold this: all of up to three, and of more at most three
/// quarters, so that something is always left for somebody else.
pub(super) const fn share(left: usize) -> usize {
    left - left / 4
}

/// Where there may be `most`, and those who are here are of these hosts: whose oldest has to go, so that one more of
/// `host` can come. That of a host that has its share, or of the one that has most.
pub(super) fn crowd(
    hosts: impl Iterator<Item = IpAddr> + Clone,
    host: IpAddr,
    most: usize,
) -> Option<IpAddr> {
    let of = |host: IpAddr| hosts.clone().filter(|one| *one == host).count();
    let all = hosts.clone().count();
    let others = all - of(host);
    if of(host) > 0 && of(host) >= share(most.saturating_sub(others)) {
        Some(host)
    } else if all >= most {
        hosts.clone().max_by_key(|host| of(*host))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowded_host_makes_room_for_its_own_and_for_others() {
        let [school, home]: [IpAddr; 2] = [[10, 0, 0, 1].into(), [10, 0, 0, 2].into()];
        let here = |of_school, of_home| {
            let all = [vec![school; of_school], vec![home; of_home]].concat();
            move |host| crowd(all.iter().copied(), host, 8)
        };
        assert_eq!(here(5, 0)(school), None);
        assert_eq!(here(6, 0)(school), Some(school), "three quarters");
        assert_eq!(here(6, 1)(home), None);
        assert_eq!(here(6, 2)(home), Some(home), "all that is left for it");
        let hall = [10, 0, 0, 3].into();
        assert_eq!(here(6, 1)(hall), None);
        assert_eq!(here(6, 2)(hall), Some(school), "who is new finds room");
        assert_eq!(here(0, 0)(home), None);
    }

    #[test]
    fn two_of_a_host_find_room_in_few_and_no_host_gets_all_of_many() {
        let shares = [0, 1, 2, 3, 4, 32, 40, 512].map(share);
        assert_eq!(shares, [0, 1, 2, 3, 3, 24, 30, 384]);
    }
}
