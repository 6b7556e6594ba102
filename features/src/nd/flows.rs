//! The responder. Whose address it is, the address' one row in `neighbor` knows, as it does for packets: a solicitation goes
//! there with the address that it asks for in its destination's place. A flow can't both turn it into an advertisement and
//! fill in its link-layer option (the switch checks actions against the match), so the answer takes two more tables.

use std::net::Ipv6Addr;

use ::flows::{Claim, Drop, Emit, Feature, FeatureId, On, PuntOp, Reg, Row, Table};
use addr::Ipv6Net;
use ofp::Field;
use topology::{Key, KeyKind, View};

use crate::l2::GROUP_BIT;

/// The feature.
pub struct Nd;

const NEIGHBOR_SOLICIT: u8 = 135;
const NEIGHBOR_ADVERT: u8 = 136;
/// Option types (RFC 4861, 4.6).
const SOURCE_LINK_LAYER: u8 = 1;
const TARGET_LINK_LAYER: u8 = 2;
/// `fe80::/64`.
const LINK_LOCAL: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 64);
/// The middle of an interface identifier that is made of a MAC (RFC 4291, appendix A).
const EUI: u64 = 0xfffe;
/// The universal bit of an interface identifier, as [`Reg::NdBits`] has it; and where it is in a MAC.
const UNIVERSAL: u64 = 2;
const UNIVERSAL_IN_MAC: u16 = 41;

impl Feature for Nd {
    fn id(&self) -> FeatureId {
        FeatureId(3)
    }

    fn name(&self) -> &'static str {
        "nd"
    }

    fn anchors(&self) -> &'static [KeyKind] {
        &[KeyKind::Chassis]
    }

    fn compile(&self, key: Key, view: &View<'_>, emit: &mut Emit) {
        let Key::Chassis(chassis) = key else { return };
        if view.chassis(chassis).is_some() {
            let mut on = emit.on(chassis);
            claims(&mut on);
            questions(&mut on);
            found(&mut on);
            answers(&mut on);
        }
    }
}

/// The flag S.
const SOLICITED: u32 = 0x4000_0000;

/// Flags of a solicited advertisement (RFC 4861, 4.4), as the switch's `nd_reserved` has them: S and O, R for routers.
const fn flags(router: bool) -> u32 {
    SOLICITED | 0x2000_0000 | if router { 0x8000_0000 } else { 0 }
}

/// A secured port's advertisement has shown that its target is its own; now its MAC and source are shown.
fn claims(on: &mut On<'_>) {
    on.row(Table::Nd, 400, "the target is the port's own: now the MAC in the option, and the source")
        .ipv6()
        .when_reg(Reg::Claim, Claim::Target as u64)
        .restore(Reg::Kept, Field::IPV6_SRC)
        .load(Reg::Claim, Claim::TargetMac as u64)
        .reenter(Table::Classify);
    on.row(Table::Nd, 50, "neighbours know the address already")
        .ipv6()
        .when(Field::IP_PROTO, 58u8)
        .when(Field::ICMPV6_TYPE, NEIGHBOR_ADVERT)
        .when_masked(Field::ETH_DST, GROUP_BIT, GROUP_BIT)
        .when_reg(Reg::Secured, 1u64)
        .drop(Drop::UnsolicitedAdvert);
}

/// What becomes of a solicitation.
fn questions(on: &mut On<'_>) {
    // Whoever holds the address says so by the controller: a flow would have no option to fill in, and would not know whether
    // it is the prober's own.
    on.row(Table::Nd, 150, "a probe: has somebody else the address? (RFC 4862, 5.4)")
        .icmpv6(NEIGHBOR_SOLICIT)
        .when(Field::NW_TTL, 255u8)
        .when(Field::IPV6_SRC, Ipv6Addr::UNSPECIFIED)
        .punt(PuntOp::NeighborSolicit);
    // By the group bit and any code: nothing that looks like discovery is left to be flooded.
    on.row(Table::Nd, 140, "probes are answered or not, but never delivered: not by a unicast frame either")
        .ipv6()
        .when(Field::IP_PROTO, 58u8)
        .when(Field::ICMPV6_TYPE, NEIGHBOR_SOLICIT)
        .when(Field::IPV6_SRC, Ipv6Addr::UNSPECIFIED)
        .drop(Drop::UnknownTarget);
    // To a host's own MAC it is forwarded: reachability is the host's to confirm (RFC 4861, 7.3).
    let row = on
        .row(Table::Nd, 100, "who has the address?")
        .icmpv6(NEIGHBOR_SOLICIT)
        .when(Field::NW_TTL, 255u8)
        .when_masked(Field::ETH_DST, GROUP_BIT, GROUP_BIT);
    ask(row);
    on.row(Table::Nd, 50, "solicitations are answered or not, but never flooded")
        .ipv6()
        .when(Field::IP_PROTO, 58u8)
        .when(Field::ICMPV6_TYPE, NEIGHBOR_SOLICIT)
        .when_masked(Field::ETH_DST, GROUP_BIT, GROUP_BIT)
        .drop(Drop::UnknownTarget);
    let row = on
        .row(Table::RouterIn, 285, "asked of the router itself: nobody else would answer")
        .icmpv6(NEIGHBOR_SOLICIT)
        .when(Field::NW_TTL, 255u8);
    ask(row);
}

/// Puts a solicitation to the table of neighbours.
pub(crate) fn ask(row: Row<'_>) {
    row.keep(Field::IPV6_DST, Reg::Kept)
        .copy(Field::ND_TARGET, Field::IPV6_DST)
        .keep_bits(Field::ND_TARGET.sub(24, 16), Reg::NdEui)
        .keep_bits(Field::ND_TARGET.sub(56, 2), Reg::NdBits)
        .load(Reg::NdAsks, 1u64)
        .goto(Table::Neighbor);
}

/// What the table of neighbours says to a solicitation beside the addresses' own rows.
fn found(on: &mut On<'_>) {
    // To one MAC though it is for a group (RFC 6085). If nobody has the MAC, it ends as any such frame; a group's is none.
    for flipped in [0u64, 1] {
        let row = on.row(Table::Neighbor, 50, "a link-local address made of a MAC: who has that answers himself");
        made_of_mac(row, flipped).goto(Table::Out);
    }
    on.row(Table::Neighbor, 40, "nobody has the address").when_reg(Reg::NdAsks, 1u64).drop(Drop::UnknownTarget);
    on.row(Table::Out, 300, "the address is at the MAC that the frame is for now")
        .when_reg(Reg::NdAsks, 1u64)
        .goto(Table::NdReply);
}

/// A solicitation for a link-local address made of a MAC, whose universal bit is 1 if `flipped` is 0: now for that MAC.
pub(crate) fn made_of_mac(row: Row<'_>, flipped: u64) -> Row<'_> {
    row.ipv6()
        .when_masked(Field::IPV6_DST, LINK_LOCAL.network(), LINK_LOCAL.netmask())
        .when_reg(Reg::NdAsks, 1u64)
        .when_reg(Reg::NdEui, EUI)
        .when_reg(Reg::NdBits, if flipped == 0 { UNIVERSAL } else { 0 })
        .copy_bits(Field::IPV6_DST.sub(0, 24), Field::ETH_DST.sub(0, 24))
        .copy_bits(Field::IPV6_DST.sub(40, 24), Field::ETH_DST.sub(24, 24))
        .load_bits(Field::ETH_DST.sub(UNIVERSAL_IN_MAC, 1), flipped)
        .restore(Reg::Kept, Field::IPV6_DST)
        .load(Reg::NdAsks, 0u64)
}

/// Turns a solicitation into an advertisement with these flags.
fn answer(row: Row<'_>, flags: u32) {
    row.icmpv6(NEIGHBOR_SOLICIT)
        .when(Field::ND_OPTIONS_TYPE, SOURCE_LINK_LAYER)
        .set(Field::ICMPV6_TYPE, NEIGHBOR_ADVERT)
        .set(Field::ND_RESERVED, flags)
        .set(Field::ND_OPTIONS_TYPE, TARGET_LINK_LAYER)
        .keep(Field::ETH_DST, Reg::NdMac)
        .copy(Field::ETH_SRC, Field::ETH_DST)
        .copy(Field::IPV6_SRC, Field::IPV6_DST)
        .goto(Table::NdSend);
}

fn answers(on: &mut On<'_>) {
    // Where there is no option, the switch would write one beyond the packet's end; and the frame's length does not tell, for an
    // extension header makes up for an option. So flows answer what begins with the sender's MAC, as every host's does that
    // wants an answer for itself; the rest (solicitations without options, or with others first) is the controller's.
    on.row(Table::NdReply, 10, "no option with the sender's MAC to fill in")
        .icmpv6(NEIGHBOR_SOLICIT)
        .restore(Reg::Kept, Field::IPV6_DST)
        .punt(PuntOp::NeighborSolicit);
    // None of them is to take the others' place in a cache (RFC 4861, 7.2.7); nor need they wait for each other, for the MAC is the
    // same whoever serves.
    answer(on.row(Table::NdReply, 35, "several answer for the address").when_reg(Reg::NdAnycast, 1u64), SOLICITED);
    for (router, bit) in [(true, 1u64), (false, 0)] {
        let row = on.row(Table::NdReply, 30, "the address is at this MAC").when_reg(Reg::NdRouter, bit);
        answer(row, flags(router));
    }
    on.row(Table::NdSend, 10, "fills in the target's MAC and sends the answer back")
        .icmpv6(NEIGHBOR_ADVERT)
        .restore(Reg::NdMac, Field::ND_TLL)
        .restore(Reg::NdMac, Field::ETH_SRC)
        .copy(Field::ND_TARGET, Field::IPV6_SRC)
        .meter_answer()
        .goto(Table::Reply);
    on.row(Table::Reply, 10, "back to who asked").back();
}
