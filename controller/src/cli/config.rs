//! What `sextant controller` is told: by flags, by a file with the same keys, or by nobody.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs as _};
use std::path::{Path, PathBuf};

use crate::daemon::DaemonConfig;
use crate::doc::tree::{Node, Value};
use crate::doc::yaml;
use crate::openflow::ListenAddr;

/// IANA's port for OpenFlow, and ours.
const OPENFLOW_PORT: u16 = 6653;
const GRPC_PORT: u16 = 6650;
const HTTP_PORT: u16 = 6680;
const DNS_PORT: u16 = 53;
const DATA_DIR: &str = "/var/lib/sextant";

/// What is set, by flags or by a file: what is not, is `None` or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) data_dir: Option<PathBuf>,
    pub(super) openflow_listen: Vec<Listen>,
    pub(super) openflow_connect: Vec<PathBuf>,
    pub(super) grpc_listen: Vec<Listen>,
    pub(super) http_listen: Vec<Listen>,
    pub(super) dns_forwarder: Vec<SocketAddr>,
    pub(super) gobgp: Option<String>,
    pub(super) insecure: bool,
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Listen {
    /// The addresses that `HOST:PORT` is.
    Tcp(Vec<SocketAddr>),
    /// A unix socket.
    Unix(PathBuf),
}

/// Reads `HOST:PORT`: an address (IPv6 in brackets) or a name.
pub(super) fn tcp(text: &str) -> Result<Listen, String> {
    let wrong = || format!("{text:?} is no HOST:PORT, such as [::1]:6653, 127.0.0.1:6653 or localhost:6653");
    if let Ok(address) = text.parse() {
        return Ok(Listen::Tcp(vec![address]));
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    if host.is_empty() || host.contains([':', '/']) || port.parse::<u16>().is_err() {
        return Err(wrong());
    }
    let found = text.to_socket_addrs().map_err(|error| format!("{host} is not known: {error}"))?;
    Ok(Listen::Tcp(found.collect()))
}

/// Reads `HOST:PORT` or `unix:PATH`.
pub(super) fn tcp_or_unix(text: &str) -> Result<Listen, String> {
    match text.strip_prefix("unix:") {
        Some(_) => unix(text).map(Listen::Unix),
        None => tcp(text.strip_prefix("tcp:").unwrap_or(text)).map_err(|words| format!("{words}, nor unix:PATH")),
    }
}

/// Reads `unix:PATH`.
pub(super) fn unix(text: &str) -> Result<PathBuf, String> {
    let path = text.strip_prefix("unix:").filter(|path| !path.is_empty());
    path.map(PathBuf::from).ok_or_else(|| format!("{text:?} is no unix:PATH, such as unix:/run/openvswitch/br0.mgmt"))
}

/// Reads a resolver's address, with its port or without.
pub(super) fn forwarder(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse::<SocketAddr>().or_else(|_| text.parse().map(|ip: IpAddr| SocketAddr::new(ip, DNS_PORT)));
    let address =
        address.map_err(|_| format!("{text:?} is no resolver, such as 2001:db8::53, [::1]:5353 or 192.0.2.53"))?;
    if address.ip().is_unspecified() || address.ip().is_multicast() || address.port() == 0 {
        return Err(format!("{text:?} is no address that one resolver has"));
    }
    Ok(address)
}

/// Reads `HOST:PORT` of gobgpd's API, an address (IPv6 in brackets) or a name, which is asked for anew at each connection; or
/// `unix:PATH`. What is read is a URI.
pub(super) fn gobgp(text: &str) -> Result<String, String> {
    if text.starts_with("unix:") {
        return unix(text).map(|path| format!("unix:{}", path.display()));
    }
    let port = text.rsplit_once(':').and_then(|(host, port)| (!host.is_empty()).then(|| port.parse::<u16>()));
    let known = text.parse::<SocketAddr>().is_ok() || !text.contains(['[', ']', '/']) && text.matches(':').count() == 1;
    match port {
        Some(Ok(1..)) if known => Ok(format!("http://{text}")),
        _ => Err(format!("{text:?} is no HOST:PORT, such as [::1]:50051 or localhost:50051, nor unix:PATH")),
    }
}

impl Settings {
    /// Reads a file; tells every problem as `FILE:LINE: KEY: WORDS`.
    pub(super) fn read(file: &Path, text: &str) -> Result<Settings, Vec<String>> {
        let place = |line: usize, words: String| format!("{}:{line}: {words}", file.display());
        let documents = yaml::parse(text).map_err(|problems| {
            let told = problems.into_iter().map(|p| match p.path.is_empty() {
                true => place(p.pos.line, p.message),
                false => place(p.pos.line, format!("{}: {}", p.path, p.message)),
            });
            told.collect::<Vec<_>>()
        })?;
        let mut settings = Settings::default();
        let mut told = Vec::new();
        for document in &documents {
            let Value::Map(entries) = &document.value else {
                told.push(place(
                    document.pos.line,
                    format!("must be a mapping (`key: value`), and is {}", document.words()),
                ));
                continue;
            };
            for entry in entries {
                if let Err(words) = settings.set(&entry.key, &entry.node) {
                    told.push(place(entry.key_pos.line, format!("{}: {words}", entry.key)));
                }
            }
        }
        if told.is_empty() { Ok(settings) } else { Err(told) }
    }

    /// Sets a key, which is written as its flag is, with `-` or `_`.
    fn set(&mut self, key: &str, node: &Node) -> Result<(), String> {
        match key.replace('-', "_").as_str() {
            "data_dir" => self.data_dir = Some(PathBuf::from(text(node)?)),
            "openflow_listen" => self.openflow_listen = each(node, tcp_or_unix)?,
            "openflow_connect" => self.openflow_connect = each(node, unix)?,
            "grpc_listen" => self.grpc_listen = each(node, tcp)?,
            "http_listen" => self.http_listen = each(node, tcp)?,
            "dns_forwarder" => self.dns_forwarder = each(node, forwarder)?,
            "gobgp" => self.gobgp = Some(gobgp(text(node)?)?),
            "insecure" => match node.value {
                Value::Bool(insecure) => self.insecure = insecure,
                _ => return Err(format!("must be true or false, and is {}", node.words())),
            },
            _ => {
                let known = "data_dir, openflow_listen, openflow_connect, grpc_listen, http_listen, dns_forwarder, gobgp, \
                     insecure";
                return Err(format!("unknown key; known: {known}"));
            }
        }
        Ok(())
    }

    /// These settings, and another's where these say nothing.
    pub(super) fn or(self, other: Settings) -> Settings {
        fn first<T>(a: Vec<T>, b: Vec<T>) -> Vec<T> {
            if a.is_empty() { b } else { a }
        }
        Settings {
            data_dir: self.data_dir.or(other.data_dir),
            openflow_listen: first(self.openflow_listen, other.openflow_listen),
            openflow_connect: first(self.openflow_connect, other.openflow_connect),
            grpc_listen: first(self.grpc_listen, other.grpc_listen),
            http_listen: first(self.http_listen, other.http_listen),
            dns_forwarder: first(self.dns_forwarder, other.dns_forwarder),
            gobgp: self.gobgp.or(other.gobgp),
            insecure: self.insecure || other.insecure,
        }
    }

    /// The daemon's configuration and the addresses of gRPC, with defaults; refuses plaintext on addresses that others reach.
    pub(super) fn resolve(self) -> Result<(DaemonConfig, Vec<SocketAddr>), Vec<String>> {
        let mut told = Vec::new();
        let mut checked = |flag: &str, listen: Vec<Listen>, port| {
            let listen = if listen.is_empty() { loopback(port) } else { listen };
            let mut kept = Vec::new();
            for address in listen.into_iter().flat_map(Listen::addresses) {
                match &address {
                    ListenAddr::Tcp(tcp) if !self.insecure && !tcp.ip().to_canonical().is_loopback() => {
                        told.push(format!(
                            "--{flag} {tcp}: others reach this address, and nothing is encrypted or authenticated there; \
                             use [::1] or 127.0.0.1, or say --insecure"
                        ));
                    }
                    _ => kept.push(address),
                }
            }
            kept
        };
        let openflow_listen = checked("openflow-listen", self.openflow_listen, OPENFLOW_PORT);
        let grpc = only_tcp(checked("grpc-listen", self.grpc_listen, GRPC_PORT));
        let http_listen = only_tcp(checked("http-listen", self.http_listen, HTTP_PORT));
        if !told.is_empty() {
            return Err(told);
        }
        let data_dir = self.data_dir.unwrap_or_else(|| PathBuf::from(DATA_DIR));
        let openflow_connect = self.openflow_connect;
        let dns_forwarders = self.dns_forwarder;
        let gobgp = self.gobgp;
        Ok((DaemonConfig { data_dir, openflow_listen, openflow_connect, http_listen, dns_forwarders, gobgp }, grpc))
    }
}

impl Listen {
    fn addresses(self) -> Vec<ListenAddr> {
        match self {
            Listen::Tcp(addresses) => addresses.into_iter().map(ListenAddr::Tcp).collect(),
            Listen::Unix(path) => vec![ListenAddr::Unix(path)],
        }
    }
}

fn only_tcp(listen: Vec<ListenAddr>) -> Vec<SocketAddr> {
    let tcp = listen.into_iter().filter_map(|address| match address {
        ListenAddr::Tcp(tcp) => Some(tcp),
        ListenAddr::Unix(_) => None,
    });
    tcp.collect()
}

/// Both loopback addresses, or the one that this machine has.
fn loopback(port: u16) -> Vec<Listen> {
    let both = [SocketAddr::from((Ipv6Addr::LOCALHOST, port)), SocketAddr::from((Ipv4Addr::LOCALHOST, port))];
    let has = |address: &SocketAddr| TcpListener::bind((address.ip(), 0)).is_ok();
    let here: Vec<SocketAddr> = both.into_iter().filter(has).collect();
    if here.len() < both.len() {
        tracing::warn!("this machine has no loopback address but {here:?}");
    }
    vec![Listen::Tcp(here)]
}

fn text(node: &Node) -> Result<&str, String> {
    match &node.value {
        Value::Text(text) => Ok(text),
        _ => Err(format!("must be a text, and is {}", node.words())),
    }
}

/// A text or a list of them, each read.
fn each<T>(node: &Node, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    match &node.value {
        Value::List(items) => items.iter().map(|item| read(text(item)?)).collect(),
        _ => Ok(vec![read(text(node)?)?]),
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses = self.clone().addresses();
        write!(f, "{}", addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, Vec<String>> {
        Settings::read(Path::new("s.yaml"), text)
    }

    #[test]
    fn nothing_said_is_loopback() {
        let (daemon, grpc) = Settings::default().resolve().unwrap();
        assert!(grpc.contains(&"127.0.0.1:6650".parse().unwrap()), "{grpc:?}");
        assert!(grpc.iter().all(|address| address.ip().is_loopback()));
        assert!(daemon.openflow_listen.contains(&ListenAddr::Tcp("127.0.0.1:6653".parse().unwrap())));
        assert!(daemon.http_listen.contains(&"127.0.0.1:6680".parse().unwrap()));
        assert_eq!(daemon.data_dir, Path::new("/var/lib/sextant"));
    }

    #[test]
    fn other_addresses_need_insecure() {
        let open = || Settings {
            openflow_listen: vec![tcp_or_unix("[::]:6653").unwrap(), tcp_or_unix("unix:/run/x").unwrap()],
            grpc_listen: vec![tcp("192.0.2.1:1").unwrap()],
            http_listen: vec![tcp("[::ffff:127.0.0.1]:1").unwrap()],
            ..Settings::default()
        };
        let told = open().resolve().unwrap_err();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].starts_with("--openflow-listen [::]:6653: others reach") && told[0].contains("--insecure"));
        let (daemon, grpc) = Settings { insecure: true, ..open() }.resolve().unwrap();
        assert_eq!(daemon.openflow_listen.len(), 2);
        assert_eq!(grpc, ["192.0.2.1:1".parse().unwrap()]);
    }

    #[test]
    fn a_file_has_the_flags_keys() {
        let settings =
            read("data_dir: /d\nopenflow-listen: ['[::1]:1', 'unix:/s']\nopenflow_connect: unix:/c\ninsecure: true\n")
                .unwrap();
        assert_eq!(settings.data_dir.as_deref(), Some(Path::new("/d")));
        assert_eq!(settings.openflow_listen.len(), 2);
        assert_eq!(settings.openflow_connect, [PathBuf::from("/c")]);
        assert!(settings.insecure);
        let flags = Settings { data_dir: Some("/f".into()), ..Settings::default() };
        let both = flags.or(settings);
        assert_eq!((both.data_dir.as_deref(), both.openflow_listen.len()), (Some(Path::new("/f")), 2));
    }

    #[test]
    fn a_files_faults_have_lines() {
        let told = read("datadir: /d\ngrpc_listen: 6650\nhttp_listen: x\ninsecure: yes\n").unwrap_err();
        assert_eq!(told.len(), 4, "{told:?}");
        assert!(told[0].starts_with("s.yaml:1: datadir: unknown key; known: data_dir"));
        assert!(told[3].starts_with("s.yaml:4: insecure: must be true or false"));
        assert!(read("a: 1\na: 2\n").unwrap_err()[0].starts_with("s.yaml:2: a: is given twice"));
        assert!(read("words").unwrap_err()[0].contains("must be a mapping"));
    }
}
