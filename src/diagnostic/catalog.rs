//! What each code of a finding means, for `wharf lint --explain CODE` and `wharf explain --code CODE`.

/// The explanation of a code; `None` when there is no such code.
pub fn explain(code: &str) -> Option<&'static str> {
    let at = CODES
        .binary_search_by(|(known, _)| (*known).cmp(code))
        .ok()?;
    Some(CODES[at].1)
}

/// Every code, in alphabetical order.
pub fn codes() -> impl Iterator<Item = &'static str> {
    CODES.iter().map(|(code, _)| *code)
}

/// Every code, in alphabetical order, with a paragraph that explains it.
const CODES: &[(&str, &str)] = &[
    (
        "alias-bomb",
        "The anchors and aliases of a file stand for more values than wharf is willing to make. Aliases of aliases multiply: a file of a few lines can mean billions of values. Use fewer levels of aliases, or `extends`.",
    ),
    (
        "alias-cycle",
        "An alias such as `*a` stands inside the value that `&a` marks, so that the value would contain itself. Move the alias out of it.",
    ),
    (
        "bad-command",
        "A command was written as one text and cannot be split into words as a shell would, most often because a quote is not closed. Close it, or write the command as a list of words.",
    ),
    (
        "bad-device",
        "An entry of `devices` is written `SOURCE`, `SOURCE:TARGET` or `SOURCE:TARGET:PERMISSIONS`, where the permissions are letters out of `rwm`; or it is the name of a CDI device.",
    ),
    (
        "bad-entry",
        "An entry of a list that stands for a mapping lacks its name or its value. Such lists hold `NAME=VALUE`; the mapping form `NAME: VALUE` says the same.",
    ),
    (
        "bad-host",
        "An entry of `extra_hosts` names a host and an address: `NAME=ADDRESS` or `NAME:ADDRESS`. The address may be `host-gateway`.",
    ),
    (
        "bad-mount",
        "An entry of `volumes` is written `SOURCE:TARGET` or `SOURCE:TARGET:MODE`, or `TARGET` alone for an anonymous volume. The target is an absolute path in the container.",
    ),
    (
        "bad-name",
        "A name has characters that Compose does not allow at this place. Letters, digits, `.`, `_` and `-` are allowed everywhere.",
    ),
    (
        "bad-port",
        "An entry of `ports` is written `CONTAINER`, `HOST:CONTAINER` or `ADDRESS:HOST:CONTAINER`, each with an optional `/tcp` or `/udp`. A port lies between 1 and 65535, and a range on both sides must have the same length.",
    ),
    (
        "bad-tag",
        "A template of `x-wharf.release.tags` gives a text that registries take for no tag. A tag has letters, digits, `_`, `.` and `-`, at most 128 of them, and begins with none of `.` and `-`. A template that gives nothing is left out.",
    ),
    (
        "bad-template",
        "A template cannot be filled: its syntax is wrong, or it uses a filter or a function that does not exist. The language is that of Jinja; beside its own filters there are `quoted`, `shell` and `command`.",
    ),
    (
        "bad-value",
        "A value cannot be read as what its attribute stands for, such as a duration (`1m30s`), a size (`64m`) or a number.",
    ),
    (
        "bake-context",
        "A build context stands only in `x-bake`. wharf and `docker buildx bake` know it; `docker compose build` does not read `x-bake` and looks for an image of that name on a registry. `additional_contexts` says the same to all three.",
    ),
    (
        "base-missing",
        "The layer of an env refers to services that only a base layer can define, but there is no base layer beside it. Create `docker-compose.base.yml`, or give the service an image or a build in the env's own layer.",
    ),
    (
        "cannot-ship",
        "A service needs files of the machine that wharf runs on, and a server does not have them. What goes to a server is images: copy the files into the image, or hand them over as `configs`, `x-wharf.config` or in a volume that exists there.",
    ),
    (
        "conflicting-keys",
        "Two attributes say the same thing in different ways, and only one of them can be meant. Remove one.",
    ),
    (
        "container-name-scaled",
        "A service with a `container_name` can have one container only, because names are unique on an engine. Remove the name, or scale the service to one.",
    ),
    (
        "container-name-taken",
        "A container is to have a name that another one has: that of a second service in the files, or one that the engine has already, of another project perhaps. Names are unique on an engine, so it could not be created. Give it another name, or remove the container that has it.",
    ),
    (
        "context-without-build",
        "A build context of the form `service:NAME` stands for the image that wharf builds for that service. The service that is named has no `build`.",
    ),
    (
        "control-character",
        "The file holds a control character that cannot stand in YAML as it is. Such characters can be written as an escape in double quotes. Files with many of them are not text at all.",
    ),
    (
        "data-outside-volume",
        "A volume is mounted above the directory that the image declares with `VOLUME`. The engine mounts an anonymous volume there, the data goes into that one, and the next container does not see it. Mount the volume at the declared directory itself.",
    ),
    (
        "dependency-cycle",
        "Services wait for each other in a circle, so none of them could ever be started. The message shows the whole circle; take out one of its steps.",
    ),
    (
        "document-empty",
        "The files hold no content, so there is no service to run. Define at least one under `services`.",
    ),
    (
        "document-kind",
        "The top level of a Compose file is a mapping with `services` and its siblings. This file holds something else there: perhaps it is no Compose file.",
    ),
    (
        "duplicate-item",
        "A list that must not repeat itself has the same item twice. Layers are appended, so one of them may come from a lower layer.",
    ),
    (
        "duplicate-key",
        "A mapping has the same key twice. YAML forbids that, because one of the two values would be lost silently. Keep one of them.",
    ),
    (
        "env-file-encoding",
        "An env file must be UTF-8 text; save it in that encoding.",
    ),
    (
        "env-file-missing",
        "A file that `env_file` or `label_file` names does not exist. With `required: false` its absence is no error.",
    ),
    (
        "env-file-shadowed",
        "A variable is set in an env file and, to another value, in the shell. The shell wins, so the line in the file has no effect now. This surprises people often enough to be said.",
    ),
    (
        "env-file-syntax",
        "A line of an env file is neither `NAME=value` nor `NAME`. Values with spaces at their ends, `#` or several lines need quotes: in single quotes everything is text, in double quotes `\\n` and `$NAME` have their meaning.",
    ),
    (
        "env-file-unreadable",
        "A file that a service names exists but cannot be read. Its permissions are the usual reason.",
    ),
    (
        "env-unknown",
        "There is no layer for this env. The layer of an env `NAME` is the file `docker-compose.NAME.yml` beside the base layer.",
    ),
    (
        "env-with-files",
        "With `-f` (or `COMPOSE_FILE`) the files are named one by one, and an env names files too. wharf cannot know which of the two is meant.",
    ),
    (
        "extends-cycle",
        "Services extend each other in a circle, so no end of it can be worked out. The message shows the whole circle.",
    ),
    (
        "extends-shape",
        "`extends` is the name of a service, or a mapping with `service` and, for another file, `file`.",
    ),
    (
        "extends-too-long",
        "More than a hundred services extend each other in a row. Nobody can follow such a chain: let the services extend a common one directly.",
    ),
    (
        "extends-undefined",
        "`extends` names a service that the file in question does not define.",
    ),
    (
        "external-missing",
        "A network or volume is `external`, so that it is there before the project and wharf never makes it, and the engine does not have it.",
    ),
    (
        "file-encoding",
        "A file must be UTF-8 text (UTF-16 is read when it begins with a byte order mark).",
    ),
    (
        "file-missing",
        "A file that the command line, the environment or another file names does not exist. Relative paths count from the file that names them, and on the command line from the working directory. Files of secrets and configs are asked for when services that use them are to run.",
    ),
    (
        "file-too-large",
        "A file is larger than anything a Compose file can sensibly be. wharf reads at most 32 MiB and a million keys and values from one file, and replaces at most a million variables in it; the values of an env file may have 16 MiB, so that a wrong or hostile file cannot take the machine's memory.",
    ),
    (
        "file-unreadable",
        "A file exists but cannot be read: its permissions forbid it, or it is a directory, a pipe or a device.",
    ),
    (
        "files-ambiguous",
        "Several files with names that Compose looks for stand side by side, and only one is read. Remove the others, or name the files with `-f`.",
    ),
    (
        "files-missing",
        "There is no Compose file in this directory or any above it.",
    ),
    (
        "health-not-awaited",
        "A service starts as soon as a dependency runs, although that has a health check which tells when it can be used. `condition: service_healthy` waits for it.",
    ),
    (
        "healthcheck-kind",
        "The test of a health check is a text, or a list that begins with `CMD`, `CMD-SHELL` or `NONE`.",
    ),
    (
        "identity-baked",
        "An image fixes a user's ids, and a service of it mounts a directory of the project to write into. Only people with these ids can do that. An `ARG` with `${UID}` and `${GID}` as its value makes the image for whoever builds it.",
    ),
    (
        "image-cycle",
        "Images are built from each other in a circle, so that none of them could ever be the first. The message shows the whole circle, with the line of each Dockerfile or the named context that closes it; let one of them start from an image outside of the circle.",
    ),
    (
        "image-missing",
        "A service needs `image` or `build`; without either there is nothing to run.",
    ),
    (
        "image-name-taken",
        "Two services build different images and give them the same name. Whoever is built last has the name, so that one of the services runs the other one's image. Name one of them differently, or make both `build` sections the same: then they share one image.",
    ),
    (
        "image-unbuildable",
        "An image cannot be built as the files stand: its Dockerfile is missing or cannot be read, or a stage or service that its build names does not exist.",
    ),
    (
        "inactive-dependency",
        "A service depends on another that no active profile brings in. Activate the profile with `--profile`, give both the same profile, or make the dependency `required: false`.",
    ),
    (
        "include-conflict",
        "A service, network, volume, secret or config is defined both here and in an included file. An included definition can only be changed by an override file in the `include` entry itself.",
    ),
    (
        "include-cycle",
        "Files include each other in a circle, which the message shows whole.",
    ),
    (
        "include-key",
        "A key of an `include` entry has no meaning. The keys are `path`, `env_file` and `project_directory`.",
    ),
    (
        "include-shape",
        "`include` is a list; its entries are paths, or mappings with `path`.",
    ),
    (
        "include-too-deep",
        "Files include each other more than 64 levels deep. Include them from the project's own file instead.",
    ),
    (
        "interpolation-syntax",
        "A `$` begins a variable: `$NAME`, `${NAME}`, or `${NAME` with one of the operators `:-` `-` (default), `:?` `?` (required), `:+` `+` (alternative) and `}`, all on one line. A `$` that is meant as text is written `$$`.",
    ),
    (
        "key-not-text",
        "A key of a mapping was read as a number, a boolean, a date, null or a list. Compose takes texts only: put the key in quotes.",
    ),
    (
        "merge-kinds",
        "A higher layer gives a value of another kind than the lower one, such as a list for a mapping, and the two cannot be merged. Use the same form, or mark the value `!override` to replace what is below.",
    ),
    (
        "merge-not-a-mapping",
        "`<<` brings the entries of other mappings into this one. Its value is a mapping, usually an alias, or a list of them.",
    ),
    (
        "missing-key",
        "A mapping lacks a key without which it has no meaning.",
    ),
    (
        "mount-conflict",
        "A service mounts two things at the same path of its container, so one would hide the other. Layers are appended by target, so one of them may come from a lower layer.",
    ),
    (
        "name-fixed",
        "A volume or network has a name of its own instead of one made from the project's, so every env and every test run shares it: what one of them deletes, all lose. Without `name` each env has its own; `external: true` says that it is meant to be shared.",
    ),
    (
        "nesting-too-deep",
        "Lists and mappings stand inside each other more than 128 levels deep. No real Compose file does that; wharf stops so that a hostile one cannot exhaust the stack.",
    ),
    (
        "network-unreachable",
        "A service depends on another, or has its address in a variable, but the two are on no network together, so the name cannot be resolved and nothing can connect.",
    ),
    (
        "not-allowed",
        "An attribute takes one of a few words, and this is none of them. The message lists them.",
    ),
    (
        "not-ready",
        "A service did not become what others wait for: its health check failed, it ended, or it took too long. The last probe and the last lines of its log tell why.",
    ),
    (
        "path-unknown",
        "`wharf explain` was asked for a path that the merged document does not have. Paths are written as in `services.app.ports[0]`; `*` stands for any part of a key, and keys with a dot are quoted.",
    ),
    (
        "platform-not-built",
        "A service has a `platform`, and its build makes images for other platforms only. Add it to `build.platforms`.",
    ),
    (
        "port-conflict",
        "A port of the host is published twice, and only the first container to ask will get it. Lists of ports are appended by higher layers: `ports: !override` replaces the inherited list.",
    ),
    (
        "port-taken",
        "Something on the engine's host listens on a port that a service publishes: another container, perhaps of another project, or a program. Publish another port, or stop what holds it.",
    ),
    (
        "project-name",
        "A project's name consists of lower-case letters, digits, `-` and `_`, and begins with a letter or a digit. It comes from `-p`, `COMPOSE_PROJECT_NAME`, the `name` of the files or the directory.",
    ),
    (
        "project-too-large",
        "The files of a project are more than 128 MiB, or they include and extend each other so often that more than 8 MiB would be read again. Each file counts for its size and 8 KiB. Include each file once.",
    ),
    (
        "redundant-value",
        "A higher layer sets a value to what it is in the lower layer already. The line changes nothing now, and hides a later change of the lower layer.",
    ),
    (
        "remote-disabled",
        "`COMPOSE_EXPERIMENTAL_OCI_REMOTE=false` and `COMPOSE_EXPERIMENTAL_GIT_REMOTE=false` forbid that projects take files from OCI registries and git repositories.",
    ),
    (
        "remote-reference",
        "A reference to a git repository is `ADDRESS#REVISION:PATH`, where the revision is a branch, a tag or a whole commit, and the path is a directory with a Compose file, or a file; both may be left out. One to an OCI artifact is `oci://REGISTRY/NAME:TAG` or `oci://REGISTRY/NAME@DIGEST`. Nothing in it may lead out of the repository, or be taken for an option by a program.",
    ),
    (
        "remote-too-many",
        "Files from elsewhere may name further ones, and a project may have a hundred of them. More look like files that name each other without an end.",
    ),
    (
        "remote-unavailable",
        "An OCI artifact or a git repository could not be fetched: it cannot be reached, it is not there, or it is not for everybody. Registries are asked with the credentials of `docker login`, repositories with `git`, which asks for no password here.",
    ),
    (
        "remote-unfetched",
        "A file names an OCI artifact or a git repository of which this machine has no copy, and that is not fetched for what is done now.",
    ),
    (
        "remote-unsupported",
        "Compose fetches files from git repositories and OCI registries, and no others. Fetch what is behind a plain web address first, and name the copy.",
    ),
    (
        "remote-unusable",
        "What was fetched has no Compose file where the reference says, or is an artifact that nobody has published as a Compose project. Names of files in an artifact are without directories, and a file has 32 MiB at most.",
    ),
    (
        "stack-unknown",
        "`--stack NAME` picks the directory `stacks/NAME`, and there is none of that name.",
    ),
    (
        "tag-mismatch",
        "A tag such as `!!int` says how a value is to be read, and the value cannot be read so.",
    ),
    (
        "target-missing",
        "Entries of this list are told apart by an attribute that this entry lacks, so it cannot be merged with those of other layers.",
    ),
    (
        "test-suite-unclear",
        "A suite of `x-wharf.test` cannot be run as it is written: it names no service, or needs a service, or resets by one, that the project does not have, or its matrix has a variable without values, or two artifacts, or one and a file of wharf's own, would be kept under the same name, or an artifact's pattern cannot be read (`*`, `?`, `[a-z]`, `[^a]` and `**` are known). `service`, `artifacts`, `timeout`, `retries` and `environment` beside `suites` hold for every suite that does not say otherwise.",
    ),
    (
        "undefined-config",
        "A service uses a config that is not defined under `configs`.",
    ),
    (
        "undefined-in-template",
        "A template refers to a name that it is not given. Templates are filled strictly: nothing becomes an empty text by mistake. Define the name, or say in the template what stands there without it: `{{ name | default(\"..\") }}`.",
    ),
    (
        "undefined-model",
        "A service uses a model that is not defined under the top-level `models`.",
    ),
    (
        "undefined-network",
        "A service joins a network that is not defined under `networks`. A network without settings is defined by its name alone: `NAME:`.",
    ),
    (
        "undefined-secret",
        "A service uses a secret that is not defined under `secrets`.",
    ),
    (
        "undefined-service",
        "A service is named that is not defined: in `depends_on`, `links`, `volumes_from`, a namespace or a build context. It may be misspelt, or belong to a file that is not loaded.",
    ),
    (
        "undefined-volume",
        "A service mounts a named volume that is not defined under `volumes`. A source that begins with `.` or `/` is a path; anything else is a volume's name.",
    ),
    (
        "unknown-anchor",
        "An alias such as `*a` repeats the value that `&a` marks further up in the same file. There is no such mark above it.",
    ),
    (
        "unknown-key",
        "Compose knows no such key at this place. It may be misspelt or indented wrongly. Keys that begin with `x-` are free for your own use.",
    ),
    (
        "unknown-tag",
        "A tag has no meaning in Compose files, and a value with such a tag is taken as text. The tags are `!reset`, which removes what lower layers set, and `!override`, which replaces it.",
    ),
    (
        "unused",
        "A network, volume, secret or config is declared and no service uses it. It is never created. A service may have lost its reference, or may name another one.",
    ),
    (
        "value-doubtful",
        "An engine refuses this value unless it has something that is seldom there: a capability of that name, a network of its own, or a file on its machine.",
    ),
    (
        "value-refused",
        "A value has the right form for Compose, and every engine refuses it: a restart policy, a name of an image, a signal, a directory or a range of addresses that is none. It is told before anything is made.",
    ),
    (
        "value-type",
        "A value is not of the type that its attribute has. Variables are replaced first, so the value may come from the environment.",
    ),
    (
        "variable-boolean",
        "A variable that wharf itself reads is `true` or `false`.",
    ),
    (
        "variable-required",
        "`${NAME:?message}` demands that a variable has a value, and it has none. Set it in the shell, in `.env` or in a file named with `--env-file`.",
    ),
    (
        "variable-unset",
        "A variable is set nowhere: neither in the shell nor in `.env` nor in a file named with `--env-file`. Compose replaces it by an empty text, which is seldom meant. `${NAME:-}` says that empty is fine.",
    ),
    (
        "version-obsolete",
        "`version` at the top of a Compose file has had no effect for years. The line can go.",
    ),
    (
        "wrong-type",
        "A value is of a kind that its attribute does not take, such as a list where a text is expected. In YAML `yes` without quotes is text, and `1.10` without quotes is a number.",
    ),
    (
        "yaml-syntax",
        "The file is not YAML. Usual reasons are a tab in the indentation, keys of one mapping in different columns, a missing space after a colon, and texts with `: `, `#` or a leading special character that need quotes.",
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }

    /// The code of the program, without its tests and without this catalogue.
    fn program() -> String {
        let mut files = Vec::new();
        sources(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
            &mut files,
        );
        files
            .into_iter()
            .filter(|path| !path.ends_with("diagnostic/catalog.rs"))
            .map(|path| {
                let text = std::fs::read_to_string(path).unwrap();
                let end = text.find("#[cfg(test)]").unwrap_or(text.len());
                text[..end].to_owned()
            })
            .collect()
    }

    /// The texts that come first in calls of `Diagnostic::error` and `Diagnostic::warning`, and those from which `let code = ..`
    /// chooses.
    fn used(program: &str) -> BTreeSet<&str> {
        ["Diagnostic::error(", "Diagnostic::warning("]
            .into_iter()
            .flat_map(|call| program.split(call).skip(1))
            .filter_map(|arguments| arguments.trim_start().strip_prefix('"')?.split('"').next())
            .chain(chosen(program))
            .collect()
    }

    fn chosen(program: &str) -> impl Iterator<Item = &str> {
        let choices = program.split("let code = match ").skip(1);
        let arms = choices.flat_map(|choice| {
            choice
                .split("};")
                .next()
                .unwrap_or_default()
                .split("=> ")
                .skip(1)
        });
        arms.filter_map(|arm| arm.strip_prefix('"')?.split('"').next())
    }

    #[test]
    fn every_code_is_explained() {
        let program = program();
        let used = used(&program);
        assert!(
            used.len() > 20,
            "the search for codes finds nothing: {used:?}"
        );
        let missing: Vec<&&str> = used.iter().filter(|code| explain(code).is_none()).collect();
        assert!(missing.is_empty(), "add to the catalogue: {missing:?}");
    }

    #[test]
    fn codes_are_sorted_words_with_whole_sentences() {
        assert!(CODES.is_sorted_by(|(a, _), (b, _)| a < b));
        for (code, text) in CODES {
            assert!(
                code.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'-'),
                "{code}"
            );
            assert!(text.ends_with('.') && text.len() > 30, "{code}");
        }
        assert_eq!(codes().count(), CODES.len());
        assert_eq!(explain("no-such-code"), None);
    }
}
