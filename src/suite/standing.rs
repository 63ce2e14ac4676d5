use std::cell::RefCell;

use indexmap::IndexMap;

use super::evidence::Evidence;
use super::failure::Failure;
use super::reset::reset;
use super::run::TestRun;
use super::told::Told;
use crate::apply::{self, Cancel, Events};
use crate::model::ResetDeclaration;
use crate::observe::{collect, labels};
use crate::plan::{self, Policy};

/// What is done with a stack in which no tests run: before them, between them and after them.
impl TestRun<'_> {
    /// Makes the stack ready for tests, without their container, for a later run. `false`: interrupted.
    pub async fn stand_by(&self, cancel: &Cancel) -> Result<bool, Failure> {
        let events = Events::silent();
        let evidence = RefCell::new(Evidence::default());
        let quiet: &dyn Fn(Told<'_>) = &|_| {};
        if !self.bring_up(&events, quiet, cancel, &evidence).await? {
            return Ok(false);
        }
        let needed = self.job.needed(self.project);
        if needed.is_empty() {
            return Ok(true);
        }
        let snapshot = collect(self.engine.as_ref(), self.project).await?;
        let policy = Policy {
            services: needed,
            ..self.policy.clone()
        };
        let plan = plan::reconcile(self.project, &snapshot, &policy)?;
        self.carry_out(&plan, &events, quiet, cancel, &evidence)
            .await
    }

    /// Leaves a container of the tests' service that does nothing, for those who want to look around.
    pub async fn leave_a_door(&self, cancel: &Cancel) -> Result<(), Failure> {
        let mut request = self.request(&[], &IndexMap::new(), "door")?;
        request.name = Some(format!("{}-{}-door", self.project.name, self.job.service()));
        request.service.entrypoint = Some(vec!["sleep".into(), "infinity".into()]);
        request.service.command = Some(Vec::new());
        request.service.init = Some(true);
        request.service.depends_on.clear();
        let snapshot = collect(self.engine.as_ref(), self.project).await?;
        let (plan, container) = plan::run(self.project, &snapshot, &self.policy, &request)?;
        let events = Events::silent();
        let applied =
            apply::apply(&plan, self.engine.clone(), &self.options, &events, cancel).await;
        applied.into_result()?;
        Ok(self.engine.start_container(&container.name).await?)
    }

    /// Brings the backends back to their first state, as the project declares it. `false`: interrupted.
    pub async fn reset(
        &self,
        declared: &ResetDeclaration,
        cancel: &Cancel,
    ) -> Result<bool, Failure> {
        let limit = Some(self.start_limit());
        let engine = self.engine.as_ref();
        reset(engine, &self.project.name, declared, limit, cancel).await
    }

    /// Removes the containers of tests that have run in this stack, so that what is collected next is of the next ones.
    pub async fn forget_tests(&self) -> Result<(), Failure> {
        let engine = self.engine.as_ref();
        let own = [(labels::PROJECT, self.project.name.as_str())];
        let tests = format!("{}-{}-tests-", self.project.name, self.job.service());
        for one in engine.list_containers(&own).await? {
            if one.name.starts_with(&tests) {
                engine.remove_container(&one.id, true, true).await?;
            }
        }
        Ok(())
    }
}
