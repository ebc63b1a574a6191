"""A server's cell through a real hub: there before the server, found again, gone after it."""

import asyncio
import json

import pytest
from conftest import until
from dockerspawner import SystemUserSpawner
from fake_allocator import problem
from fake_engine import NETWORK, engine_error
from requests.exceptions import ConnectionError as EngineGone
from test_cell_rules import TOLD
from test_ends import background_done, forget, only
from traitlets import TraitError

from jupyterhub_gpu import GpuMixin
from jupyterhub_gpu.cell import cell_of
from jupyterhub_gpu.closed import close_container
from jupyterhub_gpu.stray_cells import AFTER_S, StrayCells


@pytest.fixture
def isolate():
    return True


@pytest.fixture(autouse=True)
def network(tmp_path):
    path = tmp_path / "network.json"
    path.write_text(json.dumps(TOLD))
    return path


def cell(engine):
    (found,) = engine.cells.values()
    return found


def env(container):
    return dict(line.split("=", 1) for line in container["Config"]["Env"])


async def test_the_cell_is_ready_before_the_server_is_created(hub, engine, allocator):
    await hub.start("ana")
    wanted = ["create_container", "start", "logs", "inspect_container", "create_container", "start"]
    begun = engine.calls.index("create_container")
    assert engine.calls[begun : begun + 6] == wanted
    assert engine.shown() == {"nb-ana--": "running"}
    assert cell(engine)["Name"] == "nb-ana--.cell"
    assert cell_of(only(engine)) == cell(engine)["Id"]


async def test_the_cell_has_few_rights_and_no_gpus(hub, engine, allocator):
    await hub.start("ana")
    found = cell(engine)
    host = found["HostConfig"]
    assert (host["CapDrop"], host["CapAdd"]) == (["ALL"], ["NET_ADMIN"])
    assert host["ReadonlyRootfs"] is True
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["NetworkMode"] == NETWORK
    assert 0 < host["PidsLimit"] <= 32
    assert 0 < host["Memory"] <= 64 * 1024 * 1024
    assert not host.get("RestartPolicy")
    assert not host.get("Binds")
    assert env(found)["NVIDIA_VISIBLE_DEVICES"] == "void"
    assert set(env(found)) == {"NVIDIA_VISIBLE_DEVICES", "GPUHUB_CELL_RULES"}


async def test_a_server_knows_where_the_status_service_is(hub, engine, allocator):
    hub.app.config.DockerSpawner.environment = {"no_proxy": "hub", "NO_PROXY": "hub", "a": "b"}
    await hub.start("ana")
    told = env(only(engine))
    assert told["GPUHUB_STATUS_URL"] == "http://10.213.0.4:8082/services/gpus"
    assert told["no_proxy"] == told["NO_PROXY"] == "hub,10.213.0.4"


async def test_facts_of_an_older_up_tell_of_no_status_service(hub, engine, allocator, network):
    network.write_text(json.dumps({k: v for k, v in TOLD.items() if k != "status"}))
    await hub.start("ana")
    assert "GPUHUB_STATUS_URL" not in env(only(engine))
    assert engine.shown() == {"nb-ana--": "running"}


async def test_the_cell_is_found_by_labels_and_taken_for_no_server(hub, engine, allocator):
    await hub.start("ana", server="x")
    labels = cell(engine)["Config"]["Labels"]
    assert (labels["gpuhub.cell"], labels["gpuhub.owner"]) == ("1", "hub/ana/x")
    assert labels["gpuhub.cell.lease"] == "L-0000"
    assert "gpuhub.lease" not in labels
    assert "gpuhub.notebook" not in labels


async def test_the_rules_have_the_servers_and_the_hubs_own_ports(hub, engine, allocator):
    await hub.start("ana")
    rules = env(cell(engine))["GPUHUB_CELL_RULES"]
    assert "ip saddr { 10.213.0.2, 10.213.0.3 } tcp dport 8888 accept" in rules
    port = hub.app.config.JupyterHub.hub_bind_url.rsplit(":", 1)[1]
    assert f"ip daddr 10.213.0.2 tcp dport {port} accept" in rules


async def test_the_server_is_closed_and_joins(hub, engine, allocator):
    await hub.start("ana")
    host = only(engine)["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert host["PidsLimit"] == 2048
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert host["NetworkMode"] == f"container:{cell(engine)['Id']}"
    address = cell(engine)["NetworkSettings"]["Networks"][NETWORK]["IPAddress"]
    assert only(engine)["Config"]["Labels"]["gpuhub.address"] == address
    assert hub.app.proxy.routes["/user/ana/"]["target"] == f"http://{address}:8888"


async def test_what_does_not_go_with_a_joined_network_goes_to_the_cell(hub, engine, allocator):
    own = {"dns": ["192.168.0.53"], "extra_hosts": {"nas": "10.1.0.9"}, "cap_add": ["SYS_NICE"]}
    hub.app.config.DockerSpawner.extra_host_config = own
    hub.app.config.DockerSpawner.extra_create_kwargs = {"hostname": "lab"}
    hub.app.config.GpuMixin.reach = ["10.1.0.9"]
    await hub.start("ana")
    server, its_cell = only(engine)["HostConfig"], cell(engine)
    assert (its_cell["HostConfig"]["Dns"], its_cell["HostConfig"]["ExtraHosts"]) == (
        ["192.168.0.53"],
        ["nas:10.1.0.9"],
    )
    assert not {"Dns", "ExtraHosts", "PortBindings", "Links"} & set(server)
    assert (server["CapDrop"], server["CapAdd"]) == (["ALL"], ["SYS_NICE"])
    rules = env(its_cell)["GPUHUB_CELL_RULES"]
    assert "ip daddr 10.1.0.9/32 accept" in rules
    assert "ip daddr 192.168.0.53 meta l4proto { tcp, udp } th dport 53 accept" in rules


# --- refusals -----------------------------------------------------------------------------------


async def refused(hub, engine, allocator):
    """A start that is refused, and that leaves nothing; the words."""
    status, told = await hub.ask("ana")
    assert status == 500
    assert engine.containers == engine.cells == {}
    allocator.settle()
    assert allocator.state("ana") == ["ended"]
    return told["message"]


@pytest.mark.parametrize("says", [(b"syntax er", b"ror, line 3\n"), ()])
async def test_rules_that_cannot_be_loaded(hub, engine, allocator, caplog, says):
    engine.cell_says = says
    words = await refused(hub, engine, allocator)
    assert "could not be closed off" in words
    assert "doctor" in words
    assert (says and "syntax error, line 3" in caplog.text) or "without a word" in caplog.text
    assert engine.calls.count("create_container") == 1, "no server was created"


async def test_a_cell_that_is_never_ready(hub, engine, allocator, caplog):
    engine.cell_says = None
    hub.app.config.GpuMixin.cell_timeout = 1
    assert "could not be closed off" in await refused(hub, engine, allocator)
    assert "not ready within 1 s" in caplog.text
    assert engine.calls.count("create_container") == 1


async def test_no_facts_no_start(hub, engine, allocator, network):
    network.unlink()
    assert "could not be closed off" in await refused(hub, engine, allocator)
    assert "create_container" not in engine.calls


async def test_another_network_in_the_admins_settings(hub, engine, allocator):
    hub.app.config.DockerSpawner.extra_host_config = {"network_mode": "host"}
    assert "another network" in await refused(hub, engine, allocator)


async def test_an_image_that_is_not_there(hub, engine, allocator):
    engine.fail["create_container"] = [engine_error(404, "No such image: gpuhub/cell")]
    assert "No such image: gpuhub/cell" in await refused(hub, engine, allocator)


def test_bad_reach_is_refused_when_it_is_set():
    with pytest.raises(TraitError, match=r"'10\.0\.0\.1/8' is not an address"):
        GpuMixin(reach=["10.0.0.1/8"])


async def test_without_isolation_there_is_no_cell_but_the_server_is_closed(hub, engine, allocator):
    hub.app.config.GpuMixin.isolate = False
    await hub.start("ana")
    assert engine.cells == {}
    host = only(engine)["HostConfig"]
    assert (host["NetworkMode"], host["CapDrop"]) == (NETWORK, ["ALL"])
    await hub.stop("ana")


def test_closing_changes_nothing_that_an_admin_asked_for():
    given = {"host_config": {"PidsLimit": 9, "SecurityOpt": ["seccomp=x"], "CapDrop": []}, "a": 1}
    closed = close_container(given, 5)
    assert closed["host_config"]["PidsLimit"] == 9
    assert closed["host_config"]["SecurityOpt"] == ["seccomp=x", "no-new-privileges"]
    assert closed["host_config"]["CapDrop"] == []
    assert given["host_config"]["SecurityOpt"] == ["seccomp=x"]
    assert closed["a"] == 1


# --- the end ------------------------------------------------------------------------------------


async def test_stop_removes_the_server_then_the_cell(hub, engine, allocator):
    await hub.start("ana")
    assert await hub.stop("ana") == 204
    assert engine.containers == engine.cells == {}
    assert "cell_id" not in hub.app.users["ana"].orm_spawners[""].state


async def test_a_server_that_died_takes_its_cell_along(hub, engine, allocator):
    await hub.start("ana")
    engine.die(only(engine)["Id"], 137)
    await until(lambda: engine.cells == {})


@pytest.mark.parametrize(
    ("method", "nth"),
    [("create_container", 1), ("start", 1), ("logs", 1), ("inspect_container", 3),
     ("create_container", 2), ("start", 2), ("inspect_container", 4)],
)  # fmt: skip
async def test_a_failing_call_leaves_nothing(hub, engine, allocator, method, nth):
    """The cell's calls in their order, then the server's."""
    enter, seen = engine._enter, []

    def entering(asked):
        enter(asked)
        seen.append(asked)
        if asked == method and seen.count(method) == nth:
            raise engine_error(500)

    engine._enter = entering
    status, told = await hub.ask("ana")
    engine._enter = enter
    assert status == 500, told
    await background_done()
    assert engine.containers == engine.cells == {}
    await hub.start("ana")


async def test_a_refused_bind_leaves_no_cell(hub, engine, allocator):
    allocator.script = [None, None, problem("lease-state", 409)]
    assert (await hub.ask("ana"))[0] == 503
    assert engine.containers == engine.cells == {}


@pytest.mark.parametrize("stage", ["create_container", "start", "logs", "inspect_image", "wait"])
async def test_a_start_cancelled_at_each_stage_leaves_nothing(hub, engine, allocator, stage):
    if stage == "wait":
        engine.slow["start"] = 0.2
    else:
        engine.slow[stage] = 1.2
    asking = asyncio.ensure_future(hub.ask("ana"))
    await until(lambda: ("start" if stage == "wait" else stage) in engine.calls)
    assert await hub.stop("ana") in (202, 204)
    await asking
    await until(lambda: not hub.spawner("ana").pending)
    if hub.spawner("ana").ready:  # it was up before the cancellation could take hold
        await hub.stop("ana")
    await background_done()
    engine.slow.clear()
    assert engine.containers == engine.cells == {}
    await hub.start("ana", "two-gpus")


async def test_a_cancelled_wait_for_ready_leaves_nothing(hub, engine, allocator):
    engine.cell_says = None
    asking = asyncio.ensure_future(hub.ask("ana"))
    await until(lambda: "logs" in engine.calls)
    await hub.stop("ana")
    await asking
    await until(lambda: not hub.spawner("ana").pending)
    await background_done()
    assert engine.containers == engine.cells == {}


async def test_what_a_cancelled_start_undoes_is_not_the_next_ones(hub, engine, allocator):
    await hub.start("ana")
    await hub.spawner("ana")._remove_leftover("L-9999")
    assert len(engine.containers) == len(engine.cells) == 1


async def test_a_cell_in_the_way_is_replaced(hub, engine, allocator):
    labels = {"gpuhub.cell": "1", "gpuhub.owner": "hub/ana/", "gpuhub.cell.lease": "L-0999"}
    old = engine.create_container(
        name="nb-ana--.cell", host_config={}, environment={}, labels=labels
    )
    await hub.start("ana")
    assert cell(engine)["Id"] != old["Id"]


@pytest.mark.parametrize(
    "labels", [{}, {"gpuhub.cell": "1", "gpuhub.owner": "other/ana/", "gpuhub.cell.lease": "L-1"}]
)
async def test_what_is_not_ours_is_left(hub, engine, allocator, labels):
    engine.create_container(name="nb-ana--.cell", host_config={}, environment={}, labels=labels)
    status, told = await hub.ask("ana")
    assert status == 500
    assert "is in use" in told["message"]
    assert len(engine.containers) + len(engine.cells) == 1


async def test_a_cell_that_could_not_be_removed_does_not_stop_the_end(hub, engine, allocator):
    await hub.start("ana")
    enter = engine._enter

    def refuse_the_cell(method):
        if method == "remove_container" and not engine.containers:
            raise EngineGone("refused")
        enter(method)

    engine._enter = refuse_the_cell
    assert await hub.stop("ana") == 204
    assert len(engine.cells) == 1
    engine._enter = enter
    await hub.start("ana")
    assert len(engine.cells) == 1


# --- found again --------------------------------------------------------------------------------


async def test_an_adopted_server_keeps_its_cell(hub, engine, allocator):
    await hub.start("ana")
    ident, its_cell = only(engine)["Id"], cell(engine)["Id"]
    forget(hub, "ana")
    await hub.start("ana")
    assert (only(engine)["Id"], cell(engine)["Id"]) == (ident, its_cell)
    await hub.stop("ana")
    assert engine.containers == engine.cells == {}


async def test_a_server_whose_cell_died_is_not_adopted(hub, engine, allocator):
    await hub.start("ana")
    ident = only(engine)["Id"]
    engine.cells.clear()
    forget(hub, "ana")
    await hub.start("ana")
    assert only(engine)["Id"] != ident
    assert cell_of(only(engine)) == cell(engine)["Id"]


async def test_a_server_whose_cell_died_is_stopped_and_started(hub, engine, allocator):
    await hub.start("ana")
    engine.cells.clear()
    assert (await hub.spawner("ana").get_ip_and_port())[1] == 8888
    assert await hub.stop("ana") == 204
    assert engine.containers == {}
    await hub.start("ana")


async def test_a_hub_that_comes_back_finds_both(hub_again, engine, allocator):
    hub = await hub_again()
    await hub.start("ana")
    ident, its_cell = only(engine)["Id"], cell(engine)["Id"]
    hub = await hub_again()
    await until(lambda: hub.spawner("ana").ready)
    assert (only(engine)["Id"], cell(engine)["Id"]) == (ident, its_cell)
    assert hub.spawner("ana").cell_id == its_cell
    await hub.stop("ana")
    assert engine.containers == engine.cells == {}


async def test_a_renamed_hub_still_removes_its_own(hub, engine, allocator):
    await hub.start("ana")
    hub.spawner("ana").hub_name = "new"
    await hub.stop("ana")
    assert engine.containers == engine.cells == {}


async def test_deleting_a_user_leaves_no_cell(hub, engine, allocator):
    await hub.start("ana")
    await hub.start("ana", "none", server="x")
    assert len(engine.cells) == 2
    assert (await hub.api("DELETE", "/users/ana"))[0] == 204
    assert engine.containers == engine.cells == {}


async def test_it_goes_over_any_dockerspawner_class():
    class Mixed(GpuMixin, SystemUserSpawner):
        pass

    names = [each.__name__ for each in Mixed.__mro__]
    assert names.index("GpuMixin") < names.index("InCell") < names.index("SystemUserSpawner")


# --- strays -------------------------------------------------------------------------------------


def listed(ident, owner="hub/ana/", created=0.0, state="running", joined=""):
    labels = {"gpuhub.cell": "1", "gpuhub.owner": owner}
    mode = {"NetworkMode": f"container:{joined}" if joined else NETWORK}
    return {"Id": ident, "Labels": labels, "Created": created, "State": state, "HostConfig": mode}


def test_strays_are_unused_and_older_than_this_hub_or_long_unused():
    strays = StrayCells("hub", began=1000.0)
    old, young = listed("old", created=999.0), listed("young", created=1001.0)
    assert strays.due([old, young], [], 1002.0) == ["old"]
    assert strays.due([young], [], 1001.0 + AFTER_S) == ["young"]


def test_no_strays_are_those_in_use_and_other_hubs():
    strays = StrayCells("hub", began=1000.0)
    used, theirs = listed("used"), listed("theirs", owner="hub2/ana/")
    created = listed("nb", state="created", joined="used")
    assert strays.due([used, theirs, {**theirs, "Labels": None}], [created], 9999.0) == []


def test_a_server_that_lost_its_cell_is_told_once():
    strays = StrayCells("hub", began=0.0)
    server, dead = listed("nb", joined="gone"), listed("gone", state="exited")
    assert strays.cut_off([dead], [server]) == ["nb"]
    assert strays.cut_off([], [server]) == []
    assert strays.cut_off([], [listed("nb", joined="gone", state="exited")]) == []
    assert strays.cut_off([], [server]) == ["nb"]
    assert strays.cut_off([listed("c")], [listed("n2", joined="c"), listed("n3")]) == []
