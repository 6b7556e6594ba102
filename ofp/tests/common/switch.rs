//! An Open vSwitch in a directory of its own, with a dummy datapath: no root, no network devices.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use ofp::{
    Body, ErrorMsg, FlowMod, FlowModCommand, FlowStats, FlowStatsRequest, Hello, Message, MultipartReply,
    MultipartRequest, StatsReply, StatsRequest, TABLE_ALL,
};

const WAIT: Duration = Duration::from_secs(10);

pub struct Switch {
    dir: tempfile::TempDir,
}

impl Switch {
    /// Starts a database and a switch with one bridge `br0` and ports 1 to 4.
    pub fn start() -> Switch {
        let switch = Switch { dir: tempfile::tempdir().unwrap() };
        let dir = switch.dir.path();
        let file = |name: &str| dir.join(name).display().to_string();
        let schema = "/usr/share/openvswitch/vswitch.ovsschema";
        switch.run("ovsdb-tool", &["create", &file("conf.db"), schema]);
        let pid = |name: &str| format!("--pidfile={}", file(name));
        let log = |name: &str| format!("--log-file={}", file(name));
        let common = ["--no-chdir", "--detach", "-vconsole:off"];
        let remote = format!("--remote=punix:{}", file("db.sock"));
        let control = format!("--unixctl={}", file("db.ctl"));
        let mut args = vec![file("conf.db"), remote, pid("db.pid"), control, log("db.log")];
        args.extend(common.map(str::to_owned));
        switch.run("ovsdb-server", &args);
        switch.vsctl(&["--no-wait", "init"]);
        let control = format!("--unixctl={}", file("vsw.ctl"));
        let database = format!("unix:{}", file("db.sock"));
        let mut args = vec![database, pid("vsw.pid"), control, log("vsw.log")];
        args.extend(["--enable-dummy", "--disable-system"].map(str::to_owned));
        args.extend(common.map(str::to_owned));
        switch.run("ovs-vswitchd", &args);
        let bridge = "add-br br0 -- set bridge br0 datapath_type=dummy fail_mode=secure protocols=OpenFlow13";
        switch.vsctl(&bridge.split(' ').collect::<Vec<_>>());
        for port in 1..=4 {
            let words = format!("add-port br0 p{port} -- set interface p{port} type=dummy ofport_request={port}");
            switch.vsctl(&words.split(' ').collect::<Vec<_>>());
        }
        switch
    }

    pub fn socket(&self) -> std::path::PathBuf {
        self.dir.path().join("br0.mgmt")
    }

    pub fn connect(&self) -> Connection {
        Connection::greet(UnixStream::connect(self.socket()).unwrap())
    }

    /// Lets the switch connect to us, as its one configured controller.
    pub fn accept(&self) -> Connection {
        let path = self.dir.path().join("br0.controller");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        self.vsctl(&["set-controller", "br0", &format!("unix:{}", path.display())]);
        Connection::greet(listener.accept().unwrap().0)
    }

    fn vsctl(&self, args: &[&str]) {
        let database = format!("--db=unix:{}", self.dir.path().join("db.sock").display());
        let mut all = vec!["--timeout=20", &database];
        all.extend_from_slice(args);
        self.run("ovs-vsctl", &all);
    }

    pub fn ofctl(&self, args: &[&str]) -> String {
        let mut all = vec!["-O", "OpenFlow13"];
        all.extend_from_slice(args);
        String::from_utf8(self.run("ovs-ofctl", &all).stdout).unwrap()
    }

    fn run(&self, program: &str, args: &[impl AsRef<str>]) -> Output {
        let dir = self.dir.path();
        let mut command = Command::new(program);
        command.args(args.iter().map(AsRef::as_ref)).stdin(Stdio::null());
        for variable in ["OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR"] {
            command.env(variable, dir);
        }
        let output = command.output().unwrap_or_else(|error| panic!("{program}: {error}; is Open vSwitch installed?"));
        let arguments: Vec<_> = args.iter().map(AsRef::as_ref).collect();
        assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }
}

impl Drop for Switch {
    /// Ends both daemons by their own process ids; the directory goes with its guard.
    fn drop(&mut self) {
        for name in ["vsw.pid", "db.pid"] {
            let Ok(pid) = std::fs::read_to_string(self.dir.path().join(name)) else { continue };
            let pid = pid.trim();
            let _ = Command::new("kill").arg(pid).status();
            let until = Instant::now() + WAIT;
            while Path::new("/proc").join(pid).exists() {
                if Instant::now() > until {
                    let _ = Command::new("kill").args(["-9", pid]).status();
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

/// A controller's connection.
pub struct Connection {
    stream: UnixStream,
    received: BytesMut,
    xid: u32,
    /// Whether what is received must be written again as the same bytes.
    pub is_exact: bool,
}

impl Connection {
    fn greet(stream: UnixStream) -> Connection {
        stream.set_read_timeout(Some(WAIT)).unwrap();
        let mut connection = Connection { stream, received: BytesMut::new(), xid: 100, is_exact: true };
        connection.send(Hello::v13());
        assert!(matches!(connection.receive().body, Body::Hello(hello) if hello.speaks(ofp::VERSION)));
        connection
    }

    /// Sends a message under a number of its own.
    pub fn send(&mut self, body: impl Into<Body>) -> u32 {
        self.xid += 1;
        self.send_message(&Message::new(self.xid, body));
        self.xid
    }

    pub fn send_message(&mut self, message: &Message) {
        self.stream.write_all(&message.encode()).unwrap();
    }

    pub fn next_xid(&mut self) -> u32 {
        self.xid += 1;
        self.xid
    }

    /// The next message that is no echo request. Every message from the switch must come back as the same bytes.
    pub fn receive(&mut self) -> Message {
        loop {
            if let Some(bytes) = ofp::frame(&mut self.received).unwrap() {
                let message = Message::decode(&bytes).unwrap();
                if self.is_exact {
                    assert_same(&bytes, &message.encode());
                }
                assert_eq!(Message::decode(&message.encode()).unwrap(), message);
                if let Body::EchoRequest(data) = message.body {
                    self.send_message(&Message { xid: message.xid, body: Body::EchoReply(data) });
                    continue;
                }
                return message;
            }
            let mut chunk = [0; 65536];
            let length = self.stream.read(&mut chunk).unwrap();
            assert_ne!(length, 0, "the switch hung up");
            self.received.extend_from_slice(&chunk[..length]);
        }
    }

    /// Waits until the switch is done with all that was sent; returns what it said meanwhile.
    pub fn barrier(&mut self) -> Vec<Message> {
        let xid = self.send(Body::BarrierRequest);
        let mut heard = Vec::new();
        loop {
            let message = self.receive();
            if message.xid == xid && message.body == Body::BarrierReply {
                return heard;
            }
            heard.push(message);
        }
    }

    /// The same, but only errors.
    pub fn errors(&mut self) -> Vec<(u32, ErrorMsg)> {
        let heard = self.barrier().into_iter();
        heard
            .filter_map(|message| match message.body {
                Body::Error(error) => Some((message.xid, error)),
                _ => None,
            })
            .collect()
    }

    /// Asks, and returns all parts of the answer.
    pub fn ask(&mut self, request: StatsRequest) -> Vec<StatsReply> {
        let xid = self.send(MultipartRequest::new(request));
        let mut parts = Vec::new();
        loop {
            match self.receive() {
                Message { xid: of, body: Body::MultipartReply(MultipartReply { more, body }) } if of == xid => {
                    parts.push(body);
                    if !more {
                        return parts;
                    }
                }
                other => panic!("no answer but {other:?}"),
            }
        }
    }

    pub fn flows(&mut self) -> Vec<FlowStats> {
        let parts = self.ask(StatsRequest::Flow(FlowStatsRequest::default())).into_iter();
        parts
            .flat_map(|part| match part {
                StatsReply::Flow(flows) => flows,
                other => panic!("no flows but {other:?}"),
            })
            .collect()
    }

    /// Deletes all flows without waiting.
    pub fn delete_flows_quietly(&mut self) {
        self.send(FlowMod { command: FlowModCommand::Delete, table: TABLE_ALL, ..FlowMod::default() });
    }

    pub fn delete_flows(&mut self) {
        self.send(FlowMod { command: FlowModCommand::Delete, table: TABLE_ALL, ..FlowMod::default() });
        assert_eq!(self.errors(), []);
    }
}

/// Shows where they begin to differ.
fn assert_same(read: &[u8], written: &[u8]) {
    if let Some(at) = (0..read.len().max(written.len())).find(|at| read.get(*at) != written.get(*at)) {
        let around = |bytes: &[u8]| format!("{:02x?}", &bytes[at.saturating_sub(64)..bytes.len().min(at + 32)]);
        panic!("byte {at} differs, read:\n{}\nwritten:\n{}", around(read), around(written));
    }
}
