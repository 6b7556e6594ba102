//! What is counted: the daemon's own families, and those that the brain names.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

/// A counter with labels.
type Counters = Family<Labels, Counter>;
/// Label names and values, in a fixed order per family.
type Labels = Vec<(&'static str, String)>;

/// Label sets that one of the brain's counters may have; what is beyond is summed up as `overflow`.
const LABEL_SETS_MAX: usize = 20_000;

/// All metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Mutex<Registry>,
    brain: Mutex<HashMap<&'static str, BrainCounter>>,
    /// OpenFlow sessions that are up.
    pub(crate) sessions: Gauge,
    /// Sessions that ended before they were up, or were closed by us for a fault; by reason.
    pub(crate) session_faults: Counters,
    /// OpenFlow messages; by direction and type.
    pub(crate) messages: Family<[(&'static str, &'static str); 2], Counter>,
    /// Bytes of OpenFlow; by direction.
    pub(crate) bytes: Family<[(&'static str, &'static str); 1], Counter>,
    /// How long switches took to commit bundles.
    pub(crate) commit_seconds: Histogram,
    /// How long the tables of a switch took to be read.
    pub(crate) read_back_seconds: Histogram,
    /// Packet-ins; by the first byte of their userdata.
    pub(crate) packet_ins: Family<[(&'static str, u32); 1], Counter>,
    /// Packets dropped on their way to or from the brain; by reason.
    pub(crate) packet_drops: Counters,
    /// Packet-outs sent; by dpid.
    pub(crate) packet_outs: Counters,
    /// Flow mods sent; by dpid.
    pub(crate) flow_mods: Counters,
    /// Group mods sent; by dpid.
    pub(crate) group_mods: Counters,
    /// Meter mods sent; by dpid.
    pub(crate) meter_mods: Counters,
    /// Batches; by dpid and result.
    pub(crate) batches: Counters,
    /// Bundles that the switch refused; by dpid.
    pub(crate) bundle_failures: Counters,
    /// Error messages from switches; by dpid and name.
    pub(crate) switch_errors: Counters,
    /// Events waiting for the brain; by queue.
    pub(crate) queue_length: Family<Labels, Gauge>,
    /// Northbound requests; by result.
    pub(crate) requests: Counters,
    /// Writes to the store; by result.
    pub(crate) store_writes: Counters,
    /// How long a write to the store took.
    pub(crate) store_seconds: Histogram,
    /// How long the brain thought about one event.
    pub(crate) brain_seconds: Histogram,
    /// The store's revision.
    pub(crate) revision: Gauge,
}

#[derive(Debug, Default)]
struct BrainCounter {
    family: Counters,
    seen: HashSet<Labels>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let mut counters = |name: &str, help: &str| {
            let family = Counters::default();
            registry.register(name, help, family.clone());
            family
        };
        let metrics = Metrics {
            session_faults: counters("sextant_session_faults", "OpenFlow sessions refused or closed for a fault"),
            packet_drops: counters("sextant_packet_drops", "Packets dropped between switch and brain"),
            packet_outs: counters("sextant_packet_outs", "Packets to switches"),
            flow_mods: counters("sextant_flow_mods", "Flow changes sent"),
            group_mods: counters("sextant_group_mods", "Group changes sent"),
            meter_mods: counters("sextant_meter_mods", "Meter changes sent"),
            batches: counters("sextant_batches", "Batches of changes by result"),
            bundle_failures: counters("sextant_bundle_failures", "Bundles refused by switches"),
            switch_errors: counters("sextant_switch_errors", "Errors reported by switches"),
            requests: counters("sextant_requests", "Northbound requests by result"),
            store_writes: counters("sextant_store_writes", "Writes to the store by result"),
            brain: Mutex::default(),
            messages: Family::default(),
            bytes: Family::default(),
            commit_seconds: Histogram::new(exponential_buckets(0.000_1, 2.0, 16)),
            read_back_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 16)),
            packet_ins: Family::default(),
            sessions: Gauge::default(),
            queue_length: Family::default(),
            store_seconds: Histogram::new(exponential_buckets(0.000_1, 2.0, 16)),
            brain_seconds: Histogram::new(exponential_buckets(0.000_01, 3.0, 14)),
            revision: Gauge::default(),
            registry: Mutex::default(),
        };
        registry.register("sextant_openflow_messages", "OpenFlow messages", metrics.messages.clone());
        registry.register("sextant_openflow_bytes", "Bytes of OpenFlow messages", metrics.bytes.clone());
        registry.register(
            "sextant_commit_seconds",
            "Commit of a bundle, beyond what an answer takes anyway",
            metrics.commit_seconds.clone(),
        );
        registry.register(
            "sextant_read_back_seconds",
            "Reading of a switch's tables",
            metrics.read_back_seconds.clone(),
        );
        registry.register("sextant_packet_ins", "Packets from switches by feature", metrics.packet_ins.clone());
        registry.register("sextant_sessions", "OpenFlow sessions that are up", metrics.sessions.clone());
        registry.register("sextant_queue_length", "Events waiting for the brain", metrics.queue_length.clone());
        registry.register("sextant_store_revision", "Revision of the store", metrics.revision.clone());
        registry.register("sextant_store_seconds", "Duration of a write", metrics.store_seconds.clone());
        registry.register("sextant_brain_seconds", "Duration of one event", metrics.brain_seconds.clone());
        Metrics { registry: Mutex::new(registry), ..metrics }
    }
}

impl Metrics {
    /// Adds to a counter that the brain names (`sextant_..._total`); made when it is first named.
    pub(crate) fn count(&self, counter: &'static str, labels: Labels, by: u64) {
        let mut counters = self.brain.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = counters.entry(counter).or_insert_with(|| {
            let made = BrainCounter::default();
            // The text format adds `_total` by itself.
            let name = counter.strip_suffix("_total").unwrap_or(counter);
            let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
            registry.register(name, "Counted by the brain", made.family.clone());
            made
        });
        if entry.seen.contains(&labels) || entry.seen.len() < LABEL_SETS_MAX {
            entry.family.get_or_create(&labels).inc_by(by);
            entry.seen.insert(labels);
        } else {
            entry.family.get_or_create(&vec![("overflow", "true".to_owned())]).inc_by(by);
        }
    }

    /// All metrics as OpenMetrics text.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        // Writing to a string can't fail.
        let _ = encode(&mut text, &registry);
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_brains_counters_appear_when_they_are_first_named() {
        let metrics = Metrics::default();
        assert!(!metrics.text().contains("sextant_ra_sent"));
        metrics.count("sextant_ra_sent_total", vec![("network", "red".to_owned())], 2);
        metrics.count("sextant_ra_sent_total", vec![("network", "red".to_owned())], 1);
        metrics.flow_mods.get_or_create(&vec![("dpid", "1".to_owned())]).inc_by(5);
        let text = metrics.text();
        assert!(text.contains("sextant_ra_sent_total{network=\"red\"} 3\n"), "{text}");
        assert!(text.contains("sextant_flow_mods_total{dpid=\"1\"} 5\n"), "{text}");
        assert!(text.contains("sextant_sessions 0\n"), "{text}");
    }

    #[test]
    fn label_sets_have_a_limit() {
        let metrics = Metrics::default();
        for n in 0..=LABEL_SETS_MAX {
            metrics.count("sextant_many_total", vec![("n", n.to_string())], 1);
        }
        assert!(metrics.text().contains("sextant_many_total{overflow=\"true\"} 1\n"));
    }
}
