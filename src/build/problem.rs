use super::dockerfile::DockerfileError;
use super::ignore::PatternError;

/// Why an image cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphProblem {
    #[error("service `{service}` is built from `{path}`, which does not exist")]
    NoDockerfile { service: String, path: String },
    #[error("the build context `{path}` of service `{service}` does not exist")]
    NoContext { service: String, path: String },
    #[error(
        "service `{service}` is built from `{path}`, which is a directory; name a Dockerfile in it"
    )]
    NoFile { service: String, path: String },
    #[error(
        "the build context `{path}` of service `{service}` is a file; a context is a directory"
    )]
    NoDirectory { service: String, path: String },
    #[error(
        "the context `{context}` of service `{service}` is the directory `{path}`, which does not exist"
    )]
    NoNamedContext {
        service: String,
        context: String,
        path: String,
    },
    #[error("`{path}` cannot be read: {reason}")]
    Unreadable { path: String, reason: String },
    #[error("{path}:{line}: {message}", line = .error.line, message = .error.message)]
    Dockerfile {
        path: String,
        error: DockerfileError,
    },
    #[error("{path}:{}: {error}", .error.line.unwrap_or(1))]
    Ignore { path: String, error: PatternError },
    #[error("service `{service}` builds the target `{target}`, but `{path}` has only {known}")]
    NoStage {
        service: String,
        target: String,
        path: String,
        /// The names of the stages there are, in backticks.
        known: String,
    },
    #[error(
        "the context `{context}` of service `{service}` is `{written}`, but the project has no such service with an image"
    )]
    NoService {
        service: String,
        context: String,
        written: String,
    },
    #[error(
        "the context `{context}` of service `{service}` is `{written}`, but OCI layouts on disk are not supported; load the image (`docker load`) and name it as `docker-image://NAME`"
    )]
    OciLayout {
        service: String,
        context: String,
        written: String,
    },
    #[error(
        "service `{service}` is built for {declared}, which leaves out its own `platform: {platform}`; service.build.platforms MUST include service.platform \"{platform}\""
    )]
    Platform {
        service: String,
        platform: String,
        /// Separated by commas.
        declared: String,
    },
    #[error(
        "the context of service `{service}` is the standard input, which only `wharf build` reads: `wharf build {service} < context.tar`"
    )]
    StandardInput { service: String },
}

impl GraphProblem {
    /// Whether the project's files are wrong, and not what they meet: the rights of a file, or how wharf is called.
    pub fn is_of_the_files(&self) -> bool {
        !matches!(
            self,
            GraphProblem::Unreadable { .. } | GraphProblem::StandardInput { .. }
        )
    }
}
