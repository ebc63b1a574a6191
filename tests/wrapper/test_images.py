"""An image is built again when, and only when, something that goes into it has changed."""

from pathlib import Path

import pytest
from conftest import CHECKOUT, Shell

DOCKERFILE = """
# COPY not/this /x
ARG BUILD_IMAGE=gpuhub/build:0.0.1
ARG LAB_IMAGE=gpuhub/lab:0.0.1
FROM ${BUILD_IMAGE} AS build
FROM $LAB_IMAGE AS lab
COPY VERSION allocator/src \\
     allocator/api /src/
RUN --mount=type=bind,source=extra,target=/x --mount=type=secret,id=ca true
FROM --platform=linux/amd64 debian:trixie-slim
COPY --from=build --chown=1:1 /out /
RUN --mount=type=bind,from=lab,target=/lab true
COPY --from=busybox:1 /bin/x /x
ADD ["a file.txt", "/y/"]
"""


def inputs(shell: Shell, text: str) -> list[str]:
    return sorted(shell.call("dockerfile_inputs", shell.write("Dockerfile", text)).lines)


def test_inputs_are_read_from_the_dockerfile(shell: Shell) -> None:
    found = inputs(shell, DOCKERFILE.replace('"a file.txt"', '"a.txt"'))
    assert found == [
        "copy VERSION", "copy a.txt", "copy allocator/api", "copy allocator/src", "copy extra",
        "from busybox:1", "from debian:trixie-slim", "from gpuhub/build:0.0.1", "from gpuhub/lab:0.0.1",
    ]  # fmt: skip


def test_a_build_is_told_the_names_of_our_images(shell: Shell) -> None:
    path = shell.write("Dockerfile", DOCKERFILE + "ARG OTHER=1\n")
    assert shell.call("image_arguments", path).lines == [
        "--build-arg", "BUILD_IMAGE=gpuhub/build:0.0.1",
        "--build-arg", "LAB_IMAGE=gpuhub/lab:0.0.1",
    ]  # fmt: skip


@pytest.mark.parametrize("path", sorted(CHECKOUT.glob("images/*/Dockerfile")), ids=lambda p: p.parent.name)
def test_what_our_dockerfiles_copy_is_there(shell: Shell, path: Path) -> None:
    sources = [line[5:] for line in shell.call("dockerfile_inputs", path).lines if line[:4] == "copy"]
    assert [source for source in sources if not list(CHECKOUT.glob(source))] == []
    said = shell.call("dockerfile_inputs", path).lines
    bases = {line[5:].split(":")[0] for line in said if line.startswith("from ")}
    assert bases <= {"debian", "gpuhub/build", "gpuhub/lab"}


@pytest.fixture
def image(shell: Shell) -> Shell:
    shell.write("images/x/Dockerfile", "FROM debian:trixie-slim\nCOPY src one.txt /x/\n")
    shell.write("src/a.txt", "a")
    shell.write("one.txt", "1")
    return shell


def key(shell: Shell, name: str = "x") -> str:
    said = shell.call("image_inputs", name)
    assert said.status == 0, said.err
    assert len(said.out.strip()) == 64
    return said.out


def test_same_files_same_key(image: Shell) -> None:
    before = key(image)
    (image.root / "src/a.txt").touch()
    image.write("other/b.txt", "not copied")
    image.write("src/__pycache__/a.pyc", "made by python")
    assert key(image) == before


def test_any_change_changes_the_key(image: Shell) -> None:
    seen = {key(image)}
    image.write("src/a.txt", "b")
    seen.add(key(image))
    image.write("src/new.txt", "")
    seen.add(key(image))
    (image.root / "src/a.txt").rename(image.root / "src/c.txt")
    seen.add(key(image))
    (image.root / "one.txt").chmod(0o755)
    seen.add(key(image))
    image.write("images/x/Dockerfile", "FROM debian:trixie-slim\nCOPY one.txt src /x/\n")
    seen.add(key(image))
    seen.add(key(image, "x:stage"))
    assert len(seen) == 7


def test_what_it_starts_from_counts(shell: Shell) -> None:
    shell.write("images/build/Dockerfile", "FROM debian:trixie-slim\n")
    shell.write("images/x/Dockerfile", "FROM gpuhub/build:0.0.1\n")
    before = key(shell)
    shell.write("images/build/Dockerfile", "FROM debian:trixie-slim\nRUN true\n")
    assert key(shell) != before


@pytest.mark.parametrize(
    ("labels", "base", "current"),
    [("KEY sha256:1", "sha256:1", "yes"), ("KEY sha256:1", "sha256:2", "no"),
     ("OLD sha256:1", "sha256:1", "no"), ("KEY sha256:1", None, "yes"), (None, "sha256:1", "no")],
)  # fmt: skip
def test_current(shell: Shell, labels: str | None, base: str | None, current: str) -> None:
    """A base that is not there cannot have changed: finished images may be handed over alone."""
    answer = {"debian:trixie-slim": base, "gpuhub/x:1": labels}
    cases = "".join(
        f"*{name}*) echo '{text}' ;;\n" if text else f"*{name}*) exit 1 ;;\n"
        for name, text in answer.items()
    )
    shell.command("docker", f'case "$*" in {cases} esac')
    said = shell.run('image_is_current "$1" KEY && echo yes || echo no', "gpuhub/x:1")
    assert said.out == f"{current}\n"


def test_an_image_that_is_current_costs_no_build(image: Shell) -> None:
    image.command("docker", f'[[ $* == *debian* ]] && exit 1; echo "{key(image).strip()} sha256:1"')
    assert image.call("image_ensure", "x").status == 0
    assert [call for call in image.called if "build" in call.split()] == []


def test_unknown_image(shell: Shell) -> None:
    said = shell.call("image_ensure", "nonsense")
    assert said.status == 1
    assert "no image called nonsense" in said.err
