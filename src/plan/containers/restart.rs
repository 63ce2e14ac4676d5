use crate::engine::RestartPolicySpec;
use crate::model::{RestartCondition, Service};
use crate::plan::PlanError;

/// The names of policies that there are.
pub const RESTART_POLICIES: [&str; 4] = RestartPolicySpec::NAMES;

/// That of `deploy`, else that of the service. `None`: neither says anything.
/// <https://github.com/compose-spec/compose-spec/blob/main/05-services.md#restart>
pub fn restart_policy(
    name: &str,
    service: &Service,
) -> Result<Option<RestartPolicySpec>, PlanError> {
    if let Some(policy) = service
        .deploy
        .as_ref()
        .and_then(|deploy| deploy.restart_policy.as_ref())
    {
        let word = match &policy.condition {
            Some(RestartCondition::None) => "no",
            Some(RestartCondition::OnFailure) => "on-failure",
            Some(RestartCondition::UnlessStopped) => "unless-stopped",
            Some(RestartCondition::Any | RestartCondition::Always) | None => "always",
            Some(RestartCondition::Other(word)) => {
                return Err(PlanError::BadValue {
                    service: name.to_string(),
                    reason: format!(
                        "`deploy.restart_policy.condition: {word}` is none of `none`, `on-failure` and `any`"
                    ),
                });
            }
        };
        let attempts = policy.max_attempts.filter(|_| word == "on-failure");
        return Ok(Some(RestartPolicySpec {
            name: word.to_string(),
            maximum_retry_count: attempts
                .map_or(0, |count| i64::try_from(count).unwrap_or(i64::MAX)),
        }));
    }
    let Some(text) = &service.restart else {
        return Ok(None);
    };
    let policy = RestartPolicySpec::parse(text).ok_or_else(|| PlanError::BadValue {
        service: name.to_string(),
        reason: format!(
            "`restart: {text}` is none of `no`, `always`, `unless-stopped`, `on-failure` and `on-failure:3`"
        ),
    })?;
    Ok(Some(policy))
}
