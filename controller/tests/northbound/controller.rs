//! `sextant controller` itself: it says when it is ready, stops when it is told to, and does not open what nobody asked for.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

fn controller(flags: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sextant"));
    command.arg("controller").args(flags).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[test]
fn it_is_ready_then_stops_at_a_signal() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let socket = format!("unix:{}", dir.path().join("of.sock").display());
    let config = dir.path().join("sextant.yaml");
    std::fs::write(&config, format!("data_dir: {}\nhttp_listen: 127.0.0.1:0\n", data.display())).unwrap();
    let mut child = controller(&[
        "--config",
        config.to_str().unwrap(),
        "--grpc-listen",
        "[::1]:0",
        "--openflow-listen",
        "[::1]:0",
        "--openflow-listen",
        &socket,
    ]);
    let mut ready = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut ready).unwrap();
    let mut said = ready.split_whitespace();
    assert_eq!(said.by_ref().take(3).collect::<Vec<_>>(), ["sextant", "controller", "ready:"], "{ready:?}");
    let said: Vec<&str> = said.collect();
    assert!(said[0] == "grpc" && said[1].starts_with("[::1]:") && said[1] != "[::1]:0", "{ready}");
    assert!(said[2] == "openflow" && said[3].ends_with(&socket), "{ready}");
    assert!(said[4] == "http" && said[5].starts_with("127.0.0.1:"), "{ready}");
    std::net::TcpStream::connect(said[1]).unwrap();
    assert!(Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    let status = child.wait().unwrap();
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("SIGTERM"), "{log}");
}

#[test]
fn what_others_reach_needs_a_word() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    let flags =
        ["--data-dir", data, "--grpc-listen", "[::]:0", "--openflow-listen", "0.0.0.0:0", "--http-listen", "[::1]:0"];
    let done = controller(&flags).wait_with_output().unwrap();
    let told = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(1), "{told}");
    assert!(told.contains("--grpc-listen [::]:0") && told.contains("--openflow-listen 0.0.0.0:0"), "{told}");
    assert_eq!(told.lines().filter(|line| line.contains("--insecure")).count(), 2, "{told}");
}

#[test]
fn a_taken_address_is_named() {
    let taken = std::net::TcpListener::bind("[::1]:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    let flags =
        ["--data-dir", data, "--grpc-listen", &address, "--openflow-listen", "[::1]:0", "--http-listen", "[::1]:0"];
    let done = controller(&flags).wait_with_output().unwrap();
    let told = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(1), "{told}");
    assert!(told.contains(&format!("cannot listen for gRPC on {address}")), "{told}");
}
