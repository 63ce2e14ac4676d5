#![no_main]

use libfuzzer_sys::fuzz_target;
use wharf::model::Duration;

fuzz_target!(|text: &str| {
    if let Ok(value) = text.parse::<Duration>() {
        assert_eq!(value.to_string().parse(), Ok(value), "{text}");
    }
});
