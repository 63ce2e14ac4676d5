mod copy;
mod manifest;

pub(super) use copy::fetch;
