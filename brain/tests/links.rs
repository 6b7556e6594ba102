//! Bridges wired in a triangle: their links are found, lost and found again; what is installed stays while nothing is known.

mod common;

use addr::OfPort;
use brain::{Event, Punt, Reply, Request, SwitchEvent};
use common::*;
use flows::Table;
use ofp::{Action, Field, Match};
use proto::v1;

/// Ports at both ends of a cable: bridge, number.
type Cable = [(usize, u32); 2];

const TRIANGLE: [Cable; 3] = [[(0, 201), (1, 201)], [(1, 202), (2, 201)], [(2, 202), (0, 202)]];
/// Time passes in steps of so many milliseconds.
const STEP_MS: u64 = 100;
const LLDP: [u8; 2] = [0x88, 0xcc];

/// The site, and what carries frames between its bridges.
struct Wired {
    site: Site,
    cables: Vec<Cable>,
}

fn documents() -> Vec<v1::Document> {
    let mut documents = site_documents();
    documents.truncate(2);
    let spec = v1::FabricSpec { encap: v1::Encap::Links.into(), ..v1::FabricSpec::default() };
    documents[0].fabric = Some(v1::Fabric { meta: None, spec: Some(spec), status: None });
    for chassis in &mut documents[0].chassis {
        chassis.spec.as_mut().unwrap().tunnel_ip = None;
    }
    documents
}

fn wired_bridges() -> Vec<Bridge> {
    let mut bridges = bridges();
    for bridge in &mut bridges {
        bridge.ports.retain(|(number, _)| *number != 100);
        let more = [201, 202].map(|number| (number, format!("eth{number}")));
        bridge.ports.extend(more);
    }
    bridges
}

impl Wired {
    fn new() -> Wired {
        let mut site = Site::new(wired_bridges());
        site.apply(documents()).unwrap();
        site.connect_all();
        let mut wired = Wired { site, cables: TRIANGLE.to_vec() };
        wired.live(1_500);
        assert_eq!(wired.links(), 3);
        wired
    }

    /// Time goes on, and frames between bridges arrive.
    fn live(&mut self, ms: u64) {
        for _ in 0..ms / STEP_MS {
            self.site.tick(STEP_MS);
            self.carry();
        }
    }

    fn carry(&mut self) {
        while let Some((bridge, port, frame)) = self.next_frame() {
            let far = self.cables.iter().find_map(|[a, b]| match (bridge, port) {
                here if here == *a => Some(*b),
                here if here == *b => Some(*a),
                _ => None,
            });
            if let Some((bridge, port)) = far {
                self.lldp(bridge, port, frame);
            }
        }
    }

    /// A frame of LLDP that a bridge has sent.
    fn next_frame(&mut self) -> Option<(usize, u32, Vec<u8>)> {
        for (n, bridge) in self.site.bridges.iter_mut().enumerate() {
            while let Some((actions, frame)) = bridge.packets.pop() {
                if let [Action::Output { port, .. }] = actions[..]
                    && frame[12..14] == LLDP
                {
                    return Some((n, port.0, frame));
                }
            }
        }
        None
    }

    /// A bridge punts a frame of LLDP.
    fn lldp(&mut self, bridge: usize, port: u32, data: Vec<u8>) {
        let Some(session) = self.site.bridges[bridge].session else { return };
        let punt = Punt {
            in_port: OfPort(port),
            metadata: Match::default(),
            userdata: features::links::USERDATA_LLDP.to_vec(),
            data,
        };
        self.site.event(Event::Switch(session, SwitchEvent::Packet(punt)));
    }

    fn links(&mut self) -> usize {
        match self.site.ask(Request::Links(v1::LinksRequest::default())) {
            Some(Ok(Reply::Links(links))) => links.len(),
            other => panic!("{other:?}"),
        }
    }

    /// The ports by which a bridge sends to a chassis, in order; of its rows as they are installed.
    fn ways(&self, bridge: usize, to: u128) -> Vec<u32> {
        let flows = self.site.bridges[bridge].tables.flows.values();
        let rows = flows.filter(|flow| {
            let chassis = flow.match_.get(flows::Reg::OutChassis.field()).map(|(value, _)| value);
            flow.table == Table::Fabric.id() && chassis == Some(to)
        });
        let mut ports: Vec<u32> = rows.filter_map(|flow| output(&flow.instructions)).collect();
        ports.sort_unstable();
        ports
    }

    fn changes(&self) -> usize {
        self.site.flow_mods()
    }

    fn fabric(&mut self) -> v1::FabricStatus {
        match self.site.list("fabric").pop().and_then(|resource| resource.kind) {
            Some(v1::resource::Kind::Fabric(fabric)) => fabric.status.unwrap(),
            other => panic!("{other:?}"),
        }
    }
}

fn output(instructions: &[ofp::Instruction]) -> Option<u32> {
    instructions.iter().find_map(|instruction| match instruction {
        ofp::Instruction::ApplyActions(actions) => {
            actions.iter().find_map(|a| if let Action::Output { port, .. } = a { Some(port.0) } else { None })
        }
        _ => None,
    })
}

/// After a while nothing changes any more; frames that come over a silent cable are taken for ten seconds.
fn at_rest(wired: &mut Wired) {
    wired.live(10_500);
    let before = wired.changes();
    wired.live(3_000);
    assert_eq!(wired.changes(), before, "changes at rest");
}

#[test]
fn links_are_found_and_used() {
    let mut wired = Wired::new();
    assert_eq!((wired.ways(0, 2), wired.ways(0, 3), wired.ways(1, 1)), (vec![201], vec![202], vec![201]));
    let status = wired.fabric();
    assert_eq!((status.phase(), status.links), (v1::Phase::Active, Some(3)), "{}", status.reason);
    assert_eq!(wired.site.installed(), Ok(()));
    let told: Vec<&str> =
        wired.site.happened.iter().filter(|e| e.r#type == "link.up").map(|e| e.message.as_str()).collect();
    assert_eq!(told.len(), 3);
    assert!(told.contains(&"hv1 eth201 - hv2 eth201"), "{told:?}");
    at_rest(&mut wired);
}

#[test]
fn a_port_that_goes_down_is_left_in_the_same_moment() {
    let mut wired = Wired::new();
    let now = wired.site.now;
    wired.site.carrier(0, 201, "eth201", false);
    assert_eq!((wired.site.now, wired.ways(0, 2), wired.ways(1, 1)), (now, vec![202], vec![202]));
    assert_eq!(wired.ways(0, 3), [202]);
    at_rest(&mut wired);
    // It comes back, and no way is lost meanwhile.
    wired.site.carrier(0, 201, "eth201", true);
    wired.live(1_000);
    assert_eq!((wired.ways(0, 2), wired.ways(1, 1)), (vec![201], vec![201]));
    at_rest(&mut wired);
}

#[test]
fn silence_is_noticed_within_three_seconds_and_not_at_once() {
    let mut wired = Wired::new();
    wired.live(2_000);
    wired.cables.remove(0);
    wired.live(1_200);
    assert_eq!(wired.ways(0, 2), [201], "a probe or two may be lost");
    wired.live(1_000);
    assert_eq!((wired.ways(0, 2), wired.ways(1, 1)), (vec![202], vec![202]));
    wired.cables.push(TRIANGLE[0]);
    wired.live(3_000);
    assert_eq!((wired.links(), wired.ways(0, 2)), (3, vec![201]));
}

#[test]
fn a_controller_that_starts_anew_changes_nothing() {
    let mut wired = Wired::new();
    // A history: labels that a fresh start would not choose.
    for up in [false, true] {
        wired.site.carrier(0, 201, "eth201", up);
        wired.live(3_000);
    }
    let hops = |wired: &Wired| -> usize {
        let flows = wired.site.bridges.iter().flat_map(|b| b.tables.flows.values());
        flows.filter(|flow| flow.table == Table::Hop.id() && flow.priority > 0).count()
    };
    wired.site.carrier(0, 201, "eth201", false);
    at_rest(&mut wired);
    assert!(hops(&wired) >= 2);
    let down = |wired: &mut Wired| wired.site.carrier(0, 201, "eth201", false);
    let mut wired = Wired { site: wired.site.restarted(), cables: wired.cables };
    for bridge in [2, 0, 1] {
        wired.site.connect(bridge);
        if bridge == 0 {
            down(&mut wired);
        }
        wired.live(300);
    }
    wired.live(11_000);
    assert_eq!((wired.changes(), wired.links(), wired.ways(0, 2)), (0, 2, vec![202]));
    wired.site.carrier(0, 201, "eth201", true);
    wired.live(1_000);
    assert_eq!(wired.ways(0, 2), [201]);
    at_rest(&mut wired);
}

#[test]
fn who_is_away_is_led_over_as_before() {
    let mut wired = Wired::new();
    wired.site.carrier(0, 201, "eth201", false);
    at_rest(&mut wired);
    assert_eq!(wired.ways(0, 2), [202], "over hv3");
    let before = wired.changes();
    wired.site.disconnect(2);
    wired.live(15_000);
    assert_eq!((wired.changes(), wired.links()), (before, 2));
    wired.site.connect(2);
    wired.live(3_000);
    assert_eq!((wired.changes(), wired.links()), (before, 2));
    // While it is away, the far end of its cable goes down: that is proof.
    wired.site.disconnect(2);
    wired.live(100);
    wired.site.carrier(0, 202, "eth202", false);
    wired.live(1_000);
    assert_eq!((wired.links(), wired.ways(0, 2)), (1, vec![]));
    assert_eq!(wired.fabric().phase(), v1::Phase::Degraded);
}

#[test]
fn nobody_waits_long_for_one_that_does_not_confirm() {
    let mut wired = Wired::new();
    let confirmed = wired.site.bridges[2].batches.len();
    wired.site.bridges[2].slow = true;
    wired.site.carrier(0, 201, "eth201", false);
    wired.live(3_000);
    assert_eq!(wired.ways(0, 2), [] as [u32; 0], "the only other way leads over the one that does not answer");
    // It answers at last.
    wired.site.bridges[2].slow = false;
    for batch in wired.site.bridges[2].batches.split_off(confirmed) {
        wired.site.confirm(2, &batch);
    }
    wired.live(4_000);
    assert_eq!(wired.ways(0, 2), [202]);
}

#[test]
fn what_others_say_makes_no_link() {
    let mut wired = Wired::new();
    wired.site.tick(650);
    let said =
        std::iter::from_fn(|| wired.next_frame()).find(|(bridge, port, _)| (*bridge, *port) == (0, 201)).unwrap().2;
    let results = |wired: &mut Wired, bridge, port, frame: &[u8]| {
        wired.lldp(bridge, port, frame.to_vec());
        wired.links()
    };
    // Of a port that somebody has nothing is believed, whatever is said.
    assert_eq!(results(&mut wired, 2, 13, &said), 3);
    let mut forged = said.clone();
    let last = forged.len() - 3;
    forged[last] ^= 1;
    wired.cables.clear();
    wired.live(2_500);
    assert_eq!(wired.links(), 0);
    for (bridge, port) in [(1, 201), (0, 201)] {
        assert_eq!(results(&mut wired, bridge, port, &forged), 0);
        // What was said too long ago.
        assert_eq!(results(&mut wired, bridge, port, &said), 0);
    }
}

#[test]
fn another_fabric_takes_all_of_it_away() {
    let mut wired = Wired::new();
    let mut documents = documents();
    documents[0].fabric.as_mut().unwrap().spec.as_mut().unwrap().encap = v1::Encap::Vlan.into();
    wired.site.apply(documents).unwrap();
    wired.live(100);
    let tables = [Table::Hop.id(), Table::Arrive.id()];
    for bridge in &wired.site.bridges {
        let rows = bridge.tables.flows.values().filter(|flow| tables.contains(&flow.table) && flow.priority > 0);
        assert_eq!(rows.count(), 0);
        let lldp = bridge.tables.flows.values().filter(|f| f.match_.get(Field::ETH_TYPE) == Some((0x88cc, 0xffff)));
        assert_eq!(lldp.count(), 0);
    }
    assert_eq!(wired.links(), 0);
    wired.site.apply(self::documents()).unwrap();
    wired.live(1_500);
    assert_eq!((wired.links(), wired.ways(0, 2)), (3, vec![201]));
    at_rest(&mut wired);
}
