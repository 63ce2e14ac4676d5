/// An image of a project as the engine has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TreeImage {
    pub name: String,
    /// `sha256:..`; empty: the engine does not have it.
    pub id: String,
    /// Bytes, those included that it shares.
    pub size: u64,
    /// RFC 3339.
    pub created: String,
    /// Digests of the layers, lowest first.
    pub layers: Vec<String>,
    /// Who runs it.
    pub services: Vec<String>,
    /// The name of the image that its Dockerfile starts from. `None`: nothing says so.
    pub base: Option<String>,
}

/// An image in its place of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeRow {
    pub image: TreeImage,
    /// How many images it stands on, one upon the other.
    pub depth: usize,
    /// The image whose layers are all in this one.
    pub stands_on: Option<String>,
    /// Bytes that it adds to what it stands on.
    pub own: u64,
}

/// Puts every image below the one with most of its layers; images that are not there come last.
pub fn image_tree(images: Vec<TreeImage>) -> Vec<TreeRow> {
    let (images, missing): (Vec<_>, Vec<_>) =
        images.into_iter().partition(|image| !image.id.is_empty());
    let bases: Vec<Vec<usize>> = (0..images.len()).map(|at| bases(&images, at)).collect();
    let parents: Vec<Option<usize>> = (0..images.len())
        .map(|at| parent(&images, &bases, at))
        .collect();
    let mut rows = Vec::new();
    let mut open: Vec<(usize, usize)> = Vec::new();
    let below = |parent: Option<usize>| {
        let parents = &parents;
        (0..parents.len())
            .rev()
            .filter(move |at| parents[*at] == parent)
    };
    open.extend(below(None).map(|at| (at, 0)));
    while let Some((at, depth)) = open.pop() {
        let image = images[at].clone();
        let base = parents[at].map(|parent| &images[parent]);
        rows.push(TreeRow {
            depth,
            stands_on: base.map(|base| base.name.clone()),
            own: image.size.saturating_sub(base.map_or(0, |base| base.size)),
            image,
        });
        open.extend(below(Some(at)).map(|child| (child, depth + 1)));
    }
    rows.extend(missing.into_iter().map(|image| TreeRow {
        image,
        depth: 0,
        stands_on: None,
        own: 0,
    }));
    rows
}

/// What an image is made from by what its Dockerfile says, the nearest first.
fn bases(images: &[TreeImage], at: usize) -> Vec<usize> {
    let mut found: Vec<usize> = Vec::new();
    let base_of = |at: usize| {
        let base = images.get(at)?.base.as_ref()?;
        images.iter().position(|image| image.name == *base)
    };
    let mut next = base_of(at);
    while let Some(base) = next.filter(|base| *base != at && !found.contains(base)) {
        found.push(base);
        next = base_of(base);
    }
    found
}

/// The image with the longest list of layers that this one begins with; of several, the nearest one that it is made from.
/// Of two with the same layers, the one that is made from fewer images holds the other, else the first one.
fn parent(images: &[TreeImage], bases: &[Vec<usize>], at: usize) -> Option<usize> {
    let own = &images[at].layers;
    let height = |at: usize| (bases[at].len(), at);
    let holds = |other: usize| {
        let layers = &images[other].layers;
        !layers.is_empty()
            && own.starts_with(layers)
            && (layers.len() < own.len() || height(other) < height(at))
    };
    (0..images.len())
        .filter(|other| *other != at && holds(*other))
        .max_by_key(|other| {
            let distance = bases[at].iter().position(|base| base == other);
            let nearness = distance.map(std::cmp::Reverse);
            (
                images[*other].layers.len(),
                nearness,
                std::cmp::Reverse(height(*other)),
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(name: &str, layers: &str, size: u64) -> TreeImage {
        TreeImage {
            name: name.to_owned(),
            id: if layers.is_empty() { "" } else { "sha256:1" }.to_owned(),
            size,
            layers: layers.chars().map(String::from).collect(),
            ..TreeImage::default()
        }
    }

    #[test]
    fn of_equal_layers_the_dockerfiles_decide() {
        let on = |base: &str, mut image: TreeImage| {
            image.base = Some(base.to_owned());
            image
        };
        let rows = image_tree(vec![
            on("debian", image("alias", "a", 80)),
            on("debian", image("other", "ab", 90)),
            on("alias", image("third", "ac", 90)),
            image("debian", "a", 80),
        ]);
        let drawn: Vec<String> = rows
            .iter()
            .map(|row| format!("{}{}", " ".repeat(row.depth), row.image.name))
            .collect();
        assert_eq!(drawn, ["debian", " alias", "  third", " other"]);
    }

    #[test]
    fn images_stand_on_those_whose_layers_they_hold() {
        let rows = image_tree(vec![
            image("prod", "abx", 130),
            image("gone", "", 0),
            image("dev", "aby", 700),
            image("debian", "a", 80),
            image("base", "ab", 120),
            image("same", "ab", 120),
            image("other", "z", 9),
        ]);
        let drawn: Vec<String> = rows
            .iter()
            .map(|row| format!("{}{} {}", " ".repeat(row.depth), row.image.name, row.own))
            .collect();
        assert_eq!(
            drawn,
            [
                "debian 80",
                " base 40",
                "  prod 10",
                "  dev 580",
                "  same 0",
                "other 9",
                "gone 0"
            ]
        );
        assert_eq!(rows[1].stands_on.as_deref(), Some("debian"));
    }
}
