use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream as Socket};

use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

use super::interrupt;
use crate::load::Environment;

/// Where the Docker CLI listens for the plugin that it has called: `@NAME` is an abstract address, anything else a path.
/// <https://pkg.go.dev/github.com/docker/cli/cli-plugins/socket>
const SOCKET: &str = "DOCKER_CLI_PLUGIN_SOCKET";

/// Returns when the Docker CLI, whose plugin wharf is, has gone or wants it to end, and nobody listens to [`interrupt`], who would
/// end in order. Never returns where wharf was called by itself.
///
/// The CLI says so by closing the connection: where there is no terminal, Ctrl-C reaches only the CLI.
pub async fn abandoned(environment: &Environment) {
    if let Some(mut connection) = environment.get(SOCKET).and_then(connect) {
        let mut bytes = [0; 64];
        while connection.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
        if !interrupt::raise() {
            return;
        }
    }
    std::future::pending().await
}

/// `None`: nobody listens there, as with a variable that is left over.
fn connect(address: &str) -> Option<UnixStream> {
    let address = match address.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(address),
    };
    let socket = address.and_then(|address| Socket::connect_addr(&address));
    let socket = socket.and_then(|socket| {
        socket.set_nonblocking(true)?;
        UnixStream::from_std(socket)
    });
    match socket {
        Ok(socket) => Some(socket),
        Err(error) => {
            tracing::debug!(%error, "the Docker CLI does not listen");
            None
        }
    }
}
