//! What an image consists of, as a CycloneDX document, from the package databases in its layers.
//! <https://cyclonedx.org/docs/1.5/json/>

mod apk;
mod dpkg;
mod os;
mod python;

use serde_json::{Value, json};

use crate::digest::bare;
use crate::image::Tree;

/// A package that is installed in an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    pub name: String,
    pub version: String,
    /// <https://github.com/package-url/purl-spec>
    pub purl: String,
    /// As the package says; often no SPDX identifier.
    pub license: Option<String>,
    /// What it was built from, which is what the advisories of Debian and Alpine speak of. `None`: a source of its own name and
    /// version.
    pub source: Option<Source>,
}

/// A package as its distribution builds it, into one or more that are installed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    pub name: String,
    pub version: String,
    /// What of the version is called what, as properties of Trivy's.
    pub parts: Vec<(&'static str, String)>,
}

impl Source {
    /// `&upstream=NAME%40VERSION`, as Grype reads it: without a version that is the package's own.
    fn qualifier(&self, of: &str) -> String {
        match self.version == of {
            true => format!("&upstream={}", encoded(&self.name)),
            false => format!(
                "&upstream={}%40{}",
                encoded(&self.name),
                encoded(&self.version)
            ),
        }
    }

    /// Trivy takes the source from properties only.
    /// <https://trivy.dev/latest/docs/supply-chain/sbom/#cyclonedx>
    fn properties(&self) -> Value {
        let name = [("SrcName", self.name.clone())];
        name.iter()
            .chain(&self.parts)
            .map(|(what, value)| json!({ "name": format!("aquasecurity:trivy:{what}"), "value": value }))
            .collect()
    }
}

/// Whether a file is needed whole to know what is installed.
pub fn keeps(path: &str) -> bool {
    dpkg::keeps(path) || apk::keeps(path) || python::keeps(path) || os::keeps(path)
}

/// The packages that a container of the image sees, in order.
pub fn packages(tree: &Tree<'_>) -> Vec<Package> {
    let system = os::of(tree);
    let mut packages = dpkg::packages(tree, &system);
    packages.extend(apk::packages(tree, &system));
    packages.extend(python::packages(tree));
    packages.sort();
    packages.dedup();
    packages
}

/// The document. `created`: RFC 3339; the same image and date give the same document.
pub fn document(tree: &Tree<'_>, name: &str, image_id: &str, created: &str) -> Value {
    let system = os::of(tree);
    let packages = packages(tree);
    let mut components: Vec<Value> = Vec::new();
    if !system.name.is_empty() {
        components.push(json!({
            "type": "operating-system",
            "bom-ref": format!("os:{}@{}", system.name, system.version),
            "name": system.name,
            "version": system.version,
        }));
    }
    components.extend(packages.iter().map(|package| {
        let mut component = json!({
            "type": "library",
            "bom-ref": package.purl,
            "name": package.name,
            "version": package.version,
            "purl": package.purl,
        });
        if let Some(license) = &package.license {
            component["licenses"] = json!([{ "license": { "name": license } }]);
        }
        if let Some(source) = &package.source {
            component["properties"] = source.properties();
        }
        component
    }));
    json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": serial(image_id),
        "version": 1,
        "metadata": {
            "timestamp": created,
            "tools": { "components": [{
                "type": "application",
                "name": "wharf",
                "version": env!("CARGO_PKG_VERSION"),
            }] },
            "component": {
                "type": "container",
                "bom-ref": image_id,
                "name": name,
                "version": image_id,
            },
        },
        "components": components,
    })
}

/// A UUID made from the image's id.
fn serial(image_id: &str) -> String {
    let digits: Vec<char> = bare(image_id)
        .chars()
        .filter(char::is_ascii_hexdigit)
        .chain(std::iter::repeat('0'))
        .take(32)
        .collect();
    let part = |from: usize, to: usize| {
        digits
            .get(from..to)
            .unwrap_or_default()
            .iter()
            .collect::<String>()
    };
    // Version 8 of RFC 9562: the rest is the maker's own.
    format!(
        "urn:uuid:{}-{}-8{}-a{}-{}",
        part(0, 8),
        part(8, 12),
        part(13, 16),
        part(17, 20),
        part(20, 32)
    )
}

/// As purls are written: what is no plain character is percent-encoded.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-' | b'_' | b'~' | b':' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{LayerFile, SavedLayer};

    pub fn layer(files: &[(&str, &str)]) -> SavedLayer {
        let file = |(path, text): &(&str, &str)| LayerFile {
            path: (*path).to_owned(),
            content: Some(text.as_bytes().to_vec()),
            ..LayerFile::default()
        };
        SavedLayer {
            files: files.iter().map(file).collect(),
        }
    }

    #[test]
    fn what_a_later_layer_removes_or_replaces_is_not_in_it() {
        let layers = [
            layer(&[
                ("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n"),
                (
                    "var/lib/dpkg/status",
                    "Package: gcc\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n",
                ),
                ("v/a-1.0.dist-info/METADATA", "Name: a\nVersion: 1.0\n"),
            ]),
            layer(&[
                (
                    "var/lib/dpkg/status",
                    "Package: libc6\nStatus: install ok installed\nVersion: 2.36-9+deb12u4\nArchitecture: amd64\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\n",
                ),
                ("v/.wh.a-1.0.dist-info", ""),
                (
                    "v/B_c-2.0.dist-info/METADATA",
                    "Metadata-Version: 2.1\nName: B_c\nVersion: 2.0\nLicense: MIT\n\nName: not this\n",
                ),
            ]),
        ];
        let tree = Tree::of(&layers);
        let found: Vec<String> = packages(&tree).into_iter().map(|one| one.purl).collect();
        assert_eq!(
            found,
            [
                "pkg:pypi/b-c@2.0",
                "pkg:deb/debian/libc6@2.36-9%2Bdeb12u4?arch=amd64&distro=debian-12",
            ]
        );
        let document = document(
            &tree,
            "app",
            "sha256:0123456789abcdef0123456789abcdef",
            "2026-01-01T00:00:00Z",
        );
        assert_eq!(document["bomFormat"], "CycloneDX");
        assert_eq!(document["components"][0]["type"], "operating-system");
        assert_eq!(document["components"].as_array().unwrap().len(), 3);
        assert_eq!(
            document["serialNumber"],
            "urn:uuid:01234567-89ab-8def-a123-456789abcdef"
        );
    }

    #[test]
    fn advisories_find_packages_by_their_sources() {
        let status = "Package: bsdutils\nStatus: install ok installed\nSource: util-linux (2.38.1-5+deb12u3)\n\
            Version: 1:2.38.1-5+deb12u3\nArchitecture: amd64\n\n\
            Package: libssl3\nStatus: install ok installed\nSource: openssl\nVersion: 3.0.11-1\nArchitecture: amd64\n";
        let layers = [layer(&[
            ("etc/os-release", "ID=debian\nVERSION_ID=\"12\"\n"),
            ("var/lib/dpkg/status", status),
        ])];
        let document = document(
            &Tree::of(&layers),
            "app",
            "sha256:01",
            "2026-01-01T00:00:00Z",
        );
        let component = |at: usize| &document["components"][at];
        assert_eq!(
            component(1)["purl"],
            "pkg:deb/debian/bsdutils@1:2.38.1-5%2Bdeb12u3?arch=amd64&distro=debian-12&upstream=util-linux%402.38.1-5%2Bdeb12u3"
        );
        assert_eq!(
            component(1)["properties"],
            json!([
                {"name": "aquasecurity:trivy:SrcName", "value": "util-linux"},
                {"name": "aquasecurity:trivy:SrcVersion", "value": "2.38.1"},
                {"name": "aquasecurity:trivy:SrcRelease", "value": "5+deb12u3"},
            ])
        );
        assert_eq!(
            component(2)["purl"],
            "pkg:deb/debian/libssl3@3.0.11-1?arch=amd64&distro=debian-12&upstream=openssl"
        );
    }

    #[test]
    fn alpine_is_read_too() {
        let layers = [layer(&[
            ("etc/os-release", "ID=alpine\nVERSION_ID=3.20\n"),
            (
                "lib/apk/db/installed",
                "P:libcrypto3\nV:3.3.1-r0\nA:x86_64\no:openssl\n\nP:musl\nV:1.2.5-r0\nA:x86_64\nL:MIT\no:musl\n\nP:zlib\nV:1.3-r0\nA:x86_64\n",
            ),
        ])];
        let found: Vec<String> = packages(&Tree::of(&layers))
            .into_iter()
            .map(|one| one.purl)
            .collect();
        assert_eq!(
            found,
            [
                "pkg:apk/alpine/libcrypto3@3.3.1-r0?arch=x86_64&distro=alpine-3.20&upstream=openssl",
                "pkg:apk/alpine/musl@1.2.5-r0?arch=x86_64&distro=alpine-3.20",
                "pkg:apk/alpine/zlib@1.3-r0?arch=x86_64&distro=alpine-3.20",
            ]
        );
    }
}
