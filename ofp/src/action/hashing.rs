//! Actions that hash a packet, or pick some of many.

use super::Action;
use super::registers::{read_range, subfield, write_range};
use crate::Bad;
use crate::field::{Subfield, read_field};
use crate::wire::{Reader, Writer};

/// Hash a packet and store a number from 0 to `max_link` (`NXAST_MULTIPATH`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Multipath {
    /// Which fields are hashed: `NX_HASH_FIELDS_*`, e.g. 0 `eth_src`, 1 `symmetric_l4`, 2 `symmetric_l3l4`,
    /// 3 `symmetric_l3l4+udp`, 4 `nw_src`, 5 `nw_dst`, 6 `symmetric_l3`.
    pub fields: u16,
    /// The hash's seed.
    pub basis: u16,
    /// How a hash becomes a link: 0 `modulo_n`, 1 `hash_threshold`, 2 `hrw`, 3 `iter_hash`.
    pub algorithm: u16,
    /// The highest link number.
    pub max_link: u16,
    /// The algorithm's argument.
    pub arg: u32,
    /// Where the number goes.
    pub dst: Subfield,
}

/// Hash a packet to one of some ports (`NXAST_BUNDLE`, `NXAST_BUNDLE_LOAD`). Not a bundle of messages.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bundle {
    /// 0 `active_backup`, 1 `hrw`.
    pub algorithm: u16,
    /// Which fields are hashed, as in [`Multipath::fields`].
    pub fields: u16,
    /// The hash's seed.
    pub basis: u16,
    /// The ports, as 16-bit numbers.
    pub members: Vec<u16>,
    /// Store the port here instead of sending to it.
    pub dst: Option<Subfield>,
}

/// Sample a packet into IPFIX (`NXAST_SAMPLE` to `NXAST_SAMPLE3`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sample {
    /// Which of the three forms it has on the wire: 1, 2 or 3.
    pub version: u8,
    /// Of 65,535 packets, how many.
    pub probability: u16,
    /// The collector set.
    pub collector_set_id: u32,
    /// IPFIX observation domain.
    pub obs_domain_id: u32,
    /// IPFIX observation point.
    pub obs_point_id: u32,
    /// The egress port to state, as a 16-bit number (versions 2 and 3).
    pub sampling_port: u16,
    /// 0 default, 1 ingress, 2 egress (version 3).
    pub direction: u8,
}

pub(super) fn read_multipath(r: &mut Reader<'_>) -> Result<Action, Bad> {
    let (fields, basis) = (r.u16()?, r.u16()?);
    r.zeros(2)?;
    let (algorithm, max_link, arg) = (r.u16()?, r.u16()?, r.u32()?);
    r.zeros(2)?;
    let (offset, bits) = read_range(r)?;
    let dst = subfield(read_field(r)?, offset, bits)?;
    Ok(Action::Multipath(Multipath { fields, basis, algorithm, max_link, arg, dst }))
}

impl Multipath {
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        let Multipath { fields, basis, algorithm, max_link, arg, dst } = self;
        w.u16(*fields);
        w.u16(*basis);
        w.zeros(2);
        w.u16(*algorithm);
        w.u16(*max_link);
        w.u32(*arg);
        w.zeros(2);
        write_range(w, *dst);
        dst.field.write_name(w);
    }
}

pub(super) fn read_bundle(r: &mut Reader<'_>, load: bool) -> Result<Action, Bad> {
    let (algorithm, fields, basis) = (r.u16()?, r.u16()?, r.u16()?);
    let kind = r.u32()?;
    if kind != BUNDLE_MEMBER {
        return Err(Bad::Value { value: kind.into(), what: "bundle member type" });
    }
    let count = r.u16()?;
    let dst = if load {
        let (offset, bits) = read_range(r)?;
        Some(subfield(read_field(r)?, offset, bits)?)
    } else {
        r.zeros(6)?;
        None
    };
    r.zeros(4)?;
    let members = (0..count).map(|_| r.u16()).collect::<Result<_, _>>()?;
    r.padding()?;
    Ok(Action::Bundle(Bundle { algorithm, fields, basis, members, dst }))
}

/// `NXM_OF_IN_PORT`: a bundle's members are ports.
const BUNDLE_MEMBER: u32 = 2;

impl Bundle {
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        let Bundle { algorithm, fields, basis, members, dst } = self;
        w.u16(*algorithm);
        w.u16(*fields);
        w.u16(*basis);
        w.u32(BUNDLE_MEMBER);
        w.u16(members.len() as u16);
        match dst {
            Some(dst) => {
                write_range(w, *dst);
                dst.field.write_name(w);
            }
            None => w.zeros(6),
        }
        w.zeros(4);
        members.iter().for_each(|member| w.u16(*member));
    }
}

pub(super) fn read_sample(r: &mut Reader<'_>, version: u8) -> Result<Action, Bad> {
    let mut sample = Sample {
        version,
        probability: r.u16()?,
        collector_set_id: r.u32()?,
        obs_domain_id: r.u32()?,
        obs_point_id: r.u32()?,
        sampling_port: 0xffff,
        direction: 0,
    };
    if sample.version > 1 {
        sample.sampling_port = r.u16()?;
        sample.direction = r.u8()?;
        r.zeros(5)?;
    }
    if sample.version == 2 && sample.direction != 0 {
        return Err(Bad::Value { value: sample.direction.into(), what: "sample" });
    }
    Ok(Action::Sample(sample))
}

impl Sample {
    pub(super) fn write(&self, w: &mut Writer<'_>) {
        let Sample { version, probability, collector_set_id, obs_domain_id, obs_point_id, sampling_port, direction } =
            self;
        w.u16(*probability);
        w.u32(*collector_set_id);
        w.u32(*obs_domain_id);
        w.u32(*obs_point_id);
        if *version != 1 {
            w.u16(*sampling_port);
            w.u8(*direction);
        }
    }
}
