//! A real `ovs-vswitchd` with a dummy datapath, in a folder of its own; and an OpenFlow connection to its bridge.

#![allow(dead_code, unreachable_pub)]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ofp::{Body, BundleControl, BundleCtrlType, Message, bundle_flags};

const SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";

/// Both daemons; ended, and their folder removed, when dropped.
pub struct Ovs {
    folder: PathBuf,
    children: Vec<Child>,
}

impl Ovs {
    pub fn start(name: &str) -> Ovs {
        let folder = std::env::temp_dir().join(format!("sextant-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut ovs = Ovs { folder, children: Vec::new() };
        let db = ovs.path("conf.db");
        ovs.run("ovsdb-tool", &["create", &db, SCHEMA]);
        let (sock, ctl) = (ovs.path("db.sock"), ovs.path("ovsdb.ctl"));
        ovs.spawn("ovsdb-server", &[&db, &format!("--remote=punix:{sock}"), &format!("--unixctl={ctl}")]);
        wait_for(Path::new(&sock));
        ovs.vsctl(&["--no-wait", "init"]);
        let ctl = ovs.path("vsw.ctl");
        ovs.spawn(
            "ovs-vswitchd",
            &[&format!("unix:{sock}"), "--enable-dummy", "--disable-system", &format!("--unixctl={ctl}")],
        );
        ovs
    }

    /// A bridge with dummy ports, by name and number.
    pub fn bridge(&self, name: &str, ports: &[(&str, u32, &str)]) {
        let mut args: Vec<String> =
            ["add-br", name, "--", "set", "bridge", name, "datapath_type=dummy", "fail_mode=secure"]
                .map(str::to_owned)
                .to_vec();
        args.push("protocols=OpenFlow13".to_owned());
        for (port, number, kind) in ports {
            args.extend(["--", "add-port", name, port, "--", "set", "interface", port].map(str::to_owned));
            args.push(format!("ofport_request={number}"));
            args.push(format!("type={kind}"));
            if ["geneve", "vxlan", "gre"].contains(kind) {
                args.extend(["options:remote_ip=flow", "options:key=flow"].map(str::to_owned));
            }
        }
        self.vsctl(&args.iter().map(String::as_str).collect::<Vec<_>>());
        wait_for(&self.folder.join(format!("{name}.mgmt")));
    }

    pub fn connect(&self, bridge: &str) -> Connection {
        Connection::new(&self.folder.join(format!("{bridge}.mgmt")))
    }

    /// Whether one of them has ended by a signal.
    pub fn has_crashed(&mut self) -> bool {
        let signalled =
            |child: &mut Child| child.try_wait().ok().flatten().is_some_and(|status| status.signal().is_some());
        self.children.iter_mut().any(signalled)
    }

    /// `ovs-appctl` to the switch.
    pub fn appctl(&self, args: &[&str]) -> String {
        let ctl = self.path("vsw.ctl");
        let mut all = vec!["-t", &ctl];
        all.extend(args);
        self.run("ovs-appctl", &all)
    }

    pub fn vsctl(&self, args: &[&str]) {
        let db = format!("--db=unix:{}", self.path("db.sock"));
        let mut all = vec!["--timeout=60", db.as_str()];
        all.extend(args);
        self.run("ovs-vsctl", &all);
    }

    pub fn path(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }

    fn run(&self, program: &str, args: &[&str]) -> String {
        let out = self
            .command(program, args)
            .output()
            .unwrap_or_else(|e| panic!("{program}: {e}: is Open vSwitch installed?"));
        assert!(out.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    fn spawn(&mut self, program: &str, args: &[&str]) {
        let log = self.path(&format!("{program}.log"));
        let mut command = self.command(program, args);
        command.args(["--no-chdir", &format!("--log-file={log}")]).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|e| panic!("{program}: {e}: is Open vSwitch installed?"));
        self.children.push(child);
    }

    fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        for variable in ["OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR"] {
            command.env(variable, &self.folder);
        }
        command.args(args);
        command
    }
}

impl Drop for Ovs {
    fn drop(&mut self) {
        for child in self.children.iter_mut().rev() {
            if let Ok(Some(status)) = child.try_wait() {
                eprintln!("a daemon of Open vSwitch ended before its test: {status}");
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn wait_for(path: &Path) {
    for _ in 0..500 {
        if path.exists() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{} did not appear", path.display());
}

/// An OpenFlow 1.3 connection that has said hello.
pub struct Connection {
    stream: UnixStream,
    next_xid: u32,
}

impl Connection {
    fn new(path: &Path) -> Connection {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut connection = Connection { stream, next_xid: 1 };
        connection.send(Body::Hello(ofp::Hello::v13()));
        let Body::Hello(_) = connection.receive().body else { panic!("no hello") };
        connection
    }

    pub fn send(&mut self, body: Body) -> u32 {
        let xid = self.next_xid;
        self.next_xid += 1;
        self.stream.write_all(&Message { xid, body }.encode()).unwrap();
        xid
    }

    pub fn receive(&mut self) -> Message {
        let mut header = [0u8; 8];
        self.stream.read_exact(&mut header).unwrap();
        let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
        let mut message = header.to_vec();
        message.resize(length, 0);
        self.stream.read_exact(&mut message[8..]).unwrap();
        Message::decode(&message).unwrap()
    }

    /// Sends messages that take effect together, or not at all.
    pub fn bundle(&mut self, bodies: impl IntoIterator<Item = Body>) {
        const ID: u32 = 1;
        let flags = bundle_flags::ATOMIC | bundle_flags::ORDERED;
        let control = |kind| BundleControl { bundle_id: ID, kind, flags, properties: Default::default() };
        self.send(Body::BundleControl(control(BundleCtrlType::OpenRequest)));
        for body in bodies {
            let message = Message { xid: self.next_xid, body }.in_bundle(ID, flags);
            self.send(message.body);
        }
        self.send(Body::BundleControl(control(BundleCtrlType::CommitRequest)));
        let refused: Vec<_> = self.barrier().into_iter().filter(|m| matches!(m.body, Body::Error(_))).collect();
        assert!(refused.is_empty(), "{refused:?}");
    }

    /// Sends a barrier and gives what came before its reply.
    pub fn barrier(&mut self) -> Vec<Message> {
        let xid = self.send(Body::BarrierRequest);
        let mut before = Vec::new();
        loop {
            let message = self.receive();
            if message.xid == xid && matches!(message.body, Body::BarrierReply) {
                return before;
            }
            before.push(message);
        }
    }

    /// All parts of the answer to a multipart request.
    pub fn ask(&mut self, body: ofp::StatsRequest) -> Vec<ofp::StatsReply> {
        let xid = self.send(Body::MultipartRequest(ofp::MultipartRequest { more: false, body }));
        let mut parts = Vec::new();
        loop {
            let message = self.receive();
            let Body::MultipartReply(reply) = message.body else { panic!("not a multipart reply: {:?}", message.body) };
            assert_eq!(message.xid, xid);
            parts.push(reply.body);
            if !reply.more {
                return parts;
            }
        }
    }
}
