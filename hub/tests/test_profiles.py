"""Profiles: what may be chosen, by form and by API, and how it looks."""

import pytest
from bs4 import BeautifulSoup

from jupyterhub_gpu.profiles import (
    BadOptions,
    Profile,
    choose,
    default_profile,
    free_gpus,
    options_from_form,
    render_form,
)


def profile(slug, gpus, **more):
    return Profile.parse({"slug": slug, "display_name": slug.upper(), "gpus": gpus, **more})


OFFERED = [
    profile("none", {"none": True}),
    profile("one", {"count": 1}, default=True, description="<b>fast</b>"),
    profile("all", {"all": True}, mode="exclusive"),
]


def gpu(used, slots=1, mode="free", state="ok"):
    return {"used": used, "slots": slots, "mode": mode, "state": state}


@pytest.mark.parametrize("told", [{}, {"profile": "one"}])
def test_the_default_and_the_named(told):
    assert choose(OFFERED, told).slug == "one"


def test_without_a_default_the_first_counts():
    assert default_profile([OFFERED[0], OFFERED[2]]).slug == "none"


@pytest.mark.parametrize(
    ("told", "says"),
    [
        ({"profile": "two"}, "no profile 'two'. On offer: none, one, all"),
        ({"profile": "one "}, "no profile"),
        ({"profile": ["one"]}, "no profile"),
        ({"profile": None}, "no profile None"),
        ({"profile": {}}, "no profile"),
        ({"profile": "one", "image": "x"}, "Unknown option: image"),
        ({"gpus": 8}, "Unknown option: gpus"),
        ([], "must be an object"),
        ("one", "must be an object"),
        (None, "must be an object"),
    ],
)
def test_anything_else_is_refused(told, says):
    with pytest.raises(BadOptions, match=says):
        choose(OFFERED, told)


def test_a_form_becomes_options():
    assert options_from_form(OFFERED, {"profile": ["all"], "_xsrf": ["t"]}) == {"profile": "all"}


@pytest.mark.parametrize(
    "form",
    [
        {"profile": ["one", "all"]},
        {"profile": []},
        {"profile": "one"},
        {"profile": ["one"], "x_file": [{"body": b""}]},
    ],
)
def test_odd_forms_are_refused(form):
    with pytest.raises(BadOptions):
        options_from_form(OFFERED, form)


@pytest.mark.parametrize(
    "told",
    [
        {"mode": "borrowed"},
        {"gpus": {}},
        {"gpus": {"count": 1, "all": True}},
        {"gpus": 3},
    ],
)
def test_profiles_that_make_no_sense(told):
    with pytest.raises(ValueError, match="not understood"):
        Profile.parse({"slug": "x", "display_name": "X", "gpus": {"count": 1}, **told})


@pytest.mark.parametrize(
    ("gpus", "shared", "exclusive"),
    [
        ([], 0, 0),
        ([gpu(0), gpu(1)], 1, 1),
        ([gpu(1, 2, "shared"), gpu(2, 2, "shared")], 1, 0),
        ([gpu(1, 4, "exclusive")], 0, 0),
        ([gpu(0, state="missing")], 0, 0),
    ],
)
def test_room(gpus, shared, exclusive):
    assert (free_gpus(gpus, "shared"), free_gpus(gpus, "exclusive")) == (shared, exclusive)


def test_the_form_can_be_used_without_seeing_it():
    page = BeautifulSoup(
        render_form(OFFERED, "one", [gpu(0), gpu(1)], "It <died>.", waits=False), "html.parser"
    )
    assert page.legend
    for button in page.find_all("input"):
        assert page.find("label", attrs={"for": button["id"]})
        assert page.find(id=button["aria-describedby"])
    assert [each["value"] for each in page.find_all("input", checked=True)] == ["one"]
    assert "1 of 2 GPUs have room now" in page.text
    assert "Not free now (needs 2, 1 with room)." in page.text
    assert "<b>fast</b>" in page.text
    assert "It <died>." in page.find(role="status").text


def test_the_form_without_an_allocator():
    page = render_form(OFFERED, "one", None, "", waits=True)
    assert "does not answer" in page
    assert "Not free" not in page
    assert 'role="status"' not in page


def test_the_form_says_where_one_would_wait():
    page = render_form(OFFERED, "one", [gpu(0), gpu(1)], "", waits=True)
    assert "Not free now (needs 2, 1 with room). You would wait in line." in page
    too_big = [profile("many", {"count": 3})]
    assert "wait" not in render_form(too_big, "many", [gpu(1), gpu(1)], "", waits=True)
