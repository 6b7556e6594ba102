//! Errors that a switch reports, and their names.

use std::fmt;

use bytes::Bytes;

use crate::Bad;
use crate::action::NICIRA;
use crate::vendor::ONF;
use crate::wire::{Reader, Writer};

/// A refusal (OpenFlow 1.3.5, 7.4.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorMsg {
    /// The kind; 0xffff for an experimenter's.
    pub kind: u16,
    /// The code within the kind, or an experimenter's own kind.
    pub code: u16,
    /// Whose error it is, when the kind is 0xffff.
    pub experimenter: Option<u32>,
    /// The refused message's first bytes (64 at least, if it has them), or a text.
    pub data: Bytes,
}

/// An experimenter's error.
const EXPERIMENTER: u16 = 0xffff;

impl ErrorMsg {
    /// Its name, as OpenFlow and Open vSwitch have it, without `OFPERR_`: `OFPFMFC_TABLE_FULL`.
    pub fn name(&self) -> Option<&'static str> {
        let experimenter = self.experimenter.unwrap_or(0);
        let found =
            NAMES.iter().find(|(whose, kind, code, _)| (*whose, *kind, *code) == (experimenter, self.kind, self.code));
        found.map(|(.., name)| *name)
    }

    /// The number (xid) of the refused message, if enough of it came back.
    pub fn refused_xid(&self) -> Option<u32> {
        let xid = self.data.get(4..8)?;
        Some(u32::from_be_bytes([xid[0], xid[1], xid[2], xid[3]]))
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<ErrorMsg, Bad> {
        let (kind, code) = (r.u16()?, r.u16()?);
        let experimenter = if kind == EXPERIMENTER { Some(r.u32()?) } else { None };
        Ok(ErrorMsg { kind, code, experimenter, data: r.rest_bytes() })
    }

    pub(crate) fn write(&self, w: &mut Writer<'_>) {
        w.u16(self.kind);
        w.u16(self.code);
        if self.kind == EXPERIMENTER {
            w.u32(self.experimenter.unwrap_or(0));
        }
        w.bytes(&self.data);
    }
}

impl fmt::Display for ErrorMsg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self.experimenter) {
            (Some(name), _) => f.write_str(name),
            (None, Some(experimenter)) => write!(f, "error {} of experimenter {experimenter:#x}", self.code),
            (None, None) => write!(f, "error {}/{}", self.kind, self.code),
        }
    }
}

/// Experimenter (0: OpenFlow's own), kind, code and name; as of OpenFlow 1.3 in Open vSwitch 3.1.
#[rustfmt::skip]
static NAMES: &[(u32, u16, u16, &str)] = &[
    (0, 0, 0, "OFPHFC_INCOMPATIBLE"),
    (0, 0, 1, "OFPHFC_EPERM"),
    (0, 1, 0, "OFPBRC_BAD_VERSION"),
    (0, 1, 1, "OFPBRC_BAD_TYPE"),
    (0, 1, 2, "OFPBRC_BAD_STAT"),
    (0, 1, 3, "OFPBRC_BAD_VENDOR"),
    (0, 1, 4, "OFPBRC_BAD_SUBTYPE"),
    (0, 1, 5, "OFPBRC_EPERM"),
    (0, 1, 6, "OFPBRC_BAD_LEN"),
    (0, 1, 7, "OFPBRC_BUFFER_EMPTY"),
    (0, 1, 8, "OFPBRC_BUFFER_UNKNOWN"),
    (0, 1, 9, "OFPBRC_BAD_TABLE_ID"),
    (0, 1, 10, "OFPBRC_IS_SECONDARY"),
    (0, 1, 11, "OFPBRC_BAD_PORT"),
    (0, 1, 12, "OFPBRC_BAD_PACKET"),
    (0, 1, 13, "OFPBRC_MULTIPART_BUFFER_OVERFLOW"),
    (0, 2, 0, "OFPBAC_BAD_TYPE"),
    (0, 2, 1, "OFPBAC_BAD_LEN"),
    (0, 2, 2, "OFPBAC_BAD_VENDOR"),
    (0, 2, 3, "OFPBAC_BAD_VENDOR_TYPE"),
    (0, 2, 4, "OFPBAC_BAD_OUT_PORT"),
    (0, 2, 5, "OFPBAC_BAD_ARGUMENT"),
    (0, 2, 6, "OFPBAC_EPERM"),
    (0, 2, 7, "OFPBAC_TOO_MANY"),
    (0, 2, 8, "OFPBAC_BAD_QUEUE"),
    (0, 2, 9, "OFPBAC_BAD_OUT_GROUP"),
    (0, 2, 10, "OFPBAC_MATCH_INCONSISTENT"),
    (0, 2, 11, "OFPBAC_UNSUPPORTED_ORDER"),
    (0, 2, 12, "OFPBAC_BAD_TAG"),
    (0, 2, 13, "OFPBAC_BAD_SET_TYPE"),
    (0, 2, 14, "OFPBAC_BAD_SET_LEN"),
    (0, 2, 15, "OFPBAC_BAD_SET_ARGUMENT"),
    (0, 3, 0, "OFPBIC_UNKNOWN_INST"),
    (0, 3, 1, "OFPBIC_UNSUP_INST"),
    (0, 3, 2, "OFPBIC_BAD_TABLE_ID"),
    (0, 3, 3, "OFPBIC_UNSUP_METADATA"),
    (0, 3, 4, "OFPBIC_UNSUP_METADATA_MASK"),
    (0, 3, 5, "OFPBIC_BAD_EXPERIMENTER"),
    (0, 3, 6, "OFPBIC_BAD_EXP_TYPE"),
    (0, 3, 7, "OFPBIC_BAD_LEN"),
    (0, 3, 8, "OFPBIC_EPERM"),
    (0, 4, 0, "OFPBMC_BAD_TYPE"),
    (0, 4, 1, "OFPBMC_BAD_LEN"),
    (0, 4, 2, "OFPBMC_BAD_TAG"),
    (0, 4, 3, "OFPBMC_BAD_DL_ADDR_MASK"),
    (0, 4, 4, "OFPBMC_BAD_NW_ADDR_MASK"),
    (0, 4, 5, "OFPBMC_BAD_WILDCARDS"),
    (0, 4, 6, "OFPBMC_BAD_FIELD"),
    (0, 4, 7, "OFPBMC_BAD_VALUE"),
    (0, 4, 8, "OFPBMC_BAD_MASK"),
    (0, 4, 9, "OFPBMC_BAD_PREREQ"),
    (0, 4, 10, "OFPBMC_DUP_FIELD"),
    (0, 4, 11, "OFPBMC_EPERM"),
    (0, 5, 0, "OFPFMFC_UNKNOWN"),
    (0, 5, 1, "OFPFMFC_TABLE_FULL"),
    (0, 5, 2, "OFPFMFC_BAD_TABLE_ID"),
    (0, 5, 3, "OFPFMFC_OVERLAP"),
    (0, 5, 4, "OFPFMFC_EPERM"),
    (0, 5, 5, "OFPFMFC_BAD_TIMEOUT"),
    (0, 5, 6, "OFPFMFC_BAD_COMMAND"),
    (0, 5, 7, "OFPFMFC_BAD_FLAGS"),
    (0, 6, 0, "OFPGMFC_GROUP_EXISTS"),
    (0, 6, 1, "OFPGMFC_INVALID_GROUP"),
    (0, 6, 2, "OFPGMFC_WEIGHT_UNSUPPORTED"),
    (0, 6, 3, "OFPGMFC_OUT_OF_GROUPS"),
    (0, 6, 4, "OFPGMFC_OUT_OF_BUCKETS"),
    (0, 6, 5, "OFPGMFC_CHAINING_UNSUPPORTED"),
    (0, 6, 6, "OFPGMFC_WATCH_UNSUPPORTED"),
    (0, 6, 7, "OFPGMFC_LOOP"),
    (0, 6, 8, "OFPGMFC_UNKNOWN_GROUP"),
    (0, 6, 9, "OFPGMFC_CHAINED_GROUP"),
    (0, 6, 10, "OFPGMFC_BAD_TYPE"),
    (0, 6, 11, "OFPGMFC_BAD_COMMAND"),
    (0, 6, 12, "OFPGMFC_BAD_BUCKET"),
    (0, 6, 13, "OFPGMFC_BAD_WATCH"),
    (0, 6, 14, "OFPGMFC_EPERM"),
    (0, 7, 0, "OFPPMFC_BAD_PORT"),
    (0, 7, 1, "OFPPMFC_BAD_HW_ADDR"),
    (0, 7, 2, "OFPPMFC_BAD_CONFIG"),
    (0, 7, 3, "OFPPMFC_BAD_ADVERTISE"),
    (0, 7, 4, "OFPPMFC_EPERM"),
    (0, 8, 0, "OFPTMFC_BAD_TABLE"),
    (0, 8, 1, "OFPTMFC_BAD_CONFIG"),
    (0, 8, 2, "OFPTMFC_EPERM"),
    (0, 9, 0, "OFPQOFC_BAD_PORT"),
    (0, 9, 1, "OFPQOFC_BAD_QUEUE"),
    (0, 9, 2, "OFPQOFC_EPERM"),
    (0, 10, 0, "OFPSCFC_BAD_FLAGS"),
    (0, 10, 1, "OFPSCFC_BAD_LEN"),
    (0, 10, 2, "OFPSCFC_EPERM"),
    (0, 11, 0, "OFPRRFC_STALE"),
    (0, 11, 1, "OFPRRFC_UNSUP"),
    (0, 11, 2, "OFPRRFC_BAD_ROLE"),
    (0, 12, 0, "OFPMMFC_UNKNOWN"),
    (0, 12, 1, "OFPMMFC_METER_EXISTS"),
    (0, 12, 2, "OFPMMFC_INVALID_METER"),
    (0, 12, 3, "OFPMMFC_UNKNOWN_METER"),
    (0, 12, 4, "OFPMMFC_BAD_COMMAND"),
    (0, 12, 5, "OFPMMFC_BAD_FLAGS"),
    (0, 12, 6, "OFPMMFC_BAD_RATE"),
    (0, 12, 7, "OFPMMFC_BAD_BURST"),
    (0, 12, 8, "OFPMMFC_BAD_BAND"),
    (0, 12, 9, "OFPMMFC_BAD_BAND_VALUE"),
    (0, 12, 10, "OFPMMFC_OUT_OF_METERS"),
    (0, 12, 11, "OFPMMFC_OUT_OF_BANDS"),
    (0, 13, 0, "OFPTFFC_BAD_TABLE"),
    (0, 13, 1, "OFPTFFC_BAD_METADATA"),
    (0, 13, 2, "OFPBPC_BAD_TYPE"),
    (0, 13, 3, "OFPBPC_BAD_LEN"),
    (0, 13, 4, "OFPBPC_BAD_VALUE"),
    (0, 13, 5, "OFPTFFC_EPERM"),
    (NICIRA, 0xffff, 2, "NXBRC_NXM_INVALID"),
    (NICIRA, 0xffff, 3, "NXBRC_NXM_BAD_TYPE"),
    (NICIRA, 0xffff, 4, "NXBRC_MUST_BE_ZERO"),
    (NICIRA, 0xffff, 5, "NXBRC_BAD_REASON"),
    (NICIRA, 0xffff, 6, "OFPMOFC_MONITOR_EXISTS"),
    (NICIRA, 0xffff, 7, "OFPMOFC_BAD_FLAGS"),
    (NICIRA, 0xffff, 8, "OFPMOFC_UNKNOWN_MONITOR"),
    (NICIRA, 0xffff, 9, "NXBRC_FM_BAD_EVENT"),
    (NICIRA, 0xffff, 10, "NXBRC_UNENCODABLE_ERROR"),
    (NICIRA, 0xffff, 11, "NXBAC_MUST_BE_ZERO"),
    (NICIRA, 0xffff, 12, "NXFMFC_HARDWARE"),
    (NICIRA, 0xffff, 13, "NXFMFC_BAD_TABLE_ID"),
    (NICIRA, 0xffff, 15, "NXBAC_BAD_CONJUNCTION"),
    (NICIRA, 0xffff, 16, "NXTTMFC_BAD_COMMAND"),
    (NICIRA, 0xffff, 17, "NXTTMFC_BAD_OPT_LEN"),
    (NICIRA, 0xffff, 18, "NXTTMFC_BAD_FIELD_IDX"),
    (NICIRA, 0xffff, 19, "NXTTMFC_TABLE_FULL"),
    (NICIRA, 0xffff, 20, "NXTTMFC_ALREADY_MAPPED"),
    (NICIRA, 0xffff, 21, "NXTTMFC_DUP_ENTRY"),
    (NICIRA, 0xffff, 34, "NXR_NOT_SUPPORTED"),
    (NICIRA, 0xffff, 35, "NXR_STALE"),
    (NICIRA, 0xffff, 36, "NXST_NOT_CONFIGURED"),
    (NICIRA, 0xffff, 37, "NXFMFC_INVALID_TLV_FIELD"),
    (NICIRA, 0xffff, 38, "NXTTMFC_INVALID_TLV_DEL"),
    (NICIRA, 0xffff, 39, "NXBAC_BAD_HEADER_TYPE"),
    (NICIRA, 0xffff, 40, "NXBAC_UNKNOWN_ED_PROP"),
    (NICIRA, 0xffff, 41, "NXBAC_BAD_ED_PROP"),
    (NICIRA, 0xffff, 42, "NXBAC_CT_DATAPATH_SUPPORT"),
    (NICIRA, 0xffff, 43, "NXBMC_CT_DATAPATH_SUPPORT"),
    (NICIRA, 0xffff, 44, "NXTFFC_DUP_TABLE"),
    (ONF, 0xffff, 2300, "OFPBFC_UNKNOWN"),
    (ONF, 0xffff, 2301, "OFPBFC_EPERM"),
    (ONF, 0xffff, 2302, "OFPBFC_BAD_ID"),
    (ONF, 0xffff, 2303, "OFPBFC_BUNDLE_EXIST"),
    (ONF, 0xffff, 2304, "OFPBFC_BUNDLE_CLOSED"),
    (ONF, 0xffff, 2305, "OFPBFC_OUT_OF_BUNDLES"),
    (ONF, 0xffff, 2306, "OFPBFC_BAD_TYPE"),
    (ONF, 0xffff, 2307, "OFPBFC_BAD_FLAGS"),
    (ONF, 0xffff, 2308, "OFPBFC_MSG_BAD_LEN"),
    (ONF, 0xffff, 2309, "OFPBFC_MSG_BAD_XID"),
    (ONF, 0xffff, 2310, "OFPBFC_MSG_UNSUP"),
    (ONF, 0xffff, 2311, "OFPBFC_MSG_CONFLICT"),
    (ONF, 0xffff, 2312, "OFPBFC_MSG_TOO_MANY"),
    (ONF, 0xffff, 2313, "OFPBFC_MSG_FAILED"),
    (ONF, 0xffff, 2314, "OFPBFC_TIMEOUT"),
    (ONF, 0xffff, 2315, "OFPBFC_BUNDLE_IN_PROGRESS"),
    (ONF, 0xffff, 2360, "OFPFMFC_BAD_PRIORITY"),
    (ONF, 0xffff, 2370, "OFPACFC_INVALID"),
    (ONF, 0xffff, 2371, "OFPACFC_UNSUPPORTED"),
    (ONF, 0xffff, 2372, "OFPACFC_EPERM"),
    (ONF, 0xffff, 2600, "OFPBIC_DUP_INST"),
    (ONF, 0xffff, 2640, "OFPBRC_MULTIPART_REQUEST_TIMEOUT"),
    (ONF, 0xffff, 2641, "OFPBRC_MULTIPART_REPLY_TIMEOUT"),
    (ONF, 0xffff, 4250, "OFPBAC_BAD_SET_MASK"),
    (ONF, 0xffff, 4443, "OFPBPC_TOO_MANY"),
    (ONF, 0xffff, 4444, "OFPBPC_DUP_TYPE"),
    (ONF, 0xffff, 4445, "OFPBPC_BAD_EXPERIMENTER"),
    (ONF, 0xffff, 4446, "OFPBPC_BAD_EXP_TYPE"),
    (ONF, 0xffff, 4447, "OFPBPC_BAD_EXP_VALUE"),
    (ONF, 0xffff, 4448, "OFPBPC_EPERM"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_names() {
        let error = |kind, code, experimenter| ErrorMsg { kind, code, experimenter, data: Bytes::new() };
        assert_eq!(error(5, 1, None).name(), Some("OFPFMFC_TABLE_FULL"));
        assert_eq!(error(2, 10, None).name(), Some("OFPBAC_MATCH_INCONSISTENT"));
        assert_eq!(error(EXPERIMENTER, 2314, Some(ONF)).name(), Some("OFPBFC_TIMEOUT"));
        assert_eq!(error(EXPERIMENTER, 15, Some(NICIRA)).name(), Some("NXBAC_BAD_CONJUNCTION"));
        assert_eq!(error(77, 1, None).to_string(), "error 77/1");
    }
}
