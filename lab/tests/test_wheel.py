"""The wheel as it is installed: both halves, in the places where Jupyter looks for them."""

import json
import re
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WHEELS = list(Path("/wheel").glob("*.whl"))
DATA = "gpuhub_jupyterlab-{}.data/data"

pytestmark = pytest.mark.skipif(not WHEELS, reason="made by the image of these tests")


@pytest.fixture
def version() -> str:
    return (ROOT / "VERSION").read_text(encoding="utf-8").strip()


def read(name: str) -> str:
    with zipfile.ZipFile(WHEELS[0]) as wheel:
        return wheel.read(name).decode()


def names() -> list[str]:
    with zipfile.ZipFile(WHEELS[0]) as wheel:
        return wheel.namelist()


def test_one_wheel_of_this_version(version: str) -> None:
    assert [one.name for one in WHEELS] == [f"gpuhub_jupyterlab-{version}-py3-none-any.whl"]
    package = json.loads((ROOT / "lab/package.json").read_text(encoding="utf-8"))
    assert package["version"] == version


def test_the_labextension_has_hashed_names(version: str) -> None:
    folder = f"{DATA.format(version)}/share/jupyter/labextensions/gpuhub-jupyterlab/"
    package = json.loads(read(folder + "package.json"))
    assert folder + package["jupyterlab"]["_build"]["load"] in names()
    scripts = [name for name in names() if name.startswith(folder + "static/")]
    unhashed = [name for name in scripts if not re.search(r"\.[0-9a-f]{16}\.js$", name)]
    assert {Path(name).name for name in unhashed} == {"style.js", "third-party-licenses.json"}


def test_the_server_extension_is_on_by_itself(version: str) -> None:
    place = "etc/jupyter/jupyter_server_config.d/gpuhub_jupyterlab.json"
    on = json.loads(read(f"{DATA.format(version)}/{place}"))
    assert on["ServerApp"]["jpserver_extensions"] == {"gpuhub_jupyterlab": True}
    assert "gpuhub_jupyterlab/handlers.py" in names()


def test_licence_is_in_it(version: str) -> None:
    metadata = read(f"gpuhub_jupyterlab-{version}.dist-info/METADATA")
    assert "License-Expression: BSD-3-Clause\nLicense-File: LICENSE" in metadata
