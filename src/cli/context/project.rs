use super::Context;
use crate::cli::Failure;
use crate::cli::build::BuildMode;
use crate::cli::scope::{Scope, Unknown};
use crate::lint;
use crate::load::{self, Disk, LoadRequest};
use crate::plan::service_order;
use crate::resolve::{self, Resolved};
use crate::source::{Mapping, Node};

/// What a verb wants to do with the project, as far as loading cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Print it: with `-f`, exactly what `docker compose` prints.
    Print,
    /// Find what runs of it; nothing is made.
    Look,
    /// Build and run it: `UID` and `GID` are the caller's unless set.
    Run,
    /// Only build images: variables that only containers need may be missing.
    Build,
}

impl Context {
    /// Whether the files are named (`-f`, `COMPOSE_FILE`, or wharf is called as Compose) and positional words are services only.
    pub fn files_are_named(&self) -> bool {
        self.globals.as_compose
            || !self.globals.files.is_empty()
            || self
                .environment
                .get("COMPOSE_FILE")
                .is_some_and(|files| !files.is_empty())
    }

    /// Which images `up` builds unless told otherwise: in an env those that have changed; with `-f` only those that are missing, as
    /// `docker compose` does.
    pub fn default_build_mode(&self) -> BuildMode {
        if self.files_are_named() {
            BuildMode::Missing
        } else {
            BuildMode::Changed
        }
    }

    /// Splits `[ENV] WORD..`: the first word is an env unless the files or the env are given otherwise.
    fn split(&self, words: &[String]) -> (Option<String>, Vec<String>) {
        if let Some(env) = &self.globals.env {
            return (Some(env.clone()), words.to_vec());
        }
        if self.files_are_named() {
            return (None, words.to_vec());
        }
        match words.split_first() {
            Some((first, rest)) if self.envs().contains(first) => {
                (Some(first.clone()), rest.to_vec())
            }
            _ => (None, words.to_vec()),
        }
    }

    /// Of the words `[ENV] WORD..` only the env, if they begin with one.
    pub fn env_word(&self, words: &[String]) -> Vec<String> {
        match (self.split(words).1.len(), words.split_first()) {
            (kept, Some((first, rest))) if kept == rest.len() => vec![first.clone()],
            _ => Vec::new(),
        }
    }

    /// The envs of the project at hand.
    pub fn envs(&self) -> Vec<String> {
        let here = &self.environment.working_directory;
        match &self.globals.stack {
            Some(stack) => here
                .ancestors()
                .map(|directory| directory.join("stacks").join(stack))
                .find(|directory| self.disk.is_dir(directory))
                .map(|directory| load::envs(&self.disk, &directory))
                .unwrap_or_default(),
            None => load::envs(&self.disk, here),
        }
    }

    /// The envs that one of these words could have meant. Where an env is named already, only those that a word names again.
    fn nameable_envs(&self, words: &[String], env_is_named: bool) -> Vec<String> {
        if words.is_empty() || self.files_are_named() {
            return Vec::new();
        }
        let mut envs = self.envs();
        envs.retain(|env| !env_is_named || words.contains(env));
        envs
    }

    fn request(&self, env: Option<String>, purpose: Purpose) -> LoadRequest {
        LoadRequest {
            files: self.globals.files.clone(),
            env,
            stack: self.globals.stack.clone(),
            project_name: self.globals.project_name.clone(),
            project_directory: self.globals.project_directory.clone(),
            env_files: self.globals.env_files.clone(),
            profiles: self.globals.profiles.clone(),
            caller_ids: purpose != Purpose::Print || !self.files_are_named(),
            compose_names: self.globals.as_compose,
            ..LoadRequest::default()
        }
    }

    /// Loads the project that the words name; findings are printed, and errors among them end the verb.
    pub fn project(&self, words: &[String], purpose: Purpose) -> Result<Scope, Failure> {
        self.project_as(words, purpose, resolve::Options::default())
    }

    /// As [`Context::project`], with steps left out.
    pub fn project_as(
        &self,
        words: &[String],
        purpose: Purpose,
        options: resolve::Options,
    ) -> Result<Scope, Failure> {
        let (env, words) = self.split(words);
        let env_is_named = env.is_some();
        let request = LoadRequest {
            keep_variables: options.keep_variables,
            keep_paths: options.keep_paths,
            ..self.request(env, purpose)
        };
        let options = resolve::Options {
            // Compose prints the services that are named, and what they need.
            services: match purpose {
                Purpose::Print => words.clone(),
                _ => options.services,
            },
            meant: match purpose {
                Purpose::Look | Purpose::Build => Some(Vec::new()),
                _ => Some(&words).filter(|words| !words.is_empty()).map(|words| {
                    // `scale` names a service with a number behind it.
                    let names = words.iter().filter_map(|word| word.split('=').next());
                    names.map(str::to_owned).collect()
                }),
            },
            ..options
        };
        let named = match self.files_are_named() {
            true => words.as_slice(),
            false => &[],
        };
        let resolved = self.resolve(request, purpose, &options, named)?;
        let envs = self.nameable_envs(&words, env_is_named);
        if purpose == Purpose::Run && !self.globals.as_compose {
            self.refuse(&resolved, &words)?;
        }
        let scope = Scope::of(resolved, words, envs);
        if let Some(env) = scope.env()
            && self.globals.env.is_none()
            && scope.takes_for_service(env, purpose == Purpose::Build)
        {
            self.console.note(&format!(
                "`{env}` is an env and a service; it is taken as the env (`--env {env}` says so, `--env ENV {env}` means the service)"
            ));
        }
        Ok(scope)
    }

    /// Loads the project and prints nothing: its findings are in it. With it come the words after the env.
    pub fn examine(&self, words: &[String]) -> Result<(Resolved, Vec<String>), Failure> {
        let (env, words) = self.split(words);
        let request = self.request(env, Purpose::Run);
        let loaded = self.load(request);
        let options = resolve::Options::default();
        let resolved = resolve::resolve(loaded, &self.disk, &self.environment, &options);
        Ok((resolved, words))
    }

    /// As [`Context::project`], with the project's name replaced: the same files as another project. The profiles of
    /// `services`, which are asked for by name, become active.
    pub fn project_named(
        &self,
        env: Option<String>,
        name: &str,
        services: &[String],
    ) -> Result<Resolved, Failure> {
        let mut request = self.request(env, Purpose::Run);
        request.project_name = Some(name.to_owned());
        let options = resolve::Options::default();
        self.resolve(request, Purpose::Look, &options, services)
    }

    /// The project whose containers are meant: loaded where there are files, else only the name given with `-p`.
    pub fn identify(&self, words: &[String]) -> Result<Scope, Failure> {
        let from_shell = self
            .environment
            .get("COMPOSE_PROJECT_NAME")
            .filter(|name| !name.is_empty());
        if self.globals.as_compose && self.globals.files.is_empty() {
            return self.identify_as_compose(words, from_shell);
        }
        let named = self.globals.project_name.as_deref().or(from_shell);
        let names_files = !self.globals.files.is_empty()
            || self
                .environment
                .get("COMPOSE_FILE")
                .is_some_and(|files| !files.is_empty());
        if let Some(name) = named
            && !names_files
        {
            let (env, _) = self.split(words);
            let loaded = load::load(
                &self.request(env, Purpose::Run),
                &self.disk,
                &self.environment,
            );
            if loaded.files.is_empty() {
                return Ok(Scope::by_name(name, words));
            }
        }
        self.project(words, Purpose::Look)
    }

    /// As [`Context::identify`], for verbs whose words are all services. Under Compose's name, a project's name of the shell stands in
    /// for files that lack one of them.
    pub fn identify_with(&self, words: &[String]) -> Result<Scope, Failure> {
        let scope = self.identify(words)?;
        let from_shell = self.environment.get("COMPOSE_PROJECT_NAME");
        match (from_shell.filter(|name| !name.is_empty()), scope.project()) {
            (Some(name), Some(project))
                if self.globals.as_compose
                    && self.globals.files.is_empty()
                    && !words.iter().all(|word| project.services.contains_key(word)) =>
            {
                Ok(Scope::by_name(name, words))
            }
            _ => Ok(scope),
        }
    }

    /// Compose reads no file for a name that is given with `-p`; one of the shell stands in for files that cannot be read, or that lack
    /// a service that is named.
    fn identify_as_compose(
        &self,
        words: &[String],
        from_shell: Option<&str>,
    ) -> Result<Scope, Failure> {
        if let Some(name) = &self.globals.project_name {
            return Ok(Scope::by_name(name, words));
        }
        if let Some(name) = from_shell {
            let quiet = self.request(None, Purpose::Run);
            let mut loaded = self.load(quiet);
            loaded.activate(words);
            let options = resolve::Options::default();
            let resolved = resolve::resolve(loaded, &self.disk, &self.environment, &options);
            if resolved.diagnostics.has_errors() {
                return Ok(Scope::by_name(name, words));
            }
        }
        self.project(words, Purpose::Look)
    }

    /// Loads and resolves; findings are printed, and errors among them are [`Failure::Project`].
    fn resolve(
        &self,
        request: LoadRequest,
        purpose: Purpose,
        options: &resolve::Options,
        activated: &[String],
    ) -> Result<Resolved, Failure> {
        let env_is_named = request.env.is_some();
        let mut loaded = self.load(request);
        loaded.activate(activated);
        if purpose == Purpose::Build {
            loaded.forgive_runtime_variables();
        }
        if !loaded.diagnostics.has_errors() {
            self.check_selection(&loaded, &options.services, env_is_named)?;
        }
        let options = resolve::Options {
            keep_unused: self.globals.all_resources,
            ..options.clone()
        };
        let mut resolved = resolve::resolve(loaded, &self.disk, &self.environment, &options);
        self.tell(&resolved.diagnostics, &resolved.sources);
        resolved.project.compatibility = self.globals.compatibility;
        if purpose != Purpose::Look {
            for note in &resolved.notes {
                self.console.note(note);
            }
        }
        if resolved.diagnostics.has_errors() {
            return Err(Failure::Project);
        }
        Ok(resolved)
    }

    /// Tells what no engine takes of the services that the words name, and of what they depend on. Words that name none are left to
    /// whoever knows what they mean.
    fn refuse(&self, resolved: &Resolved, words: &[String]) -> Result<(), Failure> {
        let project = &resolved.project;
        // `scale` names a service with a number behind it, and a command may follow.
        let names = words.iter().filter_map(|word| word.split('=').next());
        let names = names.filter(|name| project.services.contains_key(*name));
        let names: Vec<String> = names.map(str::to_owned).collect();
        let Ok(services) = service_order(project, &names, true) else {
            return Ok(());
        };
        let mut found = lint::refused(resolved, &services);
        let is_here = self.engine_is_here();
        found.extend(lint::missing_files(
            resolved, &services, &self.disk, is_here,
        ));
        self.tell(&found, &resolved.sources);
        match found.has_errors() {
            true => Err(Failure::Project),
            false => Ok(()),
        }
    }

    /// The services that alone are wanted are services of the project.
    fn check_selection(
        &self,
        loaded: &load::Loaded,
        wanted: &[String],
        env_is_named: bool,
    ) -> Result<(), Failure> {
        let services = loaded.root.get("services").and_then(Node::as_mapping);
        let Some(name) = wanted
            .iter()
            .find(|name| !services.is_some_and(|services| services.contains_key(name.as_str())))
        else {
            return Ok(());
        };
        let names = services.into_iter().flat_map(Mapping::keys);
        Err(Unknown {
            name,
            project: &loaded.name.text,
            files: &loaded.files,
            services: names.map(|key| &*key.text).collect(),
            profile: None,
            envs: &self.nameable_envs(wanted, env_is_named),
        }
        .failure(|like| {
            let (key, _) = services?.get_key_value(like)?;
            loaded.sources.locate(key.span)
        }))
    }
}
