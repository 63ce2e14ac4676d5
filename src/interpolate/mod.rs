//! Variables in values: `${X:-d}` becomes text, and the value remembers where it came from.

mod cast;
mod expand;
mod template;

pub use expand::{Lookup, Variable, expand, variables};
pub use template::{
    Expression, MAX_EXPRESSIONS, MAX_NESTING, Missing, Operation, Operator, Part, Reason, Template,
    TemplateError, has_variables, parse,
};
