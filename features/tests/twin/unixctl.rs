//! The management socket of `ovs-vswitchd`, spoken to directly: JSON-RPC 1.0, as `ovs-appctl` speaks it, without a process for
//! each command.

use std::io::{BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::{Deserializer, StreamDeserializer, Value, de::IoRead, json};

pub struct Unixctl {
    stream: UnixStream,
    answers: StreamDeserializer<'static, IoRead<BufReader<UnixStream>>, Value>,
}

impl Unixctl {
    pub fn new(path: &str) -> Unixctl {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let answers = Deserializer::from_reader(BufReader::new(stream.try_clone().unwrap())).into_iter();
        Unixctl { stream, answers }
    }

    /// A command and its answer.
    pub fn call(&mut self, command: &str, arguments: &[&str]) -> String {
        let request = json!({"id": 0, "method": command, "params": arguments});
        self.stream.write_all(request.to_string().as_bytes()).unwrap();
        let answer = self.answers.next().expect("the switch has ended").unwrap();
        match &answer["result"] {
            Value::String(text) => text.clone(),
            _ => panic!("{command} {arguments:?}: {}", answer["error"]),
        }
    }
}
