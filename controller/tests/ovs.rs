//! The daemon's OpenFlow side against a real Open vSwitch in a directory of its own, with its dummy datapath.
//!
//! Without Open vSwitch installed there is nothing to test against, and the test says so.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use addr::{Dpid, OfPort};
use brain::{Batch, Effect, Event, Millis, SessionId, SwitchCommand, SwitchEvent};
use controller::daemon::{Daemon, DaemonConfig, Mind, run_with};
use controller::openflow::ListenAddr;
use controller::store::Embedded;
use ofp::{
    Action, Body, Bucket, Controller, Field, FlowMod, GroupMod, GroupModCommand, GroupType, Instruction, Match,
    MeterBand, MeterMod, MeterModCommand, PortReason, meter_flags,
};

/// An Open vSwitch of our own: two daemons and a bridge `br0` with dummy ports `p1` and `p2`.
struct Ovs {
    directory: tempfile::TempDir,
}

impl Ovs {
    fn start() -> Option<Ovs> {
        if !Path::new("/usr/sbin/ovs-vswitchd").exists() {
            eprintln!("skipped: Open vSwitch is not installed");
            return None;
        }
        let ovs = Ovs { directory: tempfile::tempdir().unwrap() };
        let database = ovs.path("conf.db");
        ovs.run("ovsdb-tool", &["create", &database, "/usr/share/openvswitch/vswitch.ovsschema"]);
        let remote = format!("--remote=punix:{}", ovs.path("db.sock"));
        ovs.daemon("ovsdb-server", &[&database, &remote]);
        ovs.vsctl(&["--no-wait", "init"]);
        ovs.start_switch();
        ovs.vsctl(&["add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=dummy", "fail_mode=secure"]);
        ovs.vsctl(&["set", "bridge", "br0", "other-config:datapath-id=00000000000000aa", "protocols=OpenFlow13"]);
        ovs.add_port("p1", 1);
        ovs.add_port("p2", 2);
        Some(ovs)
    }

    fn start_switch(&self) {
        self.daemon("ovs-vswitchd", &[&format!("unix:{}", self.path("db.sock")), "--enable-dummy", "--disable-system"]);
    }

    fn stop(&self, name: &str) {
        let Ok(pid) = std::fs::read_to_string(self.path(&format!("{name}.pid"))) else { return };
        self.appctl_of(name, &["exit"]);
        let alive = || Path::new(&format!("/proc/{}", pid.trim())).exists();
        let deadline = Instant::now() + Duration::from_secs(10);
        while alive() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(10));
        }
        if alive() {
            drop(Command::new("kill").args(["-9", pid.trim()]).status());
        }
    }

    fn daemon(&self, name: &str, args: &[&str]) {
        let pid = format!("--pidfile={}", self.path(&format!("{name}.pid")));
        let control = format!("--unixctl={}", self.path(&format!("{name}.ctl")));
        let log = format!("--log-file={}", self.path(&format!("{name}.log")));
        self.run(name, &[args, &[&pid, &control, &log, "--no-chdir", "--detach", "-vconsole:off"]].concat());
    }

    fn add_port(&self, name: &str, number: u32) {
        let request = format!("ofport_request={number}");
        self.vsctl(&["add-port", "br0", name, "--", "set", "interface", name, "type=dummy", &request]);
    }

    fn vsctl(&self, args: &[&str]) {
        let database = format!("--db=unix:{}", self.path("db.sock"));
        self.run("ovs-vsctl", &[&[database.as_str(), "--timeout=20"], args].concat());
    }

    fn appctl_of(&self, name: &str, args: &[&str]) -> Output {
        let target = self.path(&format!("{name}.ctl"));
        self.command("ovs-appctl", &[&["-t", target.as_str()], args].concat())
    }

    fn ofctl(&self, args: &[&str]) -> String {
        let mut args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        args.insert(1, self.mgmt().display().to_string());
        let args: Vec<&str> = ["-O", "OpenFlow13"].into_iter().chain(args.iter().map(String::as_str)).collect();
        String::from_utf8(self.run("ovs-ofctl", &args).stdout).unwrap()
    }

    fn mgmt(&self) -> PathBuf {
        self.directory.path().join("br0.mgmt")
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    fn run(&self, name: &str, args: &[&str]) -> Output {
        let output = self.command(name, args);
        assert!(output.status.success(), "{name} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    fn command(&self, name: &str, args: &[&str]) -> Output {
        let directory = self.directory.path();
        Command::new(name)
            .args(args)
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("OVS_RUNDIR", directory)
            .env("OVS_LOGDIR", directory)
            .env("OVS_DBDIR", directory)
            .output()
            .unwrap()
    }
}

impl Drop for Ovs {
    fn drop(&mut self) {
        self.stop("ovs-vswitchd");
        self.stop("ovsdb-server");
    }
}

/// A mind that tells the test what it hears, and wants what the test wants.
struct Probe {
    heard: Sender<Event>,
    wanted: Arc<Mutex<Vec<Effect>>>,
    now: Millis,
}

impl Mind for Probe {
    fn handle(&mut self, now: Millis, event: Event) -> Vec<Effect> {
        self.now = now;
        if !matches!(event, Event::Tick) {
            drop(self.heard.send(event));
        }
        std::mem::take(&mut *self.wanted.lock().unwrap())
    }

    fn next_due(&self) -> Option<Millis> {
        Some(Millis(self.now.0 + 5))
    }
}

struct Test {
    daemon: Daemon,
    heard: Receiver<Event>,
    wanted: Arc<Mutex<Vec<Effect>>>,
    session: SessionId,
}

impl Test {
    async fn start(ovs: &Ovs) -> Test {
        Test::with(Vec::new(), vec![ovs.mgmt()]).await
    }

    async fn with(openflow_listen: Vec<ListenAddr>, openflow_connect: Vec<PathBuf>) -> Test {
        let config = DaemonConfig {
            data_dir: PathBuf::new(),
            openflow_listen,
            openflow_connect,
            http_listen: Vec::new(),
            dns_forwarders: Vec::new(),
            gobgp: None,
        };
        let (sender, heard) = channel();
        let wanted = Arc::new(Mutex::new(Vec::new()));
        let probe = Probe { heard: sender, wanted: Arc::clone(&wanted), now: Millis(0) };
        let store = Box::new(Embedded::in_memory().unwrap());
        let daemon = run_with(config, store, Box::new(probe)).await.unwrap();
        let test = Test { daemon, heard, wanted, session: SessionId(0) };
        assert!(matches!(test.heard.recv().unwrap(), Event::Loaded { .. }));
        test
    }

    fn hear(&self) -> (SessionId, SwitchEvent) {
        match self.heard.recv_timeout(Duration::from_secs(20)).unwrap() {
            Event::Switch(session, event) => (session, event),
            other => panic!("{other:?}"),
        }
    }

    /// Waits until the bridge is up. Returns its ports' names.
    fn up(&mut self) -> Vec<String> {
        let (session, SwitchEvent::Up { dpid: Dpid(0xaa), ports, .. }) = self.hear() else { panic!("not up") };
        self.session = session;
        let mut names: Vec<String> = ports.iter().map(|port| port.name.text().into_owned()).collect();
        names.sort();
        names
    }

    fn want(&self, command: SwitchCommand) {
        self.wanted.lock().unwrap().push(Effect::Switch(self.session, command));
    }

    fn batch(&self, number: u64, operations: Vec<Body>) -> SwitchEvent {
        self.want(SwitchCommand::Batch(Batch { number, operations, follows: None, gentle: false }));
        self.hear().1
    }

    fn tables(&self) -> (Vec<ofp::FlowStats>, Vec<ofp::GroupDesc>, Vec<ofp::MeterConfig>) {
        self.want(SwitchCommand::ReadBack);
        match self.hear().1 {
            SwitchEvent::Tables { flows, groups, meters } => (flows, groups, meters),
            other => panic!("{other:?}"),
        }
    }
}

fn flow(table: u8, in_port: u32, actions: Vec<Action>) -> FlowMod {
    FlowMod {
        cookie: 0x5e,
        table,
        priority: 100,
        match_: Match::new().with(Field::IN_PORT, in_port),
        instructions: vec![Instruction::ApplyActions(actions)],
        ..FlowMod::default()
    }
}

fn meter(command: MeterModCommand) -> Body {
    let bands = match command {
        MeterModCommand::Delete => Vec::new(),
        _ => vec![MeterBand::Drop { rate: 100, burst: 10 }],
    };
    MeterMod { command, flags: meter_flags::PKTPS | meter_flags::BURST, meter_id: 3, bands }.into()
}

fn output(port: u32) -> Action {
    Action::Output { port: OfPort(port), max_len: 0 }
}

/// What punts, floods and limits: one of each kind, in the order that the planner would choose.
fn programme() -> Vec<Body> {
    let punt = Controller { userdata: vec![7, 1, 2].into(), meter_id: Some(3), ..Controller::default() };
    let buckets = vec![Bucket::new(GroupType::All, vec![output(2)])];
    vec![
        meter(MeterModCommand::Add),
        GroupMod { command: GroupModCommand::Add, kind: GroupType::All, group_id: 9, buckets }.into(),
        flow(0, 2, vec![Action::Group(9)]).into(),
        flow(0, 1, vec![Action::Controller(punt)]).into(),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_switch_is_programmed_read_and_heard() {
    let Some(ovs) = Ovs::start() else { return };
    let mut test = Test::start(&ovs).await;
    assert_eq!(test.up(), ["br0", "p1", "p2"]);
    assert!(ovs.ofctl(&["get-frags"]).contains("nx-match"));
    assert_eq!(test.tables(), (Vec::new(), Vec::new(), Vec::new()));

    assert!(matches!(test.batch(1, programme()), SwitchEvent::BatchDone { batch: 1, .. }));
    let (flows, groups, meters) = test.tables();
    assert_eq!((flows.len(), groups.len(), meters.len()), (2, 1, 1));
    assert!(flows.iter().all(|flow| flow.cookie == 0x5e));

    // Its frame: to and from anyone, of no protocol that exists.
    let frame = "ffffffffffff02000000000188b5".to_owned() + &"00".repeat(46);
    ovs.appctl_of("ovs-vswitchd", &["netdev-dummy/receive", "p1", &frame]);
    let (_, SwitchEvent::Packet(punt)) = test.hear() else { panic!("no packet") };
    assert_eq!((punt.in_port, punt.userdata.as_slice(), punt.data.len()), (OfPort(1), &[7, 1, 2][..], 60));

    let data = punt.data.clone();
    test.want(SwitchCommand::PacketOut { in_port: OfPort::CONTROLLER, actions: vec![output(2)], data });
    let sent = || ovs.ofctl(&["dump-ports", "2"]).contains("tx pkts=1,");
    for _ in 0..100 {
        if sent() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(sent(), "{}", ovs.ofctl(&["dump-ports", "2"]));

    ovs.add_port("p3", 3);
    let (_, SwitchEvent::Port { reason: PortReason::Add, port }) = test.hear() else { panic!("no port") };
    assert_eq!((port.port, port.name.text().as_ref()), (OfPort(3), "p3"));

    // Stopping leaves everything as it is.
    test.daemon.shutdown().await;
    assert_eq!(ovs.ofctl(&["dump-flows", "cookie=0x5e/-1"]).matches("cookie=").count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_batch_changes_nothing() {
    let Some(ovs) = Ovs::start() else { return };
    let mut test = Test::start(&ovs).await;
    test.up();
    assert!(matches!(test.batch(1, programme()), SwitchEvent::BatchDone { .. }));

    // Refused when it is added: no table 255. Refused at the commit: no group 77.
    let no_table = flow(255, 1, vec![output(2)]);
    let no_group = flow(0, 5, vec![Action::Group(77)]);
    for (number, bad) in [(2, no_table), (3, no_group)] {
        let operations = vec![flow(0, 4, vec![output(1)]).into(), bad.into(), flow(0, 6, vec![output(1)]).into()];
        let answer = test.batch(number, operations);
        let SwitchEvent::BatchFailed { batch, operation: Some(1), error } = answer else { panic!("{answer:?}") };
        assert_eq!(batch, number);
        assert!(!error.is_empty());
        let (flows, ..) = test.tables();
        assert_eq!(flows.len(), 2);
    }
    // A meter that is there already stops the bundle behind it.
    let operations = vec![meter(MeterModCommand::Add), flow(0, 4, vec![output(1)]).into()];
    let answer = test.batch(4, operations);
    assert!(matches!(answer, SwitchEvent::BatchFailed { operation: Some(0), .. }), "{answer:?}");
    // The last bundles are gone, so their numbers can't be in the way; and meters go last.
    let delete = |flow: FlowMod| FlowMod { command: ofp::FlowModCommand::DeleteStrict, ..flow };
    let operations =
        vec![delete(flow(0, 1, Vec::new())).into(), flow(0, 4, vec![output(1)]).into(), meter(MeterModCommand::Delete)];
    let answer = test.batch(5, operations);
    assert!(matches!(answer, SwitchEvent::BatchDone { batch: 5, .. }), "{answer:?}");
    let (flows, groups, meters) = test.tables();
    assert_eq!((flows.len(), groups.len(), meters.len()), (2, 1, 0));
    test.daemon.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_switch_that_restarts_is_found_again() {
    let Some(ovs) = Ovs::start() else { return };
    let mut test = Test::start(&ovs).await;
    test.up();
    let first = test.session;
    let count = 3000_u32;
    let operations = (1..=count).map(|port| flow(0, port, vec![output(1)]).into()).collect();
    assert!(matches!(test.batch(1, operations), SwitchEvent::BatchDone { .. }));
    assert_eq!(test.tables().0.len(), count as usize);

    ovs.stop("ovs-vswitchd");
    // A switch that ends in good order takes its flows away first, and tells so.
    let session = loop {
        match test.hear() {
            (session, SwitchEvent::Down { .. }) => break session,
            (_, SwitchEvent::FlowsChanged { .. }) => {}
            (_, other) => panic!("{other:?}"),
        }
    };
    assert_eq!(session, first);
    ovs.start_switch();
    test.up();
    assert_ne!(test.session, first);
    assert!(test.tables().0.is_empty());
    assert!(ovs.ofctl(&["get-frags"]).contains("nx-match"));
    test.daemon.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn switches_connect_by_tcp_and_by_unix_sockets() {
    let Some(ovs) = Ovs::start() else { return };
    let unix = ListenAddr::Unix(ovs.directory.path().join("br0.controller"));
    let mut test = Test::with(vec!["tcp:[::1]:0".parse().unwrap(), unix.clone()], Vec::new()).await;
    let tcp = test.daemon.openflow_addresses()[0];
    for address in [format!("tcp:{tcp}"), unix.to_string()] {
        ovs.vsctl(&["set-controller", "br0", &address]);
        test.up();
        let operations = vec![flow(0, 1, vec![output(2)]).into()];
        let answer = test.batch(1, operations);
        assert!(matches!(answer, SwitchEvent::BatchDone { batch: 1, .. }), "{answer:?}");
        ovs.vsctl(&["del-controller", "br0"]);
        let (_, SwitchEvent::Down { .. }) = test.hear() else { panic!("not down") };
    }
    test.daemon.shutdown().await;
}
