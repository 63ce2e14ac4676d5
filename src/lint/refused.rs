use std::net::IpAddr;

use super::place;
use crate::build::Reference;
use crate::diagnostic::{Diagnostic, Diagnostics, closest};
use crate::model::Service;
use crate::plan::{PlanError, RESTART_POLICIES, restart_policy};
use crate::resolve::Resolved;
use crate::source::Span;

/// Values that `docker compose config` accepts and no engine does, whatever it has: told before anything is made. `services`: only of
/// these, and of the networks.
pub fn refused(resolved: &Resolved, services: &[String]) -> Diagnostics {
    let mut found = Diagnostics::default();
    let project = &resolved.project;
    for (name, service) in &project.services {
        if services.contains(name) && service.provider.is_none() {
            of_service(resolved, name, service, &mut found);
        }
    }
    for (name, network) in &project.networks {
        for (at, pool) in network.ipam.config.iter().enumerate() {
            let ranges = [("subnet", &pool.subnet), ("ip_range", &pool.ip_range)];
            for (key, range) in ranges {
                if let Some(range) = range.as_deref().filter(|range| !is_range(range)) {
                    let node = pool_value(resolved, name, at, key);
                    found.push(
                        refusal(format!(
                            "`{range}` is no range of addresses (`{key}` of network `{name}`)"
                        ))
                        .at(node, "")
                        .help("write an address and the length of its prefix: `172.28.0.0/16`"),
                    );
                }
            }
            if let Some(gateway) = pool
                .gateway
                .as_deref()
                .filter(|gateway| gateway.parse::<IpAddr>().is_err())
            {
                found.push(
                    refusal(format!(
                        "`{gateway}` is no address (`gateway` of network `{name}`)"
                    ))
                    .at(pool_value(resolved, name, at, "gateway"), "")
                    .help("write an address of the subnet: `172.28.0.1`"),
                );
            }
        }
    }
    found
}

fn refusal(message: String) -> Diagnostic {
    Diagnostic::error("value-refused", message)
}

fn pool_value(resolved: &Resolved, network: &str, at: usize, key: &str) -> Span {
    let pools = super::node(resolved, &["networks", network, "ipam", "config"]);
    let pool = pools.and_then(|pools| pools.as_sequence()?.get(at)?.get(key));
    pool.map_or(Span::NONE, |node| node.span)
}

fn of_service(resolved: &Resolved, name: &str, service: &Service, found: &mut Diagnostics) {
    let at = |keys: &[&str]| place(resolved, &[&["services", name], keys].concat());
    if let Err(PlanError::BadValue { reason, .. }) = restart_policy(name, service) {
        let of_deploy = at(&["deploy", "restart_policy", "condition"]);
        let place = match of_deploy.is_some() {
            true => of_deploy,
            false => at(&["restart"]),
        };
        let finding = refusal(format!("service `{name}`: {reason}")).at(place, "");
        let word = service.restart.as_deref().unwrap_or_default();
        found.push(match closest(word, RESTART_POLICIES) {
            Some(near) => finding.help(format!("write `{near}`")),
            None => finding.help("write one of these"),
        });
    }
    if let Some(image) = service.image.as_deref().filter(|image| !is_image(image)) {
        let finding = refusal(format!("`{image}` of service `{name}` is no name of an image"))
            .at(at(&["image"]), "")
            .note("a name is `[REGISTRY/]PATH[:TAG][@DIGEST]`; its path has lower-case letters, digits, `.`, `_` and `-`");
        let lower = image.to_lowercase();
        found.push(match is_image(&lower) {
            true => finding.help(format!("write `{lower}`")),
            false => finding.help("correct the name"),
        });
    }
    if let Some(signal) = service
        .stop_signal
        .as_deref()
        .filter(|signal| !is_signal(signal))
    {
        let finding = refusal(format!("`{signal}` of service `{name}` is no signal"))
            .at(at(&["stop_signal"]), "");
        let short = signal.to_uppercase();
        let short = short.strip_prefix("SIG").unwrap_or(&short);
        found.push(match closest(short, SIGNALS) {
            Some(near) => finding.help(format!("write `SIG{near}`")),
            None => finding.help("write the name of a signal, such as `SIGTERM`, or its number"),
        });
    }
    if let Some(directory) = service.working_dir.as_deref()
        && !directory.is_empty()
        && !directory.starts_with('/')
        && !directory.contains([':', '\\'])
    {
        found.push(
            refusal(format!(
                "`working_dir` of service `{name}` is `{directory}`, which is relative"
            ))
            .at(at(&["working_dir"]), "")
            .help(format!(
                "write the whole path in the container: `/{directory}`"
            )),
        );
    }
}

/// <https://man7.org/linux/man-pages/man7/signal.7.html>
const SIGNALS: [&str; 37] = [
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL",
    "PIPE", "POLL", "PROF", "PWR", "QUIT", "RTMAX", "RTMIN", "SEGV", "STKFLT", "STOP", "SYS",
    "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "UNUSED", "URG", "USR1", "USR2", "VTALRM", "WINCH",
    "XCPU", "XFSZ",
];

fn is_signal(text: &str) -> bool {
    if let Ok(number) = text.parse::<u32>() {
        return number > 0;
    }
    let name = text.to_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    let of_real_time = ["RTMIN+", "RTMAX-"]
        .iter()
        .find_map(|start| name.strip_prefix(start)?.parse::<u8>().ok());
    SIGNALS.contains(&name) || of_real_time.is_some_and(|number| (1..=15).contains(&number))
}

/// CIDR.
fn is_range(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else {
        return false;
    };
    let most = match address.parse::<IpAddr>() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    length.parse::<u8>().is_ok_and(|length| length <= most)
}

/// <https://github.com/distribution/reference>
fn is_image(text: &str) -> bool {
    let Reference {
        repository: path,
        tag,
        digest,
    } = Reference::of(text);
    let has_digest = digest.is_none_or(|digest| {
        digest.split_once(':').is_some_and(|(algorithm, hex)| {
            !algorithm.is_empty() && hex.len() >= 32 && hex.bytes().all(|c| c.is_ascii_hexdigit())
        })
    });
    let is_tag = tag.is_none_or(|tag| {
        let fits = |c: u8| c.is_ascii_alphanumeric() || b"_.-".contains(&c);
        (1..=128).contains(&tag.len()) && tag.bytes().all(fits)
    });
    let path = match path.split_once('/') {
        Some((registry, rest))
            if registry.contains(['.', ':'])
                || registry.bytes().any(|c| c.is_ascii_uppercase()) =>
        {
            if registry.bytes().any(|c| c.is_ascii_whitespace()) {
                return false;
            }
            rest
        }
        _ => path,
    };
    has_digest && is_tag && path.split('/').all(is_component)
}

/// Words of lower-case letters and digits, with `.`, `_`, `__` or hyphens between them.
fn is_component(text: &str) -> bool {
    let is_word = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit();
    let ends_in_words =
        text.bytes().next().is_some_and(is_word) && text.bytes().next_back().is_some_and(is_word);
    let between = text.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    ends_in_words
        && between.into_iter().all(|between| {
            matches!(between, "" | "." | "_" | "__") || between.bytes().all(|c| c == b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::resolved;

    fn told(text: &str) -> Vec<(String, String)> {
        let (resolved, _) = resolved(&[("docker-compose.dev.yml", text)]);
        let found = refused(&resolved, &["a".to_owned()]);
        let told = found.iter().map(|finding| {
            let place = finding
                .labels
                .first()
                .and_then(|label| resolved.sources.slice(label.span));
            let help = finding.help.first().map(|help| help.text.clone());
            (
                place.unwrap_or_default().to_owned(),
                help.unwrap_or_default(),
            )
        });
        told.collect()
    }

    #[test]
    fn what_no_engine_takes_has_a_place_and_a_way_out() {
        for (attributes, place, help) in [
            ("image: x, restart: allways", "allways", "write `always`"),
            ("image: Foo", "Foo", "write `foo`"),
            ("image: 'a b'", "'a b'", "correct the name"),
            (
                "image: x, stop_signal: SIGTREM",
                "SIGTREM",
                "write `SIGTERM`",
            ),
            (
                "image: x, working_dir: rel",
                "rel",
                "write the whole path in the container: `/rel`",
            ),
        ] {
            assert_eq!(
                told(&format!(
                    "services: {{a: {{{attributes}}}, b: {{image: 'B c'}}}}"
                )),
                [(place.to_owned(), help.to_owned())]
            );
        }
        let network = "services: {a: {image: x, networks: [n]}}\nnetworks: {n: {ipam: {config: [{subnet: bad, gateway: 10.0.0.1}]}}}\n";
        assert_eq!(told(network)[0].0, "bad");
    }

    #[test]
    fn what_an_engine_takes_is_not_refused() {
        for image in [
            "x",
            "a/b",
            "registry.example:5000/a__b/c-d--e.f:1.0_X",
            "localhost/x",
            "x@sha256:0123456789abcdef0123456789abcdef",
            "x:1@sha256:0123456789abcdef0123456789abcdef",
            "Registry.example/x",
            "HOST/x",
        ] {
            assert!(is_image(image), "{image}");
        }
        for image in [
            "",
            "X",
            "a..b",
            "-a",
            "a:",
            "a//b",
            "a b",
            "x@sha256:1",
            "a/B",
        ] {
            assert!(!is_image(image), "{image}");
        }
        for signal in ["SIGTERM", "term", "15", "SIGRTMIN+3", "RTMAX-14"] {
            assert!(is_signal(signal), "{signal}");
        }
        for range in ["10.0.0.0/8", "2001:db8::/64"] {
            assert!(is_range(range), "{range}");
        }
        assert!(
            told("services: {a: {image: x, restart: 'on-failure:3', working_dir: /w}}").is_empty()
        );
    }
}
