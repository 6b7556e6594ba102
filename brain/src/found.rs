//! What a switch was found to hold, in the terms of what it should hold.

use std::sync::Arc;

use flows::{Flow, Group, Item, Keyed, Meter, Table, counts_drops, is_ours};
use ofp::{FlowStats, GroupDesc, MeterConfig};
use rustc_hash::FxHashMap as HashMap;

/// What was read back from a switch: ours, by key, with cookies; and how many flows are others'.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) items: HashMap<Keyed, (Arc<Item>, u64)>,
    /// How many flows are ours.
    pub(crate) flows: usize,
    pub(crate) foreign_flows: u64,
}

impl Found {
    pub(crate) fn new(flows: Vec<FlowStats>, groups: Vec<GroupDesc>, meters: Vec<MeterConfig>) -> Found {
        let mut found = Found::default();
        for flow in flows {
            // What a switch counts for us, it keeps for itself.
            if counts_drops(flow.table, flow.cookie) {
                continue;
            }
            let Some(table) = Table::from_id(flow.table).filter(|_| is_ours(flow.cookie)) else {
                found.foreign_flows += 1;
                continue;
            };
            found.flows += 1;
            let FlowStats { priority, match_, instructions, cookie, .. } = flow;
            let instructions = instructions.into();
            let item = Item::Flow(Flow { table, priority, match_, instructions, why: "", drop: None });
            found.add(item, cookie);
        }
        for GroupDesc { kind, group_id, buckets } in groups {
            found.add(Item::Group(Group { id: group_id, kind, buckets, why: "" }), 0);
        }
        for MeterConfig { flags, meter_id, bands } in meters {
            found.add(Item::Meter(Meter { id: meter_id, flags, bands, why: "" }), 0);
        }
        found
    }

    fn add(&mut self, item: Item, cookie: u64) {
        let item = Arc::new(item);
        self.items.insert(Keyed(item.clone()), (item, cookie));
    }
}

/// Whether what is there is what is wanted, as far as the switch tells. Only flows have cookies.
pub(crate) fn same_on_switch(there: &Item, wanted: &Item, cookie_there: u64, cookie: u64) -> bool {
    there.same_effect(wanted) && (cookie_there == cookie || !matches!(there, Item::Flow(_)))
}
