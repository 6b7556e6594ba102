//! Managed chassis: what is done to their databases, and ports that are bound by iface-ids.

mod common;

use brain::{DatabaseCommand, DatabaseId, Event};
use common::database::{Database, schema};
use common::{Bridge, Site, bridges, site_documents};
use ovsdb::{Command, LinkEvent, Row, Value};
use proto::v1::{self, Phase, resource::Kind};

/// Three chassis with a database each.
struct Fleet {
    site: Site,
    databases: Vec<Database>,
    links: Vec<Option<DatabaseId>>,
    /// Operations that each database was asked for, without comments.
    asked: Vec<usize>,
    /// What the next transaction is refused with.
    refuse: Option<String>,
}

fn remote(n: usize) -> String {
    format!("unix:/run/hv{}/db.sock", n + 1)
}

/// The site's documents with managed chassis, and ports without bindings.
fn documents() -> Vec<v1::Document> {
    let mut documents = site_documents();
    for (n, chassis) in documents[0].chassis.iter_mut().enumerate() {
        let spec = chassis.spec.as_mut().unwrap();
        (spec.manage, spec.ovsdb) = (true, Some(remote(n)));
    }
    for document in &mut documents[1..] {
        document.ports.iter_mut().for_each(|port| port.spec.as_mut().unwrap().binding = None);
    }
    documents
}

impl Fleet {
    fn new(databases: Vec<Database>, documents: Vec<v1::Document>) -> Fleet {
        let mut fleet =
            Fleet { site: Site::new(bridges()), databases, links: vec![None; 3], asked: vec![0; 3], refuse: None };
        fleet.site.connect_all();
        fleet.site.apply(documents).unwrap();
        fleet.serve();
        fleet
    }

    /// Databases do what they are asked for, until they are asked for nothing.
    fn serve(&mut self) {
        let mut rounds = 0;
        loop {
            let orders = std::mem::take(&mut self.site.databases);
            if orders.is_empty() {
                return;
            }
            rounds += 1;
            assert!(rounds < 50, "never at rest: {orders:?}");
            for (id, order) in orders {
                self.order(id, order);
            }
        }
    }

    fn order(&mut self, id: DatabaseId, order: DatabaseCommand) {
        let at = self.links.iter().position(|link| *link == Some(id));
        match order {
            DatabaseCommand::Open(to) => {
                let n = (0..3).find(|n| remote(*n) == to.to_string()).unwrap();
                assert_eq!(self.links[n], None, "opened twice");
                self.links[n] = Some(id);
                self.up(n);
            }
            DatabaseCommand::Close => self.links[at.unwrap()] = None,
            DatabaseCommand::Do(Command::Transact { number, operations }) => {
                let n = at.unwrap();
                if let Some(words) = self.refuse.take() {
                    return self.site.event(Event::Database(id, LinkEvent::Done { number, result: Err(words) }));
                }
                self.asked[n] += operations.len() - 1;
                let (told, outcomes) = self.databases[n].transact(&operations);
                self.site.event(Event::Database(id, LinkEvent::Changed(told)));
                self.site.event(Event::Database(id, LinkEvent::Done { number, result: Ok(outcomes) }));
            }
        }
    }

    fn up(&mut self, n: usize) {
        let event = LinkEvent::Up { schema: schema("8.3.1"), rows: self.databases[n].all() };
        self.site.event(Event::Database(self.links[n].unwrap(), event));
        self.serve();
    }

    fn down(&mut self, n: usize) {
        let event = LinkEvent::Down("connection refused".to_owned());
        self.site.event(Event::Database(self.links[n].unwrap(), event));
    }

    fn tamper(&mut self, n: usize, change: impl FnOnce(&mut Database)) {
        let told = self.databases[n].tamper(change);
        self.site.event(Event::Database(self.links[n].unwrap(), LinkEvent::Changed(told)));
        self.serve();
    }

    fn tick(&mut self, ms: u64) {
        self.site.tick(ms);
        self.serve();
    }

    fn chassis(&mut self, n: usize) -> v1::ChassisStatus {
        match self.site.list("chassis").swap_remove(n).kind {
            Some(Kind::Chassis(chassis)) => chassis.status.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// Where a port is bound, and why it stands as it does.
    fn port(&mut self, name: &str) -> (String, String) {
        let status = self.site.port("acme", name);
        let at =
            if status.chassis.is_empty() { String::new() } else { format!("{} {}", status.chassis, status.interface) };
        (at, status.reason)
    }

    fn told(&self, kind: &str) -> Vec<&str> {
        self.site.happened.iter().filter(|event| event.r#type == kind).map(|event| event.message.as_str()).collect()
    }
}

fn empty() -> Vec<Database> {
    vec![Database::default(); 3]
}

#[test]
fn an_empty_database_is_set_up_once() {
    let mut fleet = Fleet::new(empty(), documents());
    let database = &fleet.databases[0];
    let bridge = database.named("Bridge", "br-int").unwrap();
    assert_eq!(bridge.text("fail_mode"), "secure");
    assert_eq!(bridge.lookup("other_config", "disable-in-band"), Some("true"));
    assert_eq!(bridge.lookup("other_config", "datapath-id"), Some("0000000000000001"));
    assert_eq!(bridge.get("protocols"), Some(&Value::from("OpenFlow13")));
    assert_eq!(bridge.lookup("external_ids", "owner"), Some("sextant"));
    let tunnel = database.named("Interface", "sx-tun").unwrap();
    assert_eq!((tunnel.text("type"), tunnel.lookup("options", "remote_ip")), ("geneve", Some("flow")));
    let tables = flows::docs::prefixes().count();
    assert_eq!(database.tables["Flow_Table"].len(), tables);
    assert_eq!(bridge.pairs("flow_tables").count(), tables);
    let asked = fleet.asked.clone();
    let status = fleet.chassis(0);
    assert_eq!((status.phase(), status.database_connected), (Phase::Active, Some(true)), "{}", status.reason);
    assert_eq!(status.ovs_version, "with schema 8.3.1");
    // Nothing more is to be done, also when it comes back, or when the brain is another one.
    fleet.down(0);
    assert!(fleet.chassis(0).reason.ends_with("connection refused"));
    fleet.up(0);
    assert_eq!(fleet.asked, asked);
    let Fleet { site, databases, .. } = fleet;
    let mut again = Fleet { site: site.restarted(), databases, links: vec![None; 3], asked: vec![0; 3], refuse: None };
    again.serve();
    assert_eq!(again.asked, [0; 3]);
}

#[test]
fn what_others_undo_is_done_again_and_what_is_theirs_stays() {
    let mut fleet = Fleet::new(empty(), documents());
    fleet.tamper(0, |database| {
        database.plug("br-int", "theirs", None);
        database.named_mut("Bridge", "br-int").0.insert("fail_mode".into(), "standalone".into());
        database.unplug("br-int", "sx-tun");
    });
    let told = fleet.told("database.repaired");
    assert_eq!(told, ["fail_mode is secure; geneve port sx-tun is made"]);
    assert!(
        fleet.databases[0].named("Port", "theirs").is_some() && fleet.databases[0].named("Port", "sx-tun").is_some()
    );
    let mut asked = fleet.asked[0];
    // Who does so again and again has it undone ever more slowly.
    let mut at_once = 0;
    for _ in 0..8 {
        fleet.tamper(0, |database| drop(database.named_mut("Bridge", "br-int").0.remove("fail_mode")));
        at_once += usize::from(fleet.asked[0] > asked);
        asked = fleet.asked[0];
    }
    assert_eq!(at_once, 2);
    for _ in 0..4 {
        fleet.tick(1_000);
    }
    assert_eq!(fleet.databases[0].named("Bridge", "br-int").unwrap().text("fail_mode"), "secure");
}

#[test]
fn a_bridge_of_others_is_kept_and_given_back_as_it_was() {
    let mut databases = empty();
    databases[0].bridge(
        Row::default()
            .with("name", "br-int")
            .with("datapath_type", "netdev")
            .with("protocols", Value::set(["OpenFlow10"]))
            .with("other_config", Value::map([("datapath-id", "0000000000000001"), ("theirs", "1")])),
    );
    databases[0].plug("br-int", "tap0", None);
    let before = databases[0].tables.clone();
    let mut fleet = Fleet::new(databases, documents());
    let bridge = fleet.databases[0].named("Bridge", "br-int").unwrap();
    assert_eq!(bridge.lookup("external_ids", "sextant-set"), Some("disable-in-band fail_mode protocols"));
    assert_eq!((bridge.lookup("external_ids", "owner"), bridge.lookup("other_config", "theirs")), (None, Some("1")));
    assert_eq!(bridge.get("protocols"), Some(&Value::set(["OpenFlow10", "OpenFlow13"])));
    let mut others = documents();
    let spec = others[0].chassis[0].spec.as_mut().unwrap();
    (spec.manage, spec.ovsdb) = (false, None);
    fleet.site.apply(others).unwrap();
    fleet.serve();
    assert_eq!(fleet.links[0], None, "the link stays open");
    let mut after = fleet.databases[0].tables.clone();
    after.retain(|_, rows| !rows.is_empty());
    assert_eq!(after, before);
    // What was made here goes altogether.
    let request = brain::Request::Delete {
        kind: "chassis".to_owned(),
        delete: v1::DeleteRequest { name: "hv2".to_owned(), ..v1::DeleteRequest::default() },
    };
    assert!(matches!(fleet.site.ask(request), Some(Ok(brain::Reply::Deleted))));
    fleet.serve();
    assert!(fleet.databases[1].named("Bridge", "br-int").is_none());
    assert_eq!(fleet.links[1], None);
}

#[test]
fn a_bridge_of_anothers_is_not_taken_and_refusals_are_told_and_tried_again() {
    let mut databases = empty();
    let others = Value::map([("datapath-id", "00000000000000ff")]);
    databases[0].bridge(Row::default().with("name", "br-int").with("other_config", others));
    let mut fleet = Fleet::new(databases, vec![]);
    fleet.refuse = Some("operation 1: constraint violation".to_owned());
    fleet.site.apply(documents()).unwrap();
    fleet.serve();
    let status = fleet.chassis(0);
    assert_eq!(status.phase(), Phase::Degraded);
    assert!(
        status.reason.contains("br-int has the datapath id 00000000000000ff, not 0000000000000001"),
        "{}",
        status.reason
    );
    let refused = [1, 2].into_iter().filter(|n| fleet.chassis(*n).reason.contains("constraint violation")).count();
    assert_eq!((refused, fleet.told("database.refused").len()), (1, 1));
    fleet.tick(10_000);
    assert_eq!([1, 2].map(|n| fleet.chassis(n).phase()), [Phase::Active; 2]);
}

#[test]
fn a_target_is_set_only_where_there_is_none_and_no_connection() {
    let mut wanted = documents();
    for chassis in &mut wanted[0].chassis {
        chassis.spec.as_mut().unwrap().controller = Some("tcp:[fd00:a::99]:6653".to_owned());
    }
    let targets = |fleet: &Fleet, n: usize| {
        let rows = fleet.databases[n].tables.get("Controller").into_iter().flatten();
        rows.map(|(_, row)| row.text("target").to_owned()).collect::<Vec<_>>()
    };
    let mut fleet = Fleet::new(empty(), wanted);
    assert_eq!(targets(&fleet, 0), [""; 0], "it is connected without one");
    fleet.site.disconnect(0);
    fleet.serve();
    assert_eq!(targets(&fleet, 0), ["tcp:[fd00:a::99]:6653"]);
    fleet.site.connect(0);
    fleet.serve();
    assert_eq!(targets(&fleet, 0).len(), 1);
    assert!(fleet.told("database.repaired").is_empty());
}

#[test]
fn ports_are_where_their_iface_ids_are() {
    let mut fleet = Fleet::new(empty(), documents());
    assert_eq!(fleet.port("vm1"), (String::new(), "no interface of a managed chassis has external_ids:iface-id=acme/vm1 or its uid (other tenants have a port of that name)".to_owned()));
    // Both tenants have a vm1: its name alone means neither.
    fleet.tamper(0, |database| database.plug("br-int", "acme-vm1", Some("vm1")));
    assert_eq!(fleet.port("vm1").0, "");
    fleet.tamper(0, |database| {
        let ids = Value::map([("iface-id", "acme/vm1")]);
        database.named_mut("Interface", "acme-vm1").0.insert("external_ids".into(), ids);
    });
    assert_eq!(fleet.port("vm1"), ("hv1 acme-vm1".to_owned(), String::new()));
    assert_eq!(fleet.told("port.bound"), ["acme-vm1 on hv1 has its iface-id"]);
    // A second one does not have it, and says so; it moves when the first is gone.
    fleet.tamper(1, |database| database.plug("br-int", "acme-vm2", Some("acme/vm1")));
    assert_eq!(fleet.port("vm1").0, "hv1 acme-vm1");
    assert_eq!(fleet.port("vm1").1, "also claimed by acme-vm2 on hv2: acme-vm1 on hv1 has it");
    fleet.tamper(0, |database| database.unplug("br-int", "acme-vm1"));
    assert_eq!(fleet.port("vm1"), ("hv2 acme-vm2".to_owned(), String::new()));
    // A database that can't be reached says nothing, and nothing is taken for gone, until another has it for long.
    fleet.down(1);
    assert_eq!(fleet.port("vm1").0, "hv2 acme-vm2");
    fleet.tamper(0, |database| database.plug("br-int", "acme-vm1", Some("acme/vm1")));
    assert_eq!(fleet.port("vm1").0, "hv2 acme-vm2");
    fleet.tick(10_000);
    assert_eq!(fleet.port("vm1").0, "hv1 acme-vm1");
    // What is stored is there at once after a restart, before any database is.
    let Fleet { site, databases, .. } = fleet;
    let mut again = Fleet { site: site.restarted(), databases, links: vec![None; 3], asked: vec![0; 3], refuse: None };
    assert_eq!(again.port("vm1").0, "hv1 acme-vm1");
    again.databases[0].tamper(|database| database.unplug("br-int", "acme-vm1"));
    again.serve();
    assert_eq!(again.port("vm1").0, "hv2 acme-vm2");
}

#[test]
fn intent_goes_before_iface_ids() {
    let mut fleet = Fleet::new(empty(), documents());
    let uid = match fleet.site.list("port").into_iter().find_map(|r| r.kind) {
        Some(Kind::Port(port)) => port.meta.unwrap().uid,
        other => panic!("{other:?}"),
    };
    fleet.tamper(0, |database| database.plug("br-int", "acme-vm1", Some(&uid)));
    assert_eq!(fleet.port("vm1").0, "hv1 acme-vm1");
    let one = |n: u32, chassis: &str, interface: &str| {
        let mut port = common::port("acme", n);
        let binding = v1::Binding { chassis: chassis.to_owned(), interface: interface.to_owned() };
        port.spec.as_mut().unwrap().binding = Some(binding);
        vec![v1::Document { tenant: "acme".to_owned(), ports: vec![port], ..v1::Document::default() }]
    };
    // Only there.
    fleet.site.apply(one(1, "hv2", "")).unwrap();
    fleet.serve();
    assert_eq!(fleet.port("vm1").0, "");
    fleet.site.apply(one(1, "hv3", "acme-vm3")).unwrap();
    assert_eq!(fleet.port("vm1").0, "hv3 acme-vm3");
    // Whoever has it by intent is in the way, until it has not.
    fleet.tamper(2, |database| database.plug("br-int", "acme-vm3", Some("acme/vm2")));
    assert_eq!(
        fleet.port("vm2"),
        (String::new(), "acme-vm3 on hv3 has its iface-id, but is another port's".to_owned())
    );
    fleet.site.apply(one(1, "hv3", "acme-vm6")).unwrap();
    assert_eq!(fleet.port("vm2").0, "hv3 acme-vm3");
    // A chassis that goes, or is managed no longer, has nobody by iface-ids.
    let mut others = vec![documents().swap_remove(0)];
    let spec = others[0].chassis[2].spec.as_mut().unwrap();
    (spec.manage, spec.ovsdb) = (false, None);
    fleet.site.apply(others).unwrap();
    fleet.serve();
    assert_eq!(fleet.port("vm2").0, "");
    let refused = fleet.site.apply(one(2, "hv3", "")).unwrap_err();
    assert_eq!(refused.violations[0].path, "ports[0].binding.interface");
}

#[test]
fn gateways_and_all_others_watch_each_other() {
    let mut wanted = documents();
    let gateway = wanted[0].chassis[0].spec.as_mut().unwrap();
    gateway.bridge_mappings.insert("physnet1".to_owned(), "eth1".to_owned());
    gateway.gateway_priority = Some(100);
    wanted[0].fabric.as_mut().unwrap().spec.as_mut().unwrap().bfd =
        Some(v1::Bfd { interval_ms: Some(100), multiplier: None });
    let mut fleet = Fleet::new(empty(), wanted.clone());
    let probes = |fleet: &Fleet, n: usize| {
        let rows = fleet.databases[n].tables["Interface"].values();
        rows.map(|row| row.text("name").to_owned()).filter(|name| name.starts_with("sx-bfd-")).collect::<Vec<_>>()
    };
    let mut at_gateway = probes(&fleet, 0);
    at_gateway.sort();
    assert_eq!(at_gateway, ["sx-bfd-2", "sx-bfd-3"]);
    assert_eq!([1, 2].map(|n| probes(&fleet, n)), [["sx-bfd-1"]; 2]);
    let probe = fleet.databases[0].named("Interface", "sx-bfd-2").unwrap();
    let has = |column: &str, key: &str| probe.lookup(column, key).unwrap_or_default().to_owned();
    assert_eq!([has("options", "remote_ip"), has("options", "key")], ["fd00:a::2", "16777215"]);
    assert_eq!([has("bfd", "enable"), has("bfd", "min_rx"), has("bfd", "mult")], ["true", "100", "3"]);
    fleet.site.answers(0, 200, "sx-bfd-2", true);
    fleet.tick(2_999);
    assert_eq!(fleet.told("peer.up").len(), 0);
    fleet.tick(1);
    assert_eq!(fleet.told("peer.up"), ["hv2 answers over the underlay (BFD)"]);
    fleet.site.answers(0, 200, "sx-bfd-2", false);
    assert_eq!(fleet.told("peer.lost"), ["hv2 does not answer over the underlay (BFD)"]);
    assert_eq!((fleet.chassis(0).peers_lost, fleet.chassis(1).peers_lost), (vec!["hv2".to_owned()], vec![]));
    // A network that has the key goes before it; where there is no gateway, there is no BFD.
    wanted[1].networks[0].spec.as_mut().unwrap().segmentation_id = Some(16_777_215);
    fleet.site.apply(wanted.clone()).unwrap();
    fleet.serve();
    assert_eq!(probes(&fleet, 1).len(), 0);
    assert!(
        fleet.chassis(1).reason.contains("no BFD: network acme/red has its id 16777215"),
        "{}",
        fleet.chassis(1).reason
    );
    let gateway = wanted[0].chassis[0].spec.as_mut().unwrap();
    gateway.gateway_priority = None;
    fleet.site.apply(wanted).unwrap();
    fleet.serve();
    assert_eq!([0, 1, 2].map(|n| probes(&fleet, n).len()), [0; 3]);
}

#[test]
fn bad_input_is_refused_with_its_path() {
    let mut site = Site::new(vec![Bridge::new(1, &[])]);
    let mut refused = |edit: &dyn Fn(&mut v1::ChassisSpec), path: &str, words: &str| {
        let mut documents = vec![documents().swap_remove(0)];
        edit(documents[0].chassis[0].spec.as_mut().unwrap());
        let refusal = site.apply(documents).unwrap_err();
        let [violation] = &refusal.violations[..] else { panic!("{refusal:?}") };
        assert_eq!(violation.path, format!("chassis[0].{path}"));
        assert!(violation.message.contains(words), "{}", violation.message);
    };
    let text = |text: &str| Some(text.to_owned());
    refused(&|spec| spec.ovsdb = None, "ovsdb", "is needed by manage");
    refused(&|spec| spec.ovsdb = text("ssl:[fd00::1]:6640"), "ovsdb", "TLS is not built yet");
    refused(&|spec| spec.ovsdb = text("unix:db.sock"), "ovsdb", "is not tcp:");
    refused(&|spec| spec.manage = false, "ovsdb", "has no meaning without manage");
    refused(&|spec| spec.bridge = text("a/b"), "bridge", "can't be the name");
    refused(&|spec| spec.datapath_type = text("kernel"), "datapath_type", "system and netdev");
    refused(&|spec| spec.controller = text("br-int"), "controller", "is not tcp:");
    refused(&|spec| spec.gateway_priority = Some(1), "gateway_priority", "needs bridge_mappings");
}
