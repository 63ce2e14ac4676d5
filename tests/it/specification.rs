//! Every attribute of the typed project names the section of the specification that it comes from.

use std::path::Path;

#[test]
fn every_attribute_links_its_section() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/model");
    let mut attributes = 0;
    let mut bare = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|ending| ending != "rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a file");
        let mut above = String::new();
        for line in text.lines() {
            let code = line.trim_start();
            if code.starts_with("///") || code.starts_with("#[") {
                above.push_str(code);
                continue;
            }
            let field = line
                .strip_prefix("    pub ")
                .and_then(|rest| rest.split_once(": "));
            if let Some((name, _)) = field
                && name.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_')
                // What no file says, and what only wharf reads.
                && !above.contains("serde(skip)")
                && !above.contains("x-wharf")
            {
                attributes += 1;
                if !above.contains("compose-spec/compose-spec")
                    && !above.contains("docs.docker.com")
                {
                    bare.push(format!("{}: {name}", path.display()));
                }
            }
            above.clear();
        }
    }
    assert!(attributes > 200, "only {attributes} attributes were found");
    assert_eq!(bare, Vec::<String>::new());
}
