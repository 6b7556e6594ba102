//! Reaching a database.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::remote::Remote;

/// How long reaching a database may take.
const DIAL_MAX: Duration = Duration::from_secs(5);

/// Bytes both ways: a socket, or what encrypts one.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Reaches a database.
///
/// # Errors
/// The operating system's, or that it took too long.
pub async fn dial(remote: &Remote) -> io::Result<Box<dyn Stream>> {
    let dialling = async {
        match remote {
            Remote::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream) as Box<dyn Stream>)
            }
            Remote::Unix(path) => Ok(Box::new(UnixStream::connect(path).await?) as Box<dyn Stream>),
        }
    };
    let late = || io::Error::new(io::ErrorKind::TimedOut, format!("no connection within {} s", DIAL_MAX.as_secs()));
    timeout(DIAL_MAX, dialling).await.map_err(|_| late())?
}
