#![no_main]

use libfuzzer_sys::fuzz_target;
use wharf::diagnostic::Diagnostics;
use wharf::load::dotenv;
use wharf::source::Sources;

fuzz_target!(|text: &str| {
    let mut sources = Sources::default();
    let id = sources.add("/p/.env".as_ref(), ".env", text);
    let lookup = |name: &str| (name.len() % 2 == 0).then(|| name.to_owned());
    let mut diagnostics = Diagnostics::default();
    for (name, entry) in dotenv::parse(id, text, &lookup, &|_| None, &mut diagnostics) {
        assert!(sources.slice(entry.span).is_some_and(|written| written.starts_with(&name)));
    }
    for (name, entry) in dotenv::parse_raw(id, text, &lookup, &mut diagnostics) {
        assert!(sources.slice(entry.span).is_some_and(|written| written.starts_with(&name)));
    }
    for finding in diagnostics.iter() {
        assert!(finding.labels.iter().all(|label| sources.slice(label.span).is_some()));
    }
});
