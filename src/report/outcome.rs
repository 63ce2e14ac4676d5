use super::{Console, Table};
use crate::apply::{Outcome, ServiceRow};
use crate::engine::{ContainerStatus, HealthStatus};

/// What runs now: service, state, published address.
pub fn outcome_table(outcome: &Outcome, console: &Console) -> String {
    let mut table = Table::new(["SERVICE", "STATE", "ADDRESS"], console.terminal_width());
    for row in &outcome.rows {
        let state = state(row);
        let addresses: Vec<String> = row
            .published
            .iter()
            .map(|port| {
                let host = match port.host_ip.as_str() {
                    "" | "0.0.0.0" | "::" => "localhost",
                    other => other,
                };
                let suffix = if port.protocol == "tcp" {
                    String::new()
                } else {
                    format!("/{}", port.protocol)
                };
                format!("{host}:{}{suffix}", port.host_port.unwrap_or(0))
            })
            .collect();
        let replicas = outcome
            .rows
            .iter()
            .filter(|other| other.service == row.service)
            .count();
        let name = if replicas > 1 {
            &row.container
        } else {
            &row.service
        };
        table.row([name.clone(), state, addresses.join(" ")]);
    }
    table.render()
}

fn state(row: &ServiceRow) -> String {
    match (row.status, row.health) {
        (ContainerStatus::Running, Some(HealthStatus::Healthy)) => "healthy".into(),
        (ContainerStatus::Running, Some(_)) if row.healthy_by_own_probe => "healthy".into(),
        (ContainerStatus::Running, Some(HealthStatus::Starting)) => "starting".into(),
        (ContainerStatus::Running, Some(HealthStatus::Unhealthy)) => "unhealthy".into(),
        (ContainerStatus::Running, None) => "running".into(),
        (ContainerStatus::Exited, _) => match row.exit_code {
            Some(0) => "completed".into(),
            Some(code) => format!("exited ({code})"),
            None => "exited".into(),
        },
        (ContainerStatus::Created, _) => "created".into(),
        (ContainerStatus::Paused, _) => "paused".into(),
        (ContainerStatus::Restarting, _) => "restarting".into(),
        (ContainerStatus::Removing, _) => "removing".into(),
        (ContainerStatus::Dead, _) => "dead".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::PublishedPort;
    use crate::load::Environment;
    use crate::report::Colour;

    #[test]
    fn a_row_says_what_it_is_and_where_it_is_reached() {
        let row = |service: &str, status, health, exit_code, port: Option<u16>| ServiceRow {
            service: service.into(),
            container: format!("demo-{service}-1"),
            status,
            health,
            exit_code,
            published: port
                .map(|port| PublishedPort {
                    host_ip: "127.0.0.1".into(),
                    container_port: 80,
                    host_port: Some(port),
                    protocol: "tcp".into(),
                })
                .into_iter()
                .collect(),
            ..ServiceRow::default()
        };
        let outcome = Outcome {
            project: "demo".into(),
            rows: vec![
                row(
                    "app",
                    ContainerStatus::Running,
                    Some(HealthStatus::Healthy),
                    None,
                    Some(5000),
                ),
                row("migrate", ContainerStatus::Exited, None, Some(0), None),
            ],
            ..Outcome::default()
        };
        let console = Console::new(Colour::Never, false, &Environment::default());
        assert_eq!(
            outcome_table(&outcome, &console),
            "SERVICE   STATE       ADDRESS\napp       healthy     127.0.0.1:5000\nmigrate   completed"
        );
    }
}
