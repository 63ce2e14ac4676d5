use serde::Deserialize;

use super::DockerEngine;
use super::wire::Call;
use crate::engine::EngineResult;

/// What wharf reads of `GET /info`.
#[derive(Deserialize)]
struct Details {
    #[serde(rename = "ID", default)]
    id: Option<String>,
    #[serde(rename = "Architecture", default)]
    architecture: Option<String>,
    #[serde(rename = "DriverStatus", default)]
    driver_status: Option<Vec<Vec<String>>>,
    #[serde(rename = "CgroupDriver", default)]
    cgroup_driver: Option<String>,
    #[serde(rename = "SecurityOptions", default)]
    security_options: Option<Vec<String>>,
}

/// How an engine keeps its containers apart from the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Confinement {
    /// It makes the control groups itself, where systemd does not.
    pub has_cgroupfs: bool,
    /// Users of containers are not those of the host.
    pub remaps_users: bool,
}

impl Details {
    /// As images name it: Docker tells the kernel's word for it here, Podman the image's.
    /// <https://github.com/opencontainers/image-spec/blob/main/image-index.md#platform-variants>
    fn architecture(&self) -> &str {
        match self.architecture.as_deref().unwrap_or_default() {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "i386" | "i686" => "386",
            arm if arm.starts_with("armv") => "arm",
            other => other,
        }
    }

    fn containerd_store(&self) -> bool {
        self.driver_status.iter().flatten().any(|row| {
            matches!(row.as_slice(), [name, value]
                if name == "driver-type" && value.starts_with("io.containerd.snapshotter"))
        })
    }

    fn confinement(&self) -> Confinement {
        Confinement {
            has_cgroupfs: self.cgroup_driver.as_deref() == Some("cgroupfs"),
            remaps_users: self
                .security_options
                .iter()
                .flatten()
                .any(|option| option.split(',').any(|part| part == "name=userns")),
        }
    }
}

impl DockerEngine {
    pub(super) async fn confinement(&self) -> EngineResult<Confinement> {
        Ok(self.details().await?.confinement())
    }

    async fn details(&self) -> EngineResult<Details> {
        let action = "ask the engine about itself";
        self.wire.value(action, Call::get("/info")).await
    }

    /// Asks for what the greeting does not tell: the engine's architecture, id and image store. Only some need it, and it
    /// takes the engine several times as long as the greeting.
    pub async fn with_details(mut self) -> EngineResult<DockerEngine> {
        let details = self.details().await?;
        self.info.containerd_store = details.containerd_store();
        self.info.architecture = details.architecture().to_owned();
        self.info.id = details.id.unwrap_or_default();
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_store_and_architecture_are_understood() {
        let details = |text| serde_json::from_str::<Details>(text).unwrap();
        assert!(
            details(
                r#"{"ID":"x","DriverStatus":[["driver-type","io.containerd.snapshotter.v1"]]}"#
            )
            .containerd_store()
        );
        assert!(
            !details(r#"{"DriverStatus":[["Backing Filesystem","extfs"]]}"#).containerd_store()
        );
        assert!(!details(r#"{"DriverStatus":null}"#).containerd_store());
        let confined = r#"{"CgroupDriver":"cgroupfs","SecurityOptions":["name=seccomp,profile=builtin","name=userns"]}"#;
        let confinement = details(confined).confinement();
        assert!(confinement.has_cgroupfs && confinement.remaps_users);
        let confinement = details(r#"{"CgroupDriver":"systemd"}"#).confinement();
        assert!(!confinement.has_cgroupfs && !confinement.remaps_users);
        for (told, meant) in [
            ("x86_64", "amd64"),
            ("armv7l", "arm"),
            ("riscv64", "riscv64"),
        ] {
            let text = format!(r#"{{"Architecture":"{told}"}}"#);
            assert_eq!(
                serde_json::from_str::<Details>(&text)
                    .unwrap()
                    .architecture(),
                meant
            );
        }
    }
}
