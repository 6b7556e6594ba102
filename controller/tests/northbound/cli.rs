//! What people at a terminal see: the binary itself, against a server of the test's own.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use brain::Request;
use proto::v1;

use crate::fake::{Fake, Served};

const SITE: &str = "\
tenant: acme
networks:
  - {name: red}
ports:
  - name: vm1
    network: red
    mac_address: \"02:00:00:00:01:01\"
  - name: vm2
    network: red
";

/// A server in the test's process, and the binary that talks to it.
struct Bench {
    fake: Fake,
    served: Served,
}

struct Done {
    out: String,
    err: String,
    code: i32,
}

impl Bench {
    async fn new() -> Bench {
        let fake = Fake::default();
        let served = fake.serve().await;
        Bench { fake, served }
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sextant"));
        command.env("SEXTANT_SERVER", self.served.url()).args(line.split(' ')).stdin(Stdio::null());
        command
    }

    async fn run(&self, line: &str) -> Done {
        let mut command = self.command(line);
        tokio::task::spawn_blocking(move || done(command.output().unwrap())).await.unwrap()
    }

    async fn run_with(&self, line: &str, input: &str) -> Done {
        let mut command = self.command(line);
        let input = input.to_owned();
        let run = move || {
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
            done(child.wait_with_output().unwrap())
        };
        tokio::task::spawn_blocking(run).await.unwrap()
    }
}

fn done(output: Output) -> Done {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Done { out: text(output.stdout), err: text(output.stderr), code: output.status.code().unwrap() }
}

#[tokio::test(flavor = "multi_thread")]
async fn apply_tells_each_change_and_is_quiet_when_there_is_none() {
    let bench = Bench::new().await;
    let dry = bench.run_with("apply -f - --dry-run", SITE).await;
    assert_eq!((dry.code, dry.out.lines().next()), (0, Some("network acme/red created (dry run)")), "{}", dry.err);
    assert!(bench.fake.state.lock().unwrap().resources.is_empty());
    let first = bench.run_with("apply -f - --prune --wait 10s", SITE).await;
    assert_eq!((first.code, first.err.as_str()), (0, ""));
    assert_eq!(first.out, "network acme/red created\nport acme/vm1 created\nport acme/vm2 created\n");
    assert!(matches!(fake_apply(&bench.fake), v1::ApplyRequest { prune: true, dry_run: false, .. }));
    assert!(matches!(bench.fake.last(), Request::Wait { revision: Some(3), .. }));
    let second = bench.run_with("apply -f -", SITE).await;
    assert_eq!((second.code, second.out.as_str()), (0, ""));
    bench.fake.state.lock().unwrap().waiting_for = vec!["hv1: not connected".to_owned()];
    let late = bench.run_with("apply -f - --wait 500ms", SITE).await;
    assert_eq!(late.code, 1);
    assert!(late.err.contains("after 500ms") && late.err.contains("  hv1: not connected"), "{}", late.err);
}

fn fake_apply(fake: &Fake) -> v1::ApplyRequest {
    let state = fake.state.lock().unwrap();
    let last = state.asked.iter().rev().find_map(|request| match request {
        Request::Apply(request) => Some(request.clone()),
        _ => None,
    });
    last.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_name_file_and_line() {
    let bench = Bench::new().await;
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    let apply = format!("apply -f {}", dir.path().display());
    assert_eq!(bench.run(&apply).await.err, format!("{} has no .yaml, .yml or .json file\n", dir.path().display()));
    write("a.yaml", SITE);
    write("b.yml", "tenant: acme\n---\nports:\n- name: vm3\n  network: blue\n");
    write("ignored.txt", "words");
    let refused = bench.run(&apply).await;
    let expected =
        format!("{}:5: ports[0].network: there is no network \"blue\"\n", dir.path().join("b.yml").display());
    assert_eq!((refused.code, refused.err.as_str(), refused.out.as_str()), (1, expected.as_str(), ""));
    write("b.yml", "portss: []\n");
    write("c.json", "{\"ports\": [{\"name\": 5}]}");
    let told = bench.run(&apply).await;
    let lines: Vec<&str> = told.err.lines().collect();
    // What can't be read hides nothing: the controller judges the rest.
    assert_eq!((told.code, lines.len()), (1, 3), "{}", told.err);
    assert!(lines[0].ends_with("b.yml:1: portss: unknown field; did you mean `ports`?"), "{}", lines[0]);
    assert!(lines[1].ends_with("c.json:1: ports[0].network: there is no network \"\""), "{}", lines[1]);
    assert!(
        lines[2].ends_with("c.json:1: ports[0].name: must be a text, and 5 is a number: write \"5\""),
        "{}",
        lines[2]
    );
    let many: String = (0..3_000).map(|at| format!("- {{name: p{at}, network: nowhere}}\n")).collect();
    let all = bench.run_with("apply -f -", &format!("ports:\n{many}")).await;
    assert_eq!((all.code, all.err.lines().count()), (1, 3_000), "every reason at once");
    assert_eq!(all.err.lines().last(), Some("<stdin>:3001: ports[2999].network: there is no network \"nowhere\""));
    assert_eq!(
        bench.run("apply -f /nowhere").await.err,
        "cannot read /nowhere: No such file or directory (os error 2)\n"
    );
    assert_eq!(bench.run_with("apply -f -", "# nothing\n").await.code, 1);
    let pruned = bench.run_with("apply -f - --prune", "networks: [{name: a}]\nports: []\n").await;
    assert!(pruned.code == 1 && pruned.err.starts_with("<stdin>:2: ports: an empty list"), "{}", pruned.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn get_shows_one_all_and_what_apply_takes() {
    let bench = Bench::new().await;
    assert_eq!(bench.run_with("apply -f -", SITE).await.code, 0);
    bench.fake.state.lock().unwrap().page = 1;
    let table = bench.run("get ports").await;
    assert_eq!(table.code, 0, "{}", table.err);
    let lines: Vec<Vec<&str>> = table.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines.len(), 3, "all pages: {}", table.out);
    assert_eq!(lines[0][..3], ["TENANT", "NAME", "NETWORK"]);
    assert_eq!(lines[1][..3], ["acme", "vm1", "red"]);
    assert!(bench.run("get port acme/vm1 -o wide").await.out.contains("REVISION"));
    let one: serde_json::Value =
        serde_json::from_str(&bench.run("get port vm1 --tenant acme -o json").await.out).unwrap();
    assert_eq!(one["kind"], "port");
    assert_eq!(one["spec"], serde_json::json!({"network": "red", "mac_address": "02:00:00:00:01:01"}));
    let all: serde_json::Value = serde_json::from_str(&bench.run("get port -o json").await.out).unwrap();
    assert_eq!(all.as_array().unwrap().len(), 2);
    let none = bench.run("get port --tenant other -o json").await;
    assert_eq!((none.code, none.out.as_str()), (0, "[]\n"));
    let fabric = bench.run("get fabric -o json").await;
    assert_eq!((fabric.code, fabric.out.as_str()), (0, "[]\n"), "{}", fabric.err);
    let yaml = bench.run("get ports -o yaml").await.out;
    let port = |name: &str| bench.fake.delete("port", "acme", name);
    assert!(port("vm1") && port("vm2"));
    let again = bench.run_with("apply -f -", &yaml).await;
    assert_eq!(
        (again.code, again.out.as_str()),
        (0, "port acme/vm1 created\nport acme/vm2 created\n"),
        "{}",
        again.err
    );
    let missing = bench.run("get port vm9").await;
    assert_eq!((missing.code, missing.err.as_str()), (1, "there is no port default/vm9\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn delete_says_what_it_did() {
    let bench = Bench::new().await;
    bench.run_with("apply -f -", SITE).await;
    let gone = bench.run("delete port acme/vm1").await;
    assert_eq!((gone.code, gone.out.as_str()), (0, "port acme/vm1 deleted\n"));
    let again = bench.run("--tenant acme delete ports vm1").await;
    assert_eq!((again.code, again.err.as_str()), (1, "there is no port acme/vm1\n"));
    assert_eq!(bench.run("delete fabric default").await.code, 2);
    assert_eq!(bench.run("delete chassis acme/hv1").await.code, 2);
    assert_eq!(bench.run("delete pigeon p").await.code, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn flows_and_events_are_lines_or_objects() {
    let bench = Bench::new().await;
    let row = v1::FlowRow {
        chassis: "hv1".to_owned(),
        table: "classify".to_owned(),
        priority: 5,
        actions: "drop".to_owned(),
        cookie: u64::MAX,
        why: "because".to_owned(),
        installed: true,
        ..v1::FlowRow::default()
    };
    let event = v1::Event { sequence: 1, r#type: "chassis.connected".to_owned(), ..v1::Event::default() };
    bench.fake.state.lock().unwrap().flows = vec![row];
    bench.fake.state.lock().unwrap().past = vec![event];
    let flows = bench.run("flows --chassis hv1 --port vm1").await;
    assert_eq!(flows.out, "hv1: cookie=0xffffffffffffffff, table=classify, priority=5 actions=drop\n");
    let Request::Flows(asked) = bench.fake.last() else { panic!() };
    assert_eq!((asked.chassis.as_str(), asked.port.as_str()), ("hv1", "default/vm1"));
    assert!(bench.run("flows --why").await.out.contains("because"));
    let json: serde_json::Value = serde_json::from_str(&bench.run("flows -o json").await.out).unwrap();
    assert_eq!(json["cookie"], u64::MAX);
    let traced = bench.run_with("trace --port vm1 icmp6_from_a_to_b", "").await;
    assert!(
        traced.out.contains("because\n    reg0=0x1\n") && traced.out.ends_with("\ndrop: foreign_mac\n"),
        "{}",
        traced.out
    );
    let Request::Trace(asked) = bench.fake.last() else { panic!() };
    assert_eq!((asked.port.as_str(), asked.packet.as_str()), ("default/vm1", "icmp6_from_a_to_b"));
    let json: serde_json::Value =
        serde_json::from_str(&bench.run("trace --port vm1 icmp6_from_a_to_b -o json").await.out).unwrap();
    assert_eq!((&json["outcomes"][0], &json["steps"][0]["row"]["priority"]), (&"drop: foreign_mac".into(), &5.into()));
    assert_eq!(bench.run("flows --chassis hv9").await.err, "there is no chassis hv9\n");
    assert_eq!(bench.run("events").await.out, "1970-01-01T00:00:00.000Z chassis.connected\n");
    let json: serde_json::Value = serde_json::from_str(&bench.run("events -o json").await.out).unwrap();
    assert_eq!(json["type"], "chassis.connected");
}

#[tokio::test(flavor = "multi_thread")]
async fn bindings_are_got_like_resources() {
    let bench = Bench::new().await;
    let table = bench.run("get bindings --port vm1").await;
    assert!(table.out.contains("acme/lab") && table.out.contains("2001:db8::7"), "{}", table.out);
    let Request::Bindings(asked) = bench.fake.last() else { panic!() };
    assert_eq!((asked.tenant.as_str(), asked.port.as_str()), ("", "default/vm1"));
    let json: serde_json::Value = serde_json::from_str(&bench.run("get bindings -o json").await.out).unwrap();
    assert_eq!((&json[0]["proof"], &json[0]["since_ms"]), (&"nd".into(), &0.into()));
    assert_eq!(bench.run("get bindings --port vm9").await.err, "there is no port default/vm9\n");
    for wrong in ["get bindings vm1", "get ports --port vm1", "get ports --history"] {
        assert_eq!(bench.run(wrong).await.code, 2, "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_goes_on_until_the_server_stops() {
    let bench = Bench::new().await;
    bench.run_with("apply -f -", SITE).await;
    let mut command = bench.command("get ports --watch -o json");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The watcher is there when the fake has one more receiver.
    for _ in 0..500 {
        if bench.fake.changes.receiver_count() > 0 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    bench.fake.delete("port", "acme", "vm2");
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    bench.served.stop.cancel();
    let done = tokio::task::spawn_blocking(move || done(child.wait_with_output().unwrap())).await.unwrap();
    assert_eq!((done.code, done.err.as_str()), (1, "the controller is stopping\n"));
    let lines: Vec<serde_json::Value> = done.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3, "{}", done.out);
    assert_eq!((&lines[2]["name"], &lines[2]["deleted"]), (&serde_json::json!("vm2"), &serde_json::json!(true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_server_is_named_with_the_option() {
    let bench = Bench::new().await;
    // The discard port of the loopback address: nobody listens there in a test's world.
    let done = bench.run("--server http://[::1]:9 get ports").await;
    assert_eq!(done.code, 1);
    assert!(done.err.contains("http://[::1]:9") && done.err.contains("--server"), "{}", done.err);
    assert_eq!(bench.run("--server https://[::1]:9 get ports").await.code, 2);
    assert_eq!(bench.run("get").await.code, 2);
    assert_eq!(bench.run("--help").await.code, 0);
}
