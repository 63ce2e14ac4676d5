use std::fmt::Write as _;

use clap::Args;

use super::announce;
use crate::cli::context::{Context, Purpose};
use crate::cli::graph::not_an_env;
use crate::cli::{Exit, Failure};
use crate::model::{Port, Project, Service};
use crate::plan::image_of;

/// Draw services and what they depend on for Graphviz, as docker compose does; `graph` draws more
#[derive(Args, Debug)]
pub struct Viz {
    /// How many tabs, or spaces, a line is indented by
    #[arg(
        long,
        value_name = "N",
        default_value_t = 1,
        allow_negative_numbers = true
    )]
    indentation_size: i64,
    /// Indent by spaces
    #[arg(long)]
    spaces: bool,
    #[command(flatten)]
    shown: Shown,
    #[arg(value_name = "ENV")]
    words: Vec<String>,
}

/// What stands below the name of a service.
#[derive(Args, Clone, Copy, Debug, Default)]
struct Shown {
    /// The networks of each service
    #[arg(long)]
    networks: bool,
    /// The ports that each service publishes
    #[arg(long)]
    ports: bool,
    /// The image of each service
    #[arg(long)]
    image: bool,
}

impl Viz {
    pub fn run(self, context: &Context) -> Result<Exit, Failure> {
        let indent = self.indentation()?;
        announce(context, "viz");
        let env = context.env_word(&self.words);
        if let Some(word) = self.words.get(env.len())
            && !context.globals.as_compose
        {
            return Err(not_an_env(context, word));
        }
        let resolved = context.project(&env, Purpose::Print)?.into_resolved()?;
        let text = drawing(&resolved.project, self.shown, &indent);
        context.console.data(&text);
        Ok(Exit::OK)
    }

    fn indentation(&self) -> Result<String, Failure> {
        let size = self.indentation_size;
        let Ok(times) = usize::try_from(size) else {
            return Err(Failure::Worded {
                message: format!("`--indentation-size {size}`: a line is indented by 0 or more"),
                compose: format!("invalid indentation size: {size}"),
                exit: Exit::USAGE,
            });
        };
        Ok(if self.spaces { " " } else { "\t" }.repeat(times))
    }
}

/// The project as `docker compose alpha viz` draws it, in the order of the project. <https://graphviz.org/doc/info/lang.html>
fn drawing(project: &Project, shown: Shown, indent: &str) -> String {
    let mut text = format!("digraph \"{}\" {{\n{indent}layout=dot;\n", project.name);
    for (name, service) in &project.services {
        let label = label(project, name, service, shown);
        let _ = writeln!(
            text,
            "{indent}\"{name}\" [style=\"filled\" label=<{label}>];"
        );
    }
    text.push('\n');
    for (name, service) in &project.services {
        for other in service.depends_on.keys() {
            if project.services.contains_key(other) {
                let _ = writeln!(text, "{indent}\"{name}\" -> \"{other}\";");
            }
        }
    }
    text + "}\n"
}

fn label(project: &Project, name: &str, service: &Service, shown: Shown) -> String {
    let mut label = format!("<font point-size=\"15\">{name}</font>");
    let mut add = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            let lines = lines.join("<br/>");
            let _ = write!(
                label,
                "<font point-size=\"10\"><br/><br/><b>{title}:</b><br/>{lines}</font>"
            );
        }
    };
    if shown.networks {
        add("Networks", networks(service));
    }
    if shown.ports {
        add("Ports", service.ports.iter().map(port).collect());
    }
    if shown.image {
        add("Image", vec![image_of(project, name, service)]);
    }
    label
}

/// The one with the highest priority first.
fn networks(service: &Service) -> Vec<String> {
    let mut networks: Vec<(i64, &String)> = service
        .networks
        .iter()
        .map(|(name, endpoint)| (endpoint.as_ref().map_or(0, |one| one.priority), name))
        .collect();
    networks.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    networks.into_iter().map(|(_, name)| name.clone()).collect()
}

fn port(port: &Port) -> String {
    let address = match port.host_ip.as_deref() {
        None | Some("") => String::new(),
        Some(address) => format!("{address}:"),
    };
    let published = port.published.as_deref().unwrap_or_default();
    let mode = port.mode.as_deref().unwrap_or_default();
    format!(
        "{address}{published}:{} ({}, {mode})",
        port.target, port.protocol
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Recorded from `docker compose alpha viz` 2.40.3, which draws services in any order.
    #[test]
    fn services_are_drawn_as_compose_draws_them() {
        let project: Project = serde_json::from_value(json!({
            "name": "p",
            "services": {
                "web": {
                    "build": {"context": "/p"},
                    "depends_on": {"db": {"condition": "service_started"}, "gone": {"condition": "service_started"}},
                    "networks": {"n0": null, "n1": {"priority": 5}},
                    "ports": [
                        {"target": 80, "published": "8080", "protocol": "tcp", "mode": "ingress"},
                        {"target": 443, "published": "8443", "host_ip": "127.0.0.1", "protocol": "udp", "mode": "ingress"},
                        {"target": 90, "protocol": "tcp", "mode": "ingress"},
                    ],
                },
                "db": {"image": "db:1"},
            },
        }))
        .unwrap();
        let all = Shown {
            networks: true,
            ports: true,
            image: true,
        };
        assert_eq!(
            drawing(&project, all, "  "),
            r#"digraph "p" {
  layout=dot;
  "web" [style="filled" label=<<font point-size="15">web</font><font point-size="10"><br/><br/><b>Networks:</b><br/>n1<br/>n0</font><font point-size="10"><br/><br/><b>Ports:</b><br/>8080:80 (tcp, ingress)<br/>127.0.0.1:8443:443 (udp, ingress)<br/>:90 (tcp, ingress)</font><font point-size="10"><br/><br/><b>Image:</b><br/>p-web</font>>];
  "db" [style="filled" label=<<font point-size="15">db</font><font point-size="10"><br/><br/><b>Image:</b><br/>db:1</font>>];

  "web" -> "db";
}
"#
        );
        assert_eq!(
            drawing(&project, Shown::default(), ""),
            "digraph \"p\" {\nlayout=dot;\n\
             \"web\" [style=\"filled\" label=<<font point-size=\"15\">web</font>>];\n\
             \"db\" [style=\"filled\" label=<<font point-size=\"15\">db</font>>];\n\
             \n\"web\" -> \"db\";\n}\n"
        );
    }
}
