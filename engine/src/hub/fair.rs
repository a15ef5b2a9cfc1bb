//! How much of what is short one host may have: players, and whole schools, share an address behind a NAT, so that a
//! fixed number would be wrong for most.

/// Of so many that the others have left, one host may hold this: all of up to three, and of more at most three
/// quarters, so that something is always left for somebody else.
pub(super) const fn share(left: usize) -> usize {
    left - left / 4
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn two_of_a_host_find_room_in_few_and_no_host_gets_all_of_many() {
        let shares = [0, 1, 2, 3, 4, 32, 40, 512].map(share);
        assert_eq!(shares, [0, 1, 2, 3, 3, 24, 30, 384]);
    }
}
