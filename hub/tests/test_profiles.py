"""Profiles: what may be chosen, by form and by API, and how it looks."""

import pytest
from bs4 import BeautifulSoup

from jupyterhub_gpu.profile_form import free_gpus, render_form
from jupyterhub_gpu.profiles import (
    BadOptions,
    Limits,
    NotForYou,
    Profile,
    choose,
    default_profile,
    options_from_form,
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
        render_form(OFFERED, choose(OFFERED, {}), [gpu(0), gpu(1)], "It <died>.", waits=False),
        "html.parser",
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
    page = render_form(OFFERED, choose(OFFERED, {}), None, "", waits=True)
    assert "does not answer" in page
    assert "Not free" not in page
    assert 'role="status"' not in page


def test_the_form_says_where_one_would_wait():
    page = render_form(OFFERED, choose(OFFERED, {}), [gpu(0), gpu(1)], "", waits=True)
    assert "Not free now (needs 2, 1 with room). You would wait in line." in page
    too_big = [profile("many", {"count": 3})]
    assert "wait" not in render_form(too_big, None, [gpu(1), gpu(1)], "", waits=True)


def test_a_lifetime_is_told_from_the_start():
    week = [profile("week", {"count": 1}, max_lifetime_s=7 * 86400)]
    page = render_form(week, choose(week, {}), [gpu(0)], "", waits=True)
    assert "Ends 7 days after its start." in page
    assert "after its start" not in render_form(OFFERED, None, [gpu(0)], "", waits=True)


RICH = [
    profile("some", {"range": [1, 4]}),
    profile("big", {"count": 1}, groups=["vision", "robots"], images=["torch:1", "jax:2"]),
]


@pytest.mark.parametrize(
    ("told", "gpus"),
    [
        ({}, {"count": 1}),
        ({"profile": "some", "gpus": 4}, {"count": 4}),
        ({"gpus": 2}, {"count": 2}),
    ],
)
def test_a_number_of_gpus_may_be_chosen(told, gpus):
    choice = choose(RICH, told)
    assert choice.gpus == gpus
    assert choose(RICH, choice.options) == choice
    assert choice.display_name.startswith(f"SOME ({gpus['count']} GPU")


def test_a_range_from_nought_may_mean_none():
    assert choose([profile("x", {"range": [0, 2]})], {}).gpus == {"none": True}


@pytest.mark.parametrize("number", [0, 5, -1, 1.0, "2", True, None, [1], 10**9])
def test_a_number_outside_the_limits_is_refused(number):
    with pytest.raises(BadOptions, match="1 to 4"):
        choose(RICH, {"profile": "some", "gpus": number})


def test_a_profile_is_for_its_groups_only():
    assert choose(RICH, {"profile": "big"}, ["robots"]).slug == "big"
    for groups in ([], ["vision2"], ["Vision"]):
        with pytest.raises(NotForYou, match="members of “vision” or “robots”"):
            choose(RICH, {"profile": "big"}, groups)
    with pytest.raises(NotForYou, match="No profile is open to you"):
        choose(RICH[1:], {}, ["others"])
    with pytest.raises(BadOptions, match="On offer: some"):
        choose(RICH, {"profile": "nope"})


def test_an_image_is_one_of_the_profiles():
    assert choose(RICH, {"profile": "big"}, ["vision"]).image == "torch:1"
    assert choose(RICH, {"profile": "big", "image": "jax:2"}, ["vision"]).image == "jax:2"
    for image in ("evil:1", "torch", "", None, ["jax:2"], {}):
        with pytest.raises(BadOptions, match="On offer: torch:1, jax:2"):
            choose(RICH, {"profile": "big", "image": image}, ["vision"])
    with pytest.raises(BadOptions, match="Unknown option: image"):
        choose(RICH, {"profile": "some", "image": "jax:2"}, ["vision"])


def test_the_forms_fields_of_other_profiles_do_not_count():
    form = {"profile": ["some"], "gpus-some": ["3"], "image-big": ["jax:2"]}
    assert options_from_form(RICH, form) == {"profile": "some", "gpus": 3}
    form["profile"] = ["big"]
    told = options_from_form(RICH, form, ["vision"])
    assert told == {"profile": "big", "image": "jax:2"}


@pytest.mark.parametrize(
    "form",
    [
        {"profile": ["some"], "gpus-some": ["5"]},
        {"profile": ["some"], "gpus-some": ["1e0"]},
        {"profile": ["some"], "gpus-some": [" 1"]},
        {"profile": ["some"], "gpus-some": ["٣"]},
        {"profile": ["some"], "gpus-other": ["1"]},
        {"profile": ["some"], "memory-some": ["1"]},
        {"profile": ["big"]},
    ],
)
def test_forms_that_ask_for_more_are_refused(form):
    with pytest.raises(BadOptions):
        options_from_form(RICH, form)


def test_the_form_has_a_field_for_what_may_be_chosen():
    chosen = choose(RICH, {"profile": "some", "gpus": 3}, ["vision"])
    page = BeautifulSoup(render_form(RICH, chosen, None, "", waits=True), "html.parser")
    number = page.find("input", type="number")
    assert [number[key] for key in ("name", "min", "max", "value")] == ["gpus-some", "1", "4", "3"]
    assert page.find("label", attrs={"for": "gpus-some"})
    assert [each["value"] for each in page.find_all("option")] == ["torch:1", "jax:2"]
    nothing = render_form([], None, [gpu(0)], "", waits=True)
    assert "No profile is open to you" in nothing


def test_limits_of_a_profile_win_where_they_are_set():
    mine = Limits.parse({"memory_bytes": 5, "pids": None})
    assert mine.over(Limits(1, 2.0, 3, 4)) == Limits(5, 2.0, 3, 4)
