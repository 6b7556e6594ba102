//! Any field, match and port.

use addr::OfPort;
use bytes::Bytes;
use ofp::*;
use proptest::collection::vec;
use proptest::prelude::*;

pub fn bytes(most: usize) -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..=most).prop_map(Bytes::from)
}

pub fn field() -> impl Strategy<Value = Field> {
    let fields: Vec<_> = Field::all().collect();
    prop::sample::select(fields)
}

/// All bits of a field, as many as a match has.
pub fn full(field: Field) -> u128 {
    Match::new().with(field, u128::MAX).get(field).map_or(0, |(_, mask)| mask)
}

pub fn matches() -> impl Strategy<Value = Match> {
    vec((field(), any::<u128>(), prop_oneof![Just(u128::MAX), any::<u128>()]), 0..8).prop_map(|fields| {
        fields.into_iter().fold(Match::new(), |match_, (field, value, mask)| match_.masked(field, value, mask))
    })
}

pub fn port() -> impl Strategy<Value = OfPort> {
    prop_oneof![(0u32..0xff00).prop_map(OfPort), (0xffff_fff9u32..=u32::MAX).prop_map(OfPort)]
}
