"""Servers that run as the person, in his home, through a real hub."""

from __future__ import annotations

import io
import tarfile

import pytest
from fake_engine import engine_error

from jupyterhub_gpu import GpuSystemUserSpawner

ANA = {
    "uid": 2001,
    "gid": 2001,
    "groups": [{"name": "ana", "gid": 2001}, {"name": "vision", "gid": 3000}],
    "home": "/home/ana",
    "shell": "/bin/bash",
}
MISSING = "invalid mount config for type bind: bind source path does not exist: /home/ana"


@pytest.fixture
async def homes_hub(hub, engine, monkeypatch):
    monkeypatch.setattr(GpuSystemUserSpawner, "_client", engine)
    monkeypatch.setattr(GpuSystemUserSpawner, "_executor", None)
    hub.app.users.settings["spawner_class"] = GpuSystemUserSpawner
    hub.app.tornado_settings["spawner_class"] = GpuSystemUserSpawner
    hub.app.config.GpuSystemUserSpawner.home_image = "hub:1"
    return hub


async def told(hub, name, account):
    """What a log-in would have found out."""
    await hub.api("POST", f"/users/{name}")
    await hub.app.users[name].save_auth_state({"account": account})


def notebook(engine):
    (container,) = (each for each in engine.containers.values() if each["Name"].startswith("nb-"))
    return container


async def test_it_runs_as_the_person_with_all_groups_in_the_own_home(homes_hub, engine, allocator):
    await told(homes_hub, "ana", ANA)
    await homes_hub.start("ana")
    container = notebook(engine)
    assert container["Config"]["User"] == "2001:2001"
    assert container["Config"]["WorkingDir"] == "/home/ana"
    assert container["HostConfig"]["GroupAdd"] == ["3000"]
    (home,) = container["HostConfig"]["Mounts"]
    assert (home["Source"], home["Target"], home["Type"]) == ("/home/ana", "/home/ana", "bind")
    assert not container["HostConfig"].get("Binds")
    env = container["Config"]["Env"]
    assert {"HOME=/home/ana", "USER=ana", "LOGNAME=ana", "NB_UID=2001"} <= set(env)
    files = engine.files[container["Id"]]
    assert files["etc/passwd"].startswith(b"ana:x:2001:2001::/home/ana:/bin/bash\nroot:")
    assert b"vision:x:3000:ana\n" in files["etc/group"]
    assert engine.calls.index("put_archive") < engine.calls.index("start")


async def test_a_server_that_was_never_started_can_be_shown(homes_hub, engine, allocator):
    await told(homes_hub, "ana", ANA)
    await homes_hub.start("ana", server="b")
    assert (await homes_hub.api("GET", "/users/ana?include_stopped_servers"))[0] == 200
    homes_hub.app.users["ana"].spawners[""].get_state()


async def test_a_changed_uid_counts_at_the_next_start(homes_hub, engine, allocator):
    await told(homes_hub, "ana", ANA)
    await homes_hub.start("ana")
    await homes_hub.stop("ana")
    await told(homes_hub, "ana", {**ANA, "uid": 2002})
    await homes_hub.start("ana")
    assert notebook(engine)["Config"]["User"] == "2002:2001"


@pytest.mark.parametrize(
    ("account", "words"),
    [
        (None, "Your account has no uid"),
        ({**ANA, "uid": 0}, "cannot be used"),
        ({**ANA, "uid": 999}, "below uid 1000"),
        ({**ANA, "home": "/etc"}, "does not lie in /home"),
    ],
)
async def test_who_cannot_have_a_server_is_told_before_a_gpu_is_taken(
    homes_hub, engine, allocator, account, words
):
    await told(homes_hub, "ana", account)
    status, said = await homes_hub.ask("ana")
    assert (status, words in said["message"]) == (403, True), said
    assert allocator.leases == {}
    assert engine.containers == {}


async def test_a_person_without_a_uid_may_be_mapped(homes_hub, engine, allocator):
    homes_hub.app.config.GpuSystemUserSpawner.mapped_accounts = {"ana": (5001, 100)}
    await told(homes_hub, "ana", None)
    await homes_hub.start("ana")
    assert notebook(engine)["Config"]["User"] == "5001:100"
    assert notebook(engine)["Config"]["WorkingDir"] == "/home/ana"


async def test_a_missing_home_is_made_first(homes_hub, engine, allocator):
    await told(homes_hub, "ana", ANA)
    engine.fail["create_container"] = [engine_error(400, MISSING)]
    engine.exits["make-home"] = 0
    await homes_hub.start("ana")
    (made,) = engine.gone_of("gpuhub-make-home-")
    assert made["Config"]["Cmd"] == ["2001", "2001", "ana"]
    assert made["HostConfig"]["CapDrop"] == ["ALL"]
    assert made["HostConfig"]["NetworkMode"] == "none"
    assert "gpuhub.lease" not in made["Config"]["Labels"]
    assert [each["Source"] for each in made["HostConfig"]["Mounts"]] == ["/home", "/etc/skel"]
    assert notebook(engine)["State"]["Status"] == "running"


async def test_a_home_that_cannot_be_made_ends_the_start_in_words(homes_hub, engine, allocator):
    await told(homes_hub, "ana", ANA)
    engine.fail["create_container"] = [engine_error(400, MISSING)]
    engine.exits["make-home"] = 1
    status, said = await homes_hub.ask("ana")
    assert (status, said["message"]) == (
        500,
        "Your home, /home/ana, could not be made. Ask an admin.",
    )
    assert engine.containers == {}
    assert allocator.state("ana") == ["ended"]


async def test_a_missing_home_may_be_refused(homes_hub, engine, allocator):
    homes_hub.app.config.GpuSystemUserSpawner.missing_home = "refuse"
    await told(homes_hub, "ana", ANA)
    engine.fail["create_container"] = [engine_error(400, MISSING)]
    status, said = await homes_hub.ask("ana")
    assert (status, "is not there" in said["message"]) == (403, True)
    assert engine.containers == {}
    assert allocator.state("ana") == ["ended"]


async def test_files_of_the_configuration_go_in(hub, engine, allocator, tmp_path):
    (tmp_path / "ca.pem").write_text("CA")
    hub.app.config.GpuMixin.added_files = {"/etc/gpuhub/ca.pem": str(tmp_path / "ca.pem")}
    await hub.start("bo")
    assert engine.files[notebook(engine)["Id"]] == {"etc/gpuhub/ca.pem": b"CA"}


def test_archives_of_the_fake_are_tars(engine):
    with tarfile.open(
        fileobj=io.BytesIO(b"".join(engine.get_archive("x", "/etc/group")[0]))
    ) as tar:
        assert tar.getnames() == ["group"]
