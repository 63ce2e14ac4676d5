use super::make::Making;
use crate::cli::Failure;
use crate::cli::configured;
use crate::layer::{self, LayerError};
use crate::release::Component;
use crate::source::Sources;

impl Making<'_> {
    /// Puts the configuration of components that have one on top of their images.
    pub(super) async fn configure(
        &self,
        components: &mut [Component],
        sources: &Sources,
    ) -> Result<(), Failure> {
        for component in components {
            let services = [vec![component.service.clone()], component.services.clone()].concat();
            let layers = configured::layers(self.context, self.project, sources, &services, None)?;
            let of = |service: &str| layers.iter().find(|(name, _)| name == service);
            let Some((_, config)) = of(&component.service) else {
                if let Some((other, _)) = layers.first() {
                    return Err(self.differs(component, other));
                }
                continue;
            };
            let other = component
                .services
                .iter()
                .find(|name| of(name).is_none_or(|(_, other)| other.digest() != config.digest()));
            if let Some(other) = other {
                return Err(self.differs(component, other));
            }
            let name = layer::image_name(&self.project.name, &component.service);
            let base = &component.reference;
            let added = match layer::add(self.engine(), base, config, &name).await {
                Err(LayerError::Refused) => {
                    let builder = self.docker.builder(&self.context.environment);
                    layer::add_by_build(self.engine(), &builder, base, config, &name).await
                }
                added => added,
            };
            added.map_err(|error| configured::failure(self.context, sources, &error))?;
            component.reference = name;
        }
        Ok(())
    }

    fn differs(&self, component: &Component, other: &str) -> Failure {
        Failure::Usage(format!(
            "services `{}` and `{other}` run from one image with different configuration, so that component `{}` would be two images\nhelp: release it without `x-wharf.config`, and let `wharf ship` or `wharf up` add the configuration",
            component.service, component.name
        ))
    }
}
