//! Bundles, as Open vSwitch keeps them: an add that fails does not void one, an idle one expires, a commit is all or nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use ofp::{Body, BundleAdd, BundleControl, BundleCtrlType, ErrorMsg, Message};
use tokio::time::Instant;

use super::refusals::{Refusals, Stage};
use super::tables::{Tables, error};

/// A bundle that nothing came for in so long is forgotten.
const IDLE_MAX: Duration = Duration::from_secs(10);
const ONF: u32 = 0x4f4e_4600;
const BAD_ID: u16 = 2302;
const BUNDLE_EXIST: u16 = 2303;
const MSG_UNSUP: u16 = 2310;
const MSG_FAILED: u16 = 2313;
const TIMEOUT: u16 = 2314;

/// The bundles of one connection.
#[derive(Debug, Default)]
pub(super) struct Bundles {
    open: BTreeMap<u32, Bundle>,
}

#[derive(Debug)]
struct Bundle {
    messages: Vec<Message>,
    used: Instant,
    expired: bool,
}

impl Bundles {
    pub(super) fn add(&mut self, add: BundleAdd, raw: &[u8], refusals: &mut Refusals) -> Option<ErrorMsg> {
        let bundle = self.open.entry(add.bundle_id).or_insert_with(Bundle::new);
        if bundle.is_late() {
            *bundle = Bundle { expired: true, ..Bundle::new() };
            return Some(of_bundle(TIMEOUT, raw));
        }
        bundle.used = Instant::now();
        if !matches!(add.message.body, Body::FlowMod(_) | Body::GroupMod(_)) {
            return Some(of_bundle(MSG_UNSUP, raw));
        }
        if let Some((code, _)) = refusals.next(Stage::Add) {
            return Some(error(code, raw));
        }
        bundle.messages.push(*add.message);
        None
    }

    /// What is answered: replies and errors in their order, each under its number.
    pub(super) fn control(
        &mut self,
        xid: u32,
        control: &BundleControl,
        raw: &[u8],
        tables: &mut Tables,
        refusals: &mut Refusals,
    ) -> Vec<Message> {
        let answer = |kind| vec![Message::new(xid, BundleControl::new(control.bundle_id, kind, 0))];
        let refuse = |code| vec![Message::new(xid, Body::Error(of_bundle(code, raw)))];
        match control.kind {
            BundleCtrlType::OpenRequest if self.open.contains_key(&control.bundle_id) => refuse(BUNDLE_EXIST),
            BundleCtrlType::OpenRequest => {
                self.open.insert(control.bundle_id, Bundle::new());
                answer(BundleCtrlType::OpenReply)
            }
            BundleCtrlType::DiscardRequest => {
                self.open.remove(&control.bundle_id);
                answer(BundleCtrlType::DiscardReply)
            }
            BundleCtrlType::CommitRequest => match self.open.remove(&control.bundle_id) {
                None => refuse(BAD_ID),
                Some(bundle) if bundle.is_late() && !bundle.expired => refuse(TIMEOUT),
                Some(bundle) => match bundle.commit(tables, refusals) {
                    Ok(()) => answer(BundleCtrlType::CommitReply),
                    Err(named) => named.map(|message| *message).into_iter().chain(refuse(MSG_FAILED)).collect(),
                },
            },
            _ => Vec::new(),
        }
    }
}

impl Bundle {
    fn new() -> Bundle {
        Bundle { messages: Vec::new(), used: Instant::now(), expired: false }
    }

    fn is_late(&self) -> bool {
        self.used.elapsed() > IDLE_MAX
    }

    /// All or nothing; the error about the one that failed, if the switch names it.
    fn commit(&self, tables: &mut Tables, refusals: &mut Refusals) -> Result<(), Option<Box<Message>>> {
        let before = tables.clone();
        for message in &self.messages {
            let taken = match refusals.next(Stage::Commit) {
                Some(refusal) => Err(refusal),
                None => tables.take(&message.body).map_err(|code| (code, true)),
            };
            if let Err((code, named)) = taken {
                *tables = before;
                let about = message.encode();
                let named = named.then(|| Box::new(Message::new(message.xid, Body::Error(error(code, &about)))));
                return Err(named);
            }
        }
        Ok(())
    }
}

/// An error of bundles.
fn of_bundle(code: u16, about: &[u8]) -> ErrorMsg {
    let data = Bytes::copy_from_slice(&about[..about.len().min(64)]);
    ErrorMsg { kind: 0xffff, code, experimenter: Some(ONF), data }
}
