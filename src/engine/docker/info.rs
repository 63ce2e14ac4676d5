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
}

impl DockerEngine {
    /// Asks for what the greeting does not tell: the engine's architecture, id and image store. Only some need it, and it
    /// takes the engine several times as long as the greeting.
    pub async fn with_details(mut self) -> EngineResult<DockerEngine> {
        let details: Details = self
            .wire
            .value("ask the engine about itself", Call::get("/info"))
            .await?;
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
