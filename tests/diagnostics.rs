//! Every directory below `tests/diagnostics` is a project with something wrong in it, and what wharf says about it.

use std::path::Path;

use wharf::diagnostic::render;
use wharf::load::{self, Environment, Host, LoadRequest};
use wharf::resolve::{self, Options};

fn findings(directory: &Path) -> String {
    let environment = Environment {
        working_directory: directory.to_path_buf(),
        ..Environment::default()
    };
    let loaded = load::load(&LoadRequest::default(), &Host, &environment);
    let resolved = resolve::resolve(loaded, &Host, &environment, &Options::default());
    let here = directory.display().to_string();
    resolved
        .diagnostics
        .iter()
        .map(|finding| {
            render(finding, &resolved.sources, false, 100)
                .trim_end()
                .to_owned()
                + "\n\n"
        })
        .collect::<String>()
        .replace(&here, "[here]")
}

#[test]
fn every_mistake_is_explained() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics");
    let mut directories: Vec<_> = std::fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    directories.sort();
    assert!(!directories.is_empty());
    for directory in directories {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&directory);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!("expected", findings(&directory)));
    }
}
