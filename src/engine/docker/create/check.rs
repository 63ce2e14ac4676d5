use crate::engine::{
    ContainerSpec, EngineError, EngineInfo, EngineMountKind, EngineResult, ErrorKind,
    INTERFACE_NAME,
};

/// Refuses what this engine would drop without a word.
pub(super) fn check(spec: &ContainerSpec, engine: &EngineInfo) -> EngineResult<()> {
    let refuse = |what: String, needs: &str| {
        Err(EngineError::new(
            ErrorKind::Unsupported,
            format!(
                "cannot create container `{}`: {what} needs {needs}; this engine is {} (API {})",
                spec.name, engine.version, engine.api
            ),
        ))
    };
    for mount in &spec.mounts {
        if mount.subpath.is_some()
            && mount.kind == EngineMountKind::Volume
            && !engine.has_volume_subpath()
        {
            return refuse(
                format!("the subpath of the volume at `{}`", mount.target),
                "API 1.45 (Docker Engine 26.0)",
            );
        }
        if mount.kind == EngineMountKind::Image && !engine.has_image_mounts() {
            return refuse(
                format!("the image mount at `{}`", mount.target),
                "API 1.48 (Docker Engine 28.0)",
            );
        }
        if matches!(mount.recursive.as_deref(), Some("writable" | "readonly"))
            && !engine.has_recursive_read_only()
        {
            return refuse(
                format!(
                    "the choice of recursion for the bind mount at `{}`",
                    mount.target
                ),
                "API 1.44 (Docker Engine 25.0)",
            );
        }
    }
    if !spec.annotations.is_empty() && !engine.has_annotations() {
        return refuse("an annotation".to_owned(), "API 1.43 (Docker Engine 24.0)");
    }
    for (network, endpoint) in &spec.endpoints {
        let names_interface = endpoint.driver_opts.contains_key(INTERFACE_NAME);
        if names_interface && !engine.has_interface_names() {
            return refuse(
                format!("the name of the interface in network `{network}`"),
                "API 1.49 (Docker Engine 28.1)",
            );
        }
        if endpoint.gw_priority != 0 && !engine.has_gateway_priority() {
            return refuse(
                format!("the gateway priority of network `{network}`"),
                "API 1.48 (Docker Engine 28.0)",
            );
        }
    }
    Ok(())
}
