mod copy;
mod program;
mod reference;

pub(super) use copy::fetch;
