//! `wharf bridge`.

mod convert;
mod having;
mod transformations;

use clap::{Args, Subcommand};

use super::context::Context;
use super::{Exit, Failure};
use convert::Convert;
use transformations::Transformations;

/// Turn the project into Kubernetes manifests, a Helm chart or the like
///
/// Images do that, and can be made: `transformations create` begins one.
#[derive(Args, Debug)]
#[command(arg_required_else_help = true)]
pub struct Bridge {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand, Debug)]
enum What {
    Convert(Convert),
    Transformations(Transformations),
}

impl Bridge {
    pub async fn run(self, context: &Context) -> Result<Exit, Failure> {
        match self.what {
            What::Convert(convert) => convert.run(context).await,
            What::Transformations(transformations) => transformations.run(context).await,
        }
    }

    pub fn changes_nothing(&self) -> bool {
        matches!(&self.what, What::Transformations(one) if one.changes_nothing())
    }
}
