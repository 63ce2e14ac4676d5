use bollard_buildkit_proto::moby::buildkit::v1::ListWorkersRequest;
use bollard_buildkit_proto::moby::buildkit::v1::control_client::ControlClient;
use tonic::Status;
use tonic::transport::Channel;

use crate::build::BuildRequest;

/// What stands for the address by which containers reach the engine's machine.
/// <https://docs.docker.com/reference/cli/docker/buildx/build/#add-host>
const WORD: &str = "host-gateway";
/// The label by which the engine's builder tells that address, or several with commas between them.
const LABEL: &str = "org.mobyproject.buildkit.worker.moby.host-gateway-ip";

/// The extra hosts of a build with that address in the place of the word: only the engine knows it, and it is asked only
/// where the word occurs.
pub(super) async fn extra_hosts(
    client: &mut ControlClient<Channel>,
    request: &BuildRequest,
) -> Result<Vec<String>, Status> {
    if !request
        .extra_hosts
        .iter()
        .any(|entry| host(entry).is_some())
    {
        return Ok(request.extra_hosts.clone());
    }
    let workers = client.list_workers(ListWorkersRequest::default()).await?;
    let workers = workers.into_inner().record;
    let told = workers.iter().find_map(|worker| worker.labels.get(LABEL));
    let told = told.filter(|told| !told.is_empty()).ok_or_else(|| {
        Status::failed_precondition(format!(
            "this engine does not say which address `{WORD}` stands for in `extra_hosts` of a build; write the address itself"
        ))
    })?;
    Ok(replaced(&request.extra_hosts, told))
}

/// The name that an entry gives to the word. `None`: it has an address.
fn host(entry: &str) -> Option<&str> {
    let (host, address) = entry.split_once('=').or_else(|| entry.split_once(':'))?;
    (address == WORD).then_some(host)
}

fn replaced(entries: &[String], addresses: &str) -> Vec<String> {
    let mut replaced = Vec::new();
    for entry in entries {
        match host(entry) {
            None => replaced.push(entry.clone()),
            Some(host) => {
                let addresses = addresses.split(',').map(str::trim);
                replaced.extend(addresses.map(|address| format!("{host}={address}")));
            }
        }
    }
    replaced
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_becomes_the_address() {
        let entries = ["a=host-gateway", "b=10.0.0.1", "c:host-gateway"].map(str::to_owned);
        assert_eq!(
            replaced(&entries, "172.17.0.1"),
            ["a=172.17.0.1", "b=10.0.0.1", "c=172.17.0.1"]
        );
        assert_eq!(
            replaced(&entries[..1], "172.17.0.1, fd00::1"),
            ["a=172.17.0.1", "a=fd00::1"]
        );
    }
}
