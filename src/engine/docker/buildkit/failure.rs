use tonic::{Code, Status};

use super::progress::FailedStep;
use crate::build::{BuildFailure, BuildRequest, FailureCause};

pub(super) fn failure(
    request: &BuildRequest,
    status: &Status,
    step: Option<FailedStep>,
) -> BuildFailure {
    use bollard_buildkit_proto::google::rpc;
    use prost::Message;
    if let Ok(s) = rpc::Status::decode(status.details()) {
        for d in s.details {
            eprintln!(
                "DETAIL {} {}",
                d.type_url,
                String::from_utf8_lossy(&d.value)
            );
        }
    }
    eprintln!("STATUS {:?} {} {step:?}", status.code(), status.message());
    BuildFailure::new(&request.image, FailureCause::Step, status.message())
}
