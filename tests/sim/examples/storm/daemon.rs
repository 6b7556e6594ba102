//! `sextant controller` in a process of its own, its gRPC, its metrics, and what Linux says of it.

use std::net::SocketAddr;
use std::process::Stdio;

use proto::v1;
use proto::v1::chassis_service_client::ChassisServiceClient;
use proto::v1::intent_service_client::IntentServiceClient;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tonic::transport::Channel;

use crate::Failure;

pub(crate) struct Daemon {
    child: Child,
    pid: u32,
    /// Where switches connect.
    pub(crate) openflow: SocketAddr,
    http: SocketAddr,
    channel: Channel,
    _data: tempfile::TempDir,
}

impl Daemon {
    pub(crate) async fn start() -> Result<Daemon, Failure> {
        let data = tempfile::tempdir()?;
        let flags = ["--grpc-listen", "[::1]:0", "--http-listen", "[::1]:0", "--openflow-listen", "127.0.0.1:0"];
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("controller").arg("--data-dir").arg(data.path().join("data")).args(flags);
        command.env("RUST_LOG", "warn").stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let pid = child.id().ok_or("the daemon ended at once")?;
        let mut ready = String::new();
        let out = child.stdout.take().ok_or("no standard output")?;
        BufReader::new(out).read_line(&mut ready).await?;
        let at = |face: &str| -> Result<SocketAddr, Failure> {
            let words = ready.split_whitespace().skip_while(|word| *word != face).nth(1);
            Ok(words.ok_or_else(|| format!("no {face} in {ready:?}"))?.parse()?)
        };
        let channel = Channel::from_shared(format!("http://{}", at("grpc")?))?.connect().await?;
        Ok(Daemon { child, pid, openflow: at("openflow")?, http: at("http")?, channel, _data: data })
    }

    pub(crate) async fn apply(&self, documents: Vec<v1::Document>) -> Result<(), Failure> {
        let mut client = IntentServiceClient::new(self.channel.clone()).max_decoding_message_size(64 << 20);
        client.apply(v1::ApplyRequest { documents, ..v1::ApplyRequest::default() }).await?;
        Ok(())
    }

    /// Whether every chassis is connected, and has confirmed all that is wanted.
    pub(crate) async fn all_active(&mut self) -> Result<bool, Failure> {
        let mut client = ChassisServiceClient::new(self.channel.clone()).max_decoding_message_size(64 << 20);
        let mut page_token = String::new();
        loop {
            let request = v1::ListRequest { page_token, ..v1::ListRequest::default() };
            let page = client.list_chassis(request).await?.into_inner();
            let active = |status: &v1::ChassisStatus| status.connected && status.phase() == v1::Phase::Active;
            if !page.chassis.iter().all(|chassis| chassis.status.as_ref().is_some_and(active)) {
                return Ok(false);
            }
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(true);
            }
        }
    }

    /// Flow-mods sent so far.
    pub(crate) async fn flow_mods(&self) -> Result<u64, Failure> {
        let mut stream = TcpStream::connect(self.http).await?;
        stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        let counts = text.lines().filter(|line| line.starts_with("sextant_flow_mods_total"));
        Ok(counts.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum())
    }

    pub(crate) fn cpu_seconds(&self) -> Result<f64, Failure> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid))?;
        // After the name in brackets: utime and stime are the 14th and 15th of all, in hundredths.
        let after = stat.rsplit(')').next().unwrap_or_default();
        let numbers = after.split_whitespace().skip(11).take(2).filter_map(|number| number.parse::<f64>().ok());
        Ok(numbers.sum::<f64>() / 100.0)
    }

    /// Memory now, and at most so far, in MiB.
    pub(crate) fn memory_mib(&self) -> Result<[u64; 2], Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        let of = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name));
            line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).map(|kib| kib / 1024)
        };
        of("VmRSS:").zip(of("VmHWM:")).map(|(now, most)| [now, most]).ok_or_else(|| "no memory in /proc".into())
    }

    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        let told = Command::new("kill").arg(self.pid.to_string()).status().await?;
        let ended = self.child.wait().await?;
        if told.success() && ended.success() { Ok(()) } else { Err(format!("the daemon ended with {ended}").into()) }
    }
}
