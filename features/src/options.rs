//! Options that an intent names, and how they go before what is told anyhow.

use topology::DhcpOption;

/// Options by who says them, first come first: of each code, what the first says who says it at all. A code may have several
/// options of the same sayer.
pub fn first_said<'a>(sayers: impl IntoIterator<Item = &'a [DhcpOption]>) -> Vec<&'a DhcpOption> {
    let mut said: Vec<&DhcpOption> = Vec::new();
    for sayer in sayers {
        let before = said.len();
        let new = |option: &&DhcpOption| !said[..before].iter().any(|other| other.code == option.code);
        let new: Vec<_> = sayer.iter().filter(new).collect();
        said.extend(new);
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_says_it_first_is_heard() {
        let option = |(code, byte): (u16, u8)| DhcpOption { code, data: [byte].into() };
        let list = |options: &[(u16, u8)]| options.iter().copied().map(option).collect::<Vec<_>>();
        let (port, subnet, other) = (list(&[(56, 1), (56, 2)]), list(&[(56, 3), (59, 4)]), list(&[(59, 5), (60, 6)]));
        let said = first_said([&port[..], &subnet, &other]);
        let said: Vec<_> = said.into_iter().map(|option| (option.code, option.data[0])).collect();
        assert_eq!(said, [(56, 1), (56, 2), (59, 4), (60, 6)]);
    }
}
