use serde::Deserialize;

use super::DockerEngine;
use super::wire::Call;
use crate::engine::EngineResult;

/// What wharf reads of `GET /info`.
#[derive(Deserialize)]
struct Details {
    #[serde(rename = "ID", default)]
    id: Option<String>,
    #[serde(rename = "DriverStatus", default)]
    driver_status: Option<Vec<Vec<String>>>,
}

impl Details {
    fn containerd_store(&self) -> bool {
        self.driver_status.iter().flatten().any(|row| {
            matches!(row.as_slice(), [name, value]
                if name == "driver-type" && value.starts_with("io.containerd.snapshotter"))
        })
    }
}

impl DockerEngine {
    /// Asks for what the greeting does not tell: the engine's id and its image store. Only some need it, and it
    /// takes the engine several times as long as the greeting.
    pub async fn with_details(mut self) -> EngineResult<DockerEngine> {
        let details: Details = self
            .wire
            .value("ask the engine about itself", Call::get("/info"))
            .await?;
        self.info.containerd_store = details.containerd_store();
        self.info.id = details.id.unwrap_or_default();
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_store_is_seen_in_the_drivers_status() {
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
    }
}
