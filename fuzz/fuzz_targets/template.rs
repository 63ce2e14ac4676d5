#![no_main]

use libfuzzer_sys::fuzz_target;
use wharf::interpolate::{Expression, has_variables, parse};

fuzz_target!(|text: &str| {
    match parse(text) {
        Ok(template) => {
            for expression in template.expressions() {
                let written = &text[expression.range.clone()];
                assert!(written.starts_with('$') && written.contains(expression.name));
            }
            let expanded = template.substitute(&mut |expression: &Expression<'_>| {
                (expression.name.len() % 2 == 0).then(|| expression.name.into())
            });
            if !has_variables(text) {
                assert_eq!(expanded.as_deref(), Ok(text));
            }
        }
        Err(error) => assert!(text[error.range].starts_with("${")),
    }
});
