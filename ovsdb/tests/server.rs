//! The client against a real ovsdb-server.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ovsdb::transport::{Client, dial, keep};
use ovsdb::{
    Command as Order, Condition, LinkEvent, Monitor, Mutation, Operation, Outcome, Remote, Replica, Row, Schema,
    Snapshot, TableUpdates, Value, Watched, outcomes,
};
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

const SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";
const TABLES: &[(&str, &[&str])] = &[
    ("Open_vSwitch", &["bridges", "external_ids", "no_such_column"]),
    ("Bridge", &["name", "ports", "fail_mode", "other_config"]),
    ("Port", &["name", "interfaces"]),
    ("Interface", &["name", "type", "options", "external_ids"]),
    ("No_Such_Table", &["name"]),
];
const WATCHED: Watched = Watched { database: "Open_vSwitch", tables: TABLES };

/// A server that ends with its value.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A server on a database in a folder; `None`: this machine has none.
fn server(folder: &Path) -> Option<(Server, Remote)> {
    server_at(folder, &[])
}

fn server_at(folder: &Path, more: &[String]) -> Option<(Server, Remote)> {
    let database = folder.join("conf.db");
    if !database.exists() {
        let made = Command::new("ovsdb-tool").arg("create").arg(&database).arg(SCHEMA).status().ok()?;
        assert!(made.success());
    }
    let socket = folder.join("db.sock");
    let _ = std::fs::remove_file(&socket);
    let child = Command::new("ovsdb-server")
        .arg(&database)
        .arg(format!("--remote=punix:{}", socket.display()))
        .arg(format!("--unixctl={}", folder.join("ctl").display()))
        .args(["--no-chdir", "-vconsole:off"])
        .args(more)
        .env("OVS_RUNDIR", folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    Some((Server(child), Remote::Unix(socket)))
}

async fn client(remote: &Remote) -> Client {
    for _ in 0..200 {
        if let Ok(stream) = dial(remote).await {
            return Client::new(stream);
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("{remote} does not answer");
}

fn transaction(operations: &[Operation]) -> Vec<Json> {
    [json!("Open_vSwitch")].into_iter().chain(operations.iter().map(Operation::to_json)).collect()
}

fn bridge(name: &str) -> [Operation; 3] {
    let insert = |table, row, name: &str| Operation::Insert { table, row, name: Some(name.into()) };
    let named = |name: &str| Value::set([ovsdb::Atom::NamedUuid(name.into())]);
    let row = Row::default().with("name", name).with("fail_mode", "secure");
    [
        insert("Bridge", row, "b"),
        insert("Open_vSwitch", Row::default().with("bridges", named("b")), "o"),
        Operation::Comment("a bridge with braces: {}[]\"".into()),
    ]
}

#[tokio::test]
async fn what_is_transacted_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let Some((_server, remote)) = server(folder.path()) else { return eprintln!("no ovsdb-server here") };
    let mut client = client(&remote).await;
    let databases = client.call("list_dbs", vec![]).await.unwrap();
    assert!(databases.as_array().unwrap().contains(&json!("Open_vSwitch")));
    let schema = Schema::from_json(&client.call("get_schema", vec![json!("Open_vSwitch")]).await.unwrap()).unwrap();
    assert!(schema.column("Bridge", "ports").unwrap().is_composite());
    let monitor = Monitor::of(TABLES, &schema);
    let snapshot =
        Snapshot::since(&client.call("monitor_cond_since", monitor.since("Open_vSwitch", None)).await.unwrap());
    assert!(!snapshot.as_ref().unwrap().resumed);
    let mut replica = Replica::new(schema.into());
    replica.apply(snapshot.unwrap().updates).unwrap();
    assert_eq!(replica.only("Open_vSwitch"), None);

    let made = bridge("br\"}{0");
    let answer = client.call("transact", transaction(&made)).await.unwrap();
    let done = outcomes(&answer, made.len()).unwrap().unwrap();
    let Outcome::Inserted(uuid) = done[0] else { panic!("{done:?}") };
    let ids = Value::map([("a", "1"), ("b", "2")]);
    let change = Operation::Mutate {
        table: "Bridge",
        conditions: Condition::row(uuid),
        mutations: vec![Mutation::insert("other_config", ids), Mutation::delete("other_config", Value::set(["a"]))],
    };
    let emptied = Operation::Update {
        table: "Bridge",
        conditions: Condition::row(uuid),
        row: Row::default().with("fail_mode", Value::default()),
    };
    let select =
        Operation::Select { table: "Bridge", conditions: Condition::row(uuid), columns: vec!["other_config".into()] };
    let answer = client.call("transact", transaction(&[change, emptied, select])).await.unwrap();
    let done = outcomes(&answer, 3).unwrap().unwrap();
    assert_eq!(done[..2], [Outcome::Count(1), Outcome::Count(1)]);
    assert_eq!(done[2], Outcome::Rows(vec![Row::default().with("other_config", Value::map([("b", "2")]))]));
    for _ in 0..2 {
        let ovsdb::transport::Incoming::Notice { method, params } = client.next().await.unwrap() else { panic!() };
        replica.apply(TableUpdates::told(&method, &params).unwrap().unwrap()).unwrap();
    }
    let (found, row) = replica.named("Bridge", "br\"}{0").unwrap();
    assert_eq!((found, row.lookup("other_config", "b"), row.get("fail_mode")), (uuid, Some("2"), None));
    assert_eq!(replica.only("Open_vSwitch").unwrap().1.uuids("bridges").collect::<Vec<_>>(), [uuid]);

    let wait = Operation::Wait {
        table: "Bridge",
        conditions: Condition::row(uuid),
        columns: vec!["fail_mode".into()],
        rows: vec![Row::default().with("fail_mode", "secure")],
    };
    let delete = Operation::Delete { table: "Bridge", conditions: Condition::row(uuid) };
    let answer = client.call("transact", transaction(&[wait, delete])).await.unwrap();
    let refused = outcomes(&answer, 2).unwrap().unwrap_err();
    assert_eq!((refused.operation, refused.error.as_str()), (Some(0), "timed out"));
    let fault = client.call("monitor_cond_since", vec![json!("no such database")]).await.unwrap_err();
    assert!(fault.to_string().starts_with("monitor_cond_since: "), "{fault}");
}

#[tokio::test]
async fn a_server_is_reached_by_tcp_over_ipv6() {
    let folder = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("[::1]:0").unwrap().local_addr().unwrap().port();
    let Some((_server, _)) = server_at(folder.path(), &[format!("--remote=ptcp:{port}:[::1]")]) else {
        return eprintln!("no ovsdb-server here");
    };
    let remote: Remote = format!("tcp:[::1]:{port}").parse().unwrap();
    let mut client = client(&remote).await;
    let schema = client.call("get_schema", vec![json!("Open_vSwitch")]).await.unwrap();
    assert!(Schema::from_json(&schema).unwrap().tables.contains_key("Interface"));
}

#[tokio::test]
async fn a_link_comes_back_and_tells_all_anew() {
    let folder = tempfile::tempdir().unwrap();
    let Some((first, remote)) = server(folder.path()) else { return eprintln!("no ovsdb-server here") };
    let (orders, commands) = mpsc::channel(4);
    let (events, mut heard) = mpsc::channel(4);
    let keeping = tokio::spawn(keep(remote, WATCHED, commands, events));
    async fn next(heard: &mut mpsc::Receiver<LinkEvent>) -> LinkEvent {
        loop {
            let event = timeout(Duration::from_secs(20), heard.recv()).await.unwrap().unwrap();
            // It may have been quicker than the server.
            if !matches!(&event, LinkEvent::Down(reason) if reason.contains("No such file") || reason.contains("refused"))
            {
                return event;
            }
        }
    }
    let LinkEvent::Up { schema, rows } = next(&mut heard).await else { panic!() };
    assert!(rows.is_empty() && schema.name == "Open_vSwitch");
    orders.send(Order::Transact { number: 7, operations: bridge("br0").into() }).await.unwrap();
    let LinkEvent::Changed(told) = next(&mut heard).await else { panic!() };
    assert_eq!(told.0.len(), 2);
    let LinkEvent::Done { number: 7, result: Ok(done) } = next(&mut heard).await else { panic!() };
    assert_eq!(done.len(), 3);
    drop(first);
    assert!(matches!(next(&mut heard).await, LinkEvent::Down(_)));
    let _second = server(folder.path()).unwrap();
    let LinkEvent::Up { rows, .. } = next(&mut heard).await else { panic!() };
    assert_eq!(rows.0["Bridge"].len(), 1);
    drop(orders);
    timeout(Duration::from_secs(5), keeping).await.unwrap().unwrap();
}
