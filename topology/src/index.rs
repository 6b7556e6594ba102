//! Ordered sets of pairs, as indexes: cheap to fork, scanned by their first half.

use rpds::RedBlackTreeSetSync;

/// Pairs in order; `of` lists the second halves of one first half.
#[derive(Clone, Debug)]
pub(crate) struct Index<A, B>(RedBlackTreeSetSync<(A, B)>)
where
    A: Ord + Copy,
    B: Ord + Copy;

/// The least and greatest value of a type: the ends of a range scan.
pub(crate) trait Bounds {
    const LEAST: Self;
    const GREATEST: Self;
}

impl<A: Ord + Copy, B: Ord + Copy + Bounds> Default for Index<A, B> {
    fn default() -> Self {
        Index(RedBlackTreeSetSync::new_sync())
    }
}

impl<A: Ord + Copy, B: Ord + Copy + Bounds> Index<A, B> {
    pub(crate) fn insert(&mut self, a: A, b: B) {
        self.0.insert_mut((a, b));
    }

    pub(crate) fn remove(&mut self, a: A, b: B) {
        self.0.remove_mut(&(a, b));
    }

    pub(crate) fn set(&mut self, a: A, b: B, present: bool) {
        if present { self.insert(a, b) } else { self.remove(a, b) }
    }

    pub(crate) fn contains(&self, a: A, b: B) -> bool {
        self.0.contains(&(a, b))
    }

    pub(crate) fn of(&self, a: A) -> impl Iterator<Item = B> + '_ {
        self.0.range((a, B::LEAST)..=(a, B::GREATEST)).map(|(_, b)| *b)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (A, B)> + '_ {
        self.0.iter().copied()
    }

    pub(crate) fn any(&self, a: A) -> bool {
        self.of(a).next().is_some()
    }
}

macro_rules! bounds {
    ($($name:ident($inner:ty)),*) => {
        $(impl Bounds for crate::keys::$name {
            const LEAST: Self = crate::keys::$name(0);
            const GREATEST: Self = crate::keys::$name(<$inner>::MAX);
        })*
    };
}

bounds!(ChassisKey(u16), NetworkKey(u32), SubnetKey(u32), RouterKey(u32), PortKey(u32), GroupKey(u32), AnycastKey(u32));
bounds!(ExposureKey(u32));

impl<A: Bounds, B: Bounds> Bounds for (A, B) {
    const LEAST: Self = (A::LEAST, B::LEAST);
    const GREATEST: Self = (A::GREATEST, B::GREATEST);
}

impl Bounds for addr::IpNet {
    const LEAST: Self = addr::IpNet::V4(addr::Ipv4Net::new_assert(std::net::Ipv4Addr::UNSPECIFIED, 0));
    const GREATEST: Self = addr::IpNet::V6(addr::Ipv6Net::new_assert(
        std::net::Ipv6Addr::new(0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff),
        128,
    ));
}
