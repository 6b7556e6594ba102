//! File descriptors: the daemon takes all that it may have, and where there are none left it says so, serves those who are
//! connected, and goes on when some are free again.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// OpenFlow 1.3: hello.
const HELLO: [u8; 8] = [4, 0, 0, 8, 0, 0, 0, 1];

struct Daemon {
    child: Child,
    openflow: SocketAddr,
    _data: tempfile::TempDir,
}

impl Daemon {
    /// A daemon under a limit, as a shell's `ulimit` sets it.
    fn under(limit: &str) -> Daemon {
        let data = tempfile::tempdir().unwrap();
        let flags = "--grpc-listen [::1]:0 --http-listen [::1]:0 --openflow-listen [::1]:0";
        let command = format!("ulimit {limit}; exec \"$0\" controller --data-dir \"$1\" {flags}");
        let mut shell = Command::new("sh");
        shell.args(["-c", &command, env!("CARGO_BIN_EXE_sextant")]).arg(data.path().join("data"));
        let mut child = shell.env_remove("RUST_LOG").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut ready).unwrap();
        let mut words = ready.split_whitespace().skip_while(|word| *word != "openflow");
        let openflow = words.nth(1).unwrap().parse().unwrap();
        Daemon { child, openflow, _data: data }
    }

    /// Whether a new connection is greeted before long.
    fn greets(&self) -> Option<TcpStream> {
        let mut stream = TcpStream::connect(self.openflow).unwrap();
        stream.write_all(&HELLO).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        stream.read_exact(&mut [0; 8]).ok().map(|()| stream)
    }

    /// Stops it. All that it said.
    fn log(mut self) -> String {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        assert!(self.child.wait().unwrap().success(), "{log}");
        log
    }
}

#[test]
fn it_takes_all_that_it_may_have() {
    let daemon = Daemon::under("-Sn 99; ulimit -Hn 777");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", daemon.child.id())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(line.split_whitespace().skip(3).take(2).collect::<Vec<_>>(), ["777", "777"]);
    let log = daemon.log();
    assert!(log.contains("file descriptors: at most 777, raised from at most 99"), "{log}");
}

#[test]
fn without_any_left_it_says_so_and_goes_on() {
    let daemon = Daemon::under("-n 64");
    let mut greeted = Vec::new();
    while let Some(stream) = daemon.greets() {
        greeted.push(stream);
        assert!(greeted.len() < 64);
    }
    assert!(greeted.len() > 10, "only {} connections", greeted.len());
    drop(greeted);
    let begin = Instant::now();
    while daemon.greets().is_none() {
        assert!(begin.elapsed() < Duration::from_secs(20), "no connection is accepted any more");
    }
    let log = daemon.log();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("no OpenFlow connection is accepted")).collect();
    assert_eq!(told.len(), 1, "{log}");
    assert!(told[0].contains("its share of file descriptors, at most 64 (LimitNOFILE="), "{log}");
}
