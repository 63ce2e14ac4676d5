use super::*;

fn parse(text: &str) -> Dockerfile {
    Dockerfile::parse(text).unwrap()
}

fn names(text: &str, target: Option<&str>, arguments: &[(&str, &str)]) -> Vec<String> {
    let arguments = arguments
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    parse(text)
        .references(target, &arguments)
        .into_iter()
        .map(|reference| reference.name)
        .collect()
}

#[test]
fn finds_what_an_image_is_made_from() {
    for (text, expected) in [
        ("FROM debian:bookworm-slim", vec!["debian:bookworm-slim"]),
        ("from --platform=$BUILDPLATFORM debian as x", vec!["debian"]),
        ("FROM a AS one\nFROM one", vec!["a"]),
        ("FROM a AS One\nFROM ONE\nCOPY --from=oNe /x /y", vec!["a"]),
        ("FROM a AS unused\nFROM b", vec!["b"]),
        ("FROM a\nFROM b\nCOPY --from=0 /x /y", vec!["a", "b"]),
        (
            "FROM a\nCOPY --chown=1:1 --from=tool /x /y",
            vec!["a", "tool"],
        ),
        ("FROM a\nADD --from=tool /x /y", vec!["a", "tool"]),
        (
            "FROM a\nRUN --mount=type=bind,from=wheels,target=/w --mount=type=cache,target=/c x",
            vec!["a", "wheels"],
        ),
        ("FROM a\nRUN echo --mount=from=no --from=no", vec!["a"]),
        ("FROM scratch\nCOPY . /", vec![]),
        ("ARG BASE=debian\nFROM ${BASE}:12", vec!["debian:12"]),
        ("ARG A=x\nARG BASE=${A}y\nFROM $BASE", vec!["xy"]),
        ("FROM ${UNSET:-debian}-slim", vec!["debian-slim"]),
        (
            "ARG BASE=debian\nFROM \"${BASE}:12\" AS one\nFROM 'one'",
            vec!["debian:12"],
        ),
        ("FROM a\nONBUILD COPY --from=no /x /y", vec!["a"]),
        (
            "FROM a\nRUN <<EOF\nFROM no\nCOPY --from=no x y\nEOF\nCOPY --from=yes x y",
            vec!["a", "yes"],
        ),
        (
            "FROM a\nRUN x \\\n  # COPY --from=no\n\n  && y\nCOPY --from=yes x y",
            vec!["a", "yes"],
        ),
        (
            "# escape=`\nFROM a\nRUN x `\n  FROM no\nCOPY --from=yes c:\\ d",
            vec!["a", "yes"],
        ),
        ("\u{feff}FROM a\r\nCOPY --from=b x y\r\n", vec!["a", "b"]),
    ] {
        assert_eq!(names(text, None, &[]), expected, "{text}");
    }
}

#[test]
fn the_target_and_the_arguments_decide() {
    let text = "ARG V=1\nFROM base:$V AS dev\nFROM dev AS wheels\nCOPY --from=tool / /\nFROM slim AS prod\nCOPY --from=wheels / /";
    assert_eq!(names(text, Some("dev"), &[("V", "2")]), ["base:2"]);
    assert_eq!(names(text, Some("1"), &[]), ["base:1", "tool"]);
    assert_eq!(names(text, None, &[]), ["base:1", "tool", "slim"]);
    assert_eq!(names(text, Some("nothing"), &[]), Vec::<String>::new());
}

#[test]
fn the_platform_may_choose_a_stage() {
    let text = "FROM a AS for-amd64\nFROM b AS for-arm64\nFROM c AS other\nFROM for-${TARGETARCH}";
    let mut file = parse(text);
    let bases = |file: &Dockerfile| {
        let references = file.references(None, &IndexMap::new());
        references
            .into_iter()
            .map(|one| one.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(bases(&file), ["a", "b"]);
    file.platforms = vec!["linux/arm64".to_owned()];
    assert_eq!(bases(&file), ["b"]);
    file.platforms.push("linux/amd64".to_owned());
    assert_eq!(bases(&file), ["a", "b"]);
    let mut image = parse("FROM debian-$TARGETARCH");
    assert_eq!(bases(&image).len(), 1);
    image.platforms = vec!["linux/s390x".to_owned()];
    assert_eq!(bases(&image), ["debian-s390x"]);
}

#[test]
fn knows_what_is_fetched_anew() {
    let line = |text: &str| {
        let file = parse(text);
        file.fetch(None, &IndexMap::new())
            .map(|found| found.lines.0)
    };
    assert_eq!(line("FROM a\nADD x /\nADD https://e.example/y /"), Some(3));
    assert_eq!(line("FROM a\nADD git@e.example:y.git /y"), Some(2));
    assert_eq!(line("FROM a\nADD ${URL} /y"), Some(2));
    assert_eq!(line("FROM a\nADD x ${WHERE}"), None);
    assert_eq!(
        line("FROM a\nADD --checksum=sha256:0 https://e.example/y /"),
        None
    );
    assert_eq!(
        line("FROM a AS no\nADD https://e.example/y /\nFROM b"),
        None
    );
}

#[test]
fn knows_lines_and_syntax() {
    let file = parse(
        "# syntax = docker/dockerfile:1.4\n# a comment\n\nFROM a\nRUN one \\\n    two\nCMD x\n",
    );
    assert_eq!(file.syntax.as_deref(), Some("docker/dockerfile:1.4"));
    let lines: Vec<(u32, u32)> = file.instructions.iter().map(|i| i.lines).collect();
    assert_eq!(lines, [(4, 4), (5, 6), (7, 7)]);
    assert_eq!(parse("# a comment\n# syntax=x\nFROM a").syntax, None);
}

#[test]
fn finds_the_instruction_of_a_step() {
    let file =
        parse("FROM a AS one\nENV X=1\nRUN x\nFROM one AS two\nWORKDIR /\nRUN y\nFROM b\nCOPY . .");
    let keyword = |stage, step| {
        file.step(stage, step)
            .map(|instruction| (instruction.keyword.as_str(), instruction.lines.0))
    };
    assert_eq!(keyword(Some("one"), 1), Some(("FROM", 1)));
    assert_eq!(keyword(Some("one"), 2), Some(("RUN", 3)));
    assert_eq!(keyword(Some("two"), 2), Some(("RUN", 6)));
    assert_eq!(keyword(Some("stage-2"), 2), Some(("COPY", 8)));
    assert_eq!(keyword(None, 2), Some(("COPY", 8)));
    assert_eq!(keyword(Some("three"), 1), None);
    let empty = parse("FROM scratch\nCOPY . .");
    assert_eq!(empty.step(None, 1).map(|found| found.lines.0), Some(2));
}

#[test]
fn knows_which_context_paths_are_needed() {
    let paths = |text| parse(text).context_paths(None, &IndexMap::new());
    let owned = |list: &[&str]| Some(list.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>());
    assert_eq!(paths("FROM a\nRUN x"), owned(&[]));
    assert_eq!(
        paths("FROM a\nCOPY b ./c /d/\nCOPY [\"e f\", \"/g\"]\nADD https://x.example/y /z"),
        owned(&["b", "c", "e f"])
    );
    assert_eq!(
        paths("FROM a\nCOPY --from=x b /\nRUN --mount=type=bind,source=lock,target=/lock x"),
        owned(&["lock"])
    );
    assert_eq!(paths("FROM a\nCOPY . /"), owned(&["."]));
    assert_eq!(paths("FROM a\nRUN --mount=target=/src x"), owned(&["."]));
    assert_eq!(paths("FROM a\nCOPY $X /"), None);
    assert_eq!(
        paths("FROM a AS unused\nCOPY x /\nFROM b\nCOPY <<EOF /f\nx\nEOF"),
        owned(&[])
    );
}

#[test]
fn refuses_what_is_no_dockerfile() {
    for (text, line) in [
        ("", 1),
        ("# only a comment", 1),
        ("RUN x", 1),
        ("FROM", 1),
        ("FROM a\nFROM a b c", 2),
        ("FROM a\nRUN <<EOF\nx", 2),
    ] {
        assert_eq!(Dockerfile::parse(text).unwrap_err().line, line, "{text}");
    }
}

#[test]
fn defaults_are_read_with_what_the_build_gives() {
    let text = "ARG V=1\nARG BASE=img:${V}\nFROM ${BASE}";
    assert_eq!(names(text, None, &[]), ["img:1"]);
    assert_eq!(names(text, None, &[("V", "2")]), ["img:2"]);
    assert_eq!(names(text, None, &[("BASE", "own")]), ["own"]);
    let twice = "ARG A=1\nARG B=x:$A\nARG A=2\nFROM $B";
    assert_eq!(names(twice, None, &[]), ["x:1"]);
    let quoted = "ARG A=x\nARG B='$A'\nFROM y-$B";
    assert_eq!(names(quoted, None, &[]), ["y-$A"]);
    assert_eq!(
        names("FROM a-$TARGETARCH", None, &[("TARGETARCH", "x")]),
        ["a-x"]
    );
}

#[test]
fn defaults_may_speak_of_the_platform() {
    let mut file = parse(
        "ARG STAGE=build-${TARGETARCH}\nFROM a AS build-amd64\nFROM b AS build-arm64\nFROM ${STAGE}",
    );
    file.platforms = vec!["linux/arm64".to_owned()];
    let names: Vec<String> = file
        .references(None, &IndexMap::new())
        .into_iter()
        .map(|one| one.name)
        .collect();
    assert_eq!(names, ["b"]);
}

/// Engine 26 takes it for empty, later ones as if it were not there: both may be meant.
#[test]
fn an_argument_without_a_value_has_two_readings() {
    assert_eq!(names("ARG X\nFROM a${X-b}", None, &[]), ["ab", "a"]);
    assert_eq!(names("ARG X\nFROM a:${X-b}", None, &[]), ["a:b"]);
}

#[test]
fn sources_and_mounts_are_read_as_the_engine_does() {
    let paths = |text: &str| parse(text).context_paths(None, &IndexMap::new());
    for text in [
        "FROM a\nCOPY it\\'s /x",
        "FROM a\nCOPY a\\\"b /x",
        "FROM a\nRUN --mount=target=/m,source=$X x",
    ] {
        assert_eq!(paths(text), None, "{text}");
    }
    for (text, expected) in [
        ("FROM a\nCOPY \"it's\" /x", "it's"),
        ("FROM a\nRUN --mount=type=BIND,target=/m,source=d x", "d"),
        ("FROM a\nRUN --mount=Target=/m,SRC=d x", "d"),
        ("FROM a\nRUN --mount=target=/m,from=,source=d x", "d"),
        ("FROM a\nRUN --mount=\"target=/m,source=d e\" x", "d e"),
        ("FROM a\nCOPY --from= d /x", "d"),
    ] {
        assert_eq!(paths(text), Some(vec![expected.to_owned()]), "{text}");
        assert_eq!(names(text, None, &[]), ["a"], "{text}");
    }
    let text = "FROM a\nRUN --mount=From=other,target=/m x";
    assert_eq!(names(text, None, &[]), ["a", "other"]);
}

#[test]
fn what_a_stage_leaves_to_another_counts_there() {
    let text = "FROM a AS one\nONBUILD COPY f /f\nONBUILD COPY --from=other /v /v\nONBUILD ARG LATE\nFROM one";
    let file = parse(text);
    let none = IndexMap::new();
    assert_eq!(names(text, None, &[]), ["a", "other"]);
    assert_eq!(file.context_paths(None, &none), Some(vec!["f".to_owned()]));
    assert_eq!(file.argument_names(), ["LATE"]);
    assert!(file.triggers(None).is_empty());
    assert_eq!(names(text, Some("one"), &[]), ["a"]);
    assert_eq!(file.context_paths(Some("one"), &none), Some(Vec::new()));
    let left = file.triggers(Some("one"));
    let named = parse("FROM x AS builder").references_of_triggers(left);
    assert_eq!(named.len(), 1);
    assert_eq!(named[0].name, "other");
    assert!(
        parse("FROM x AS other")
            .references_of_triggers(left)
            .is_empty()
    );
}

#[test]
fn the_lines_of_a_heredoc_that_is_left_to_others_are_no_instructions() {
    let file = parse("FROM a\nONBUILD RUN <<EOF\nFROM x AS y z w\nEOF\nRUN x");
    assert_eq!(file.stages.len(), 1);
    assert_eq!(file.instructions[2].lines, (5, 5));
}
