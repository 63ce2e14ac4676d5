use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Where an engine listens, as `DOCKER_HOST` and Docker contexts write it.
/// <https://docs.docker.com/reference/cli/docker/#host>
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// `unix:///var/run/docker.sock`
    Unix(PathBuf),
    /// `tcp://host:port`; `tls` when written as `https://`, or when certificates come with it.
    Tcp {
        host: String,
        port: u16,
        tls: bool,
    },
    Ssh(SshHost),
}

/// `ssh://user@host:port/path/of/the/socket`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshHost {
    pub user: Option<String>,
    pub host: String,
    pub port: Option<u16>,
    /// The engine's socket over there; `None`: what the Docker client over there uses.
    pub socket: Option<String>,
}

const PLAIN_PORT: u16 = 2375;
const TLS_PORT: u16 = 2376;

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let forms = "write it as `unix:///path`, `tcp://host:port` or `ssh://user@host`";
        let (scheme, rest) = text
            .split_once("://")
            .ok_or_else(|| format!("`{text}` is not an engine address; {forms}"))?;
        match scheme {
            "unix" if rest.starts_with('/') => Ok(Address::Unix(PathBuf::from(rest))),
            "unix" => Err(format!(
                "`{text}` is not an engine address: the path of a socket begins with `/`; {forms}"
            )),
            "tcp" | "http" | "https" => {
                let tls = scheme == "https";
                let authority = rest.split('/').next().unwrap_or_default();
                let (host, port) = host_and_port(text, authority)?;
                Ok(Address::Tcp {
                    host: if host.is_empty() {
                        "127.0.0.1".into()
                    } else {
                        host
                    },
                    port: port.unwrap_or(if tls { TLS_PORT } else { PLAIN_PORT }),
                    tls,
                })
            }
            "ssh" => {
                let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
                let (user, authority) = match authority.rsplit_once('@') {
                    Some((user, host)) => (Some(user), host),
                    None => (None, authority),
                };
                if user.is_some_and(|user| user.contains(':')) {
                    return Err(format!(
                        "`{text}` holds a password; ssh addresses take none: use a key or an agent"
                    ));
                }
                let (host, port) = host_and_port(text, authority)?;
                // A word that begins with a dash would be read by ssh as an option.
                if host.is_empty()
                    || host.starts_with('-')
                    || user.is_some_and(|user| user.is_empty() || user.starts_with('-'))
                {
                    return Err(format!("`{text}` names no host; {forms}"));
                }
                Ok(Address::Ssh(SshHost {
                    user: user.map(str::to_owned),
                    host,
                    port,
                    socket: (!path.is_empty()).then(|| format!("/{path}")),
                }))
            }
            "npipe" | "fd" => Err(format!(
                "`{text}`: wharf does not speak `{scheme}`; {forms}"
            )),
            _ => Err(format!("`{text}` is not an engine address; {forms}")),
        }
    }
}

/// Splits `host:port`, where an IPv6 host stands in brackets.
fn host_and_port(text: &str, authority: &str) -> Result<(String, Option<u16>), String> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or_else(|| {
                format!("`{text}`: the bracket of the IPv6 address is not closed")
            })?;
            (host, rest.strip_prefix(':'))
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let port = port
        .map(|port| {
            port.parse()
                .map_err(|_| format!("`{text}`: `{port}` is not a port; write 1 to 65535"))
        })
        .transpose()?;
    Ok((host.to_owned(), port))
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Unix(path) => write!(f, "unix://{}", path.display()),
            Address::Tcp { host, port, .. } if host.contains(':') => {
                write!(f, "tcp://[{host}]:{port}")
            }
            Address::Tcp { host, port, .. } => write!(f, "tcp://{host}:{port}"),
            Address::Ssh(SshHost {
                user,
                host,
                port,
                socket,
            }) => {
                write!(f, "ssh://")?;
                if let Some(user) = user {
                    write!(f, "{user}@")?;
                }
                if host.contains(':') {
                    write!(f, "[{host}]")?;
                } else {
                    write!(f, "{host}")?;
                }
                if let Some(port) = port {
                    write!(f, ":{port}")?;
                }
                write!(f, "{}", socket.as_deref().unwrap_or_default())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_and_print() {
        for text in [
            "unix:///var/run/docker.sock",
            "tcp://10.0.0.1:2375",
            "tcp://[::1]:2375",
            "ssh://build@server",
            "ssh://server:2222/run/user/1000/docker.sock",
            "ssh://me@[fe80::1]:22",
        ] {
            assert_eq!(
                text.parse::<Address>().map(|a| a.to_string()).as_deref(),
                Ok(text)
            );
        }
    }

    #[test]
    fn defaults_are_dockers() {
        assert_eq!(
            "tcp://box".parse::<Address>().unwrap().to_string(),
            "tcp://box:2375"
        );
        assert_eq!(
            "https://box".parse::<Address>().unwrap().to_string(),
            "tcp://box:2376"
        );
        assert_eq!(
            "tcp://:4243".parse::<Address>().unwrap().to_string(),
            "tcp://127.0.0.1:4243"
        );
    }

    #[test]
    fn what_is_no_address_says_what_is() {
        for text in [
            "/var/run/docker.sock",
            "unix://docker.sock",
            "tcp://h:port",
            "npipe:////./pipe/docker_engine",
            "ssh://",
            "ssh://-oProxyCommand=x",
            "ssh://me:secret@host",
            "tcp://[::1",
            "",
        ] {
            let message = text.parse::<Address>().unwrap_err();
            assert!(message.contains('`'), "{message}");
        }
    }
}
