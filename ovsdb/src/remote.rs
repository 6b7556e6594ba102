//! Where a database is: `tcp:[fd00::1]:6640`, `unix:/run/openvswitch/db.sock`.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use thiserror::Error;

/// Where a database is to be reached.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Remote {
    /// A TCP address and port.
    Tcp(SocketAddr),
    /// A unix socket's path.
    Unix(PathBuf),
}

/// A text that says nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0:?} is no database's address: tcp:[ADDRESS]:PORT or unix:PATH is")]
pub struct BadRemote(pub String);

impl FromStr for Remote {
    type Err = BadRemote;

    fn from_str(text: &str) -> Result<Remote, BadRemote> {
        let bad = || BadRemote(text.to_owned());
        match text.split_once(':') {
            Some(("tcp", address)) => match address.parse::<SocketAddr>() {
                Ok(address) if address.port() != 0 && !address.ip().is_unspecified() => Ok(Remote::Tcp(address)),
                _ => Err(bad()),
            },
            Some(("unix", path)) if path.starts_with('/') => Ok(Remote::Unix(PathBuf::from(path))),
            _ => Err(bad()),
        }
    }
}

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Remote::Tcp(address) => write!(f, "tcp:{address}"),
            Remote::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remotes_are_read_and_written() {
        for text in ["tcp:[fd00:a::1]:6640", "tcp:192.0.2.1:6640", "unix:/run/openvswitch/db.sock"] {
            assert_eq!(text.parse::<Remote>().unwrap().to_string(), text);
        }
        for text in
            ["", "tcp:6640", "tcp:[::]:6640", "tcp:[::1]:0", "unix:", "unix:db.sock", "ssl:[::1]:6640", "ptcp:6640"]
        {
            assert_eq!(text.parse::<Remote>(), Err(BadRemote(text.to_owned())));
        }
    }
}
