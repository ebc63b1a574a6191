"""hub.json and secrets; the configuration file as a whole; every trait is in the docs."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from jupyterhub.app import JupyterHub
from traitlets.config import Config

from jupyterhub_gpu import (
    TEMPLATES,
    GpuDockerSpawner,
    GpuSystemUserSpawner,
    HostAuthenticator,
    configured,
    profiles,
    resume,
    stray_cells,
    strays,
    watch,
)
from jupyterhub_gpu.entrance import Entrance
from jupyterhub_gpu.settings import BadSettings, Settings, read_secret, token_from

HUB = Path(__file__).parents[1]
TOLD = {
    "hub": {"name": "hub", "admins": ["ana"], "start_timeout_s": 120, "named_servers": 2},
    "notebook": {
        "image": "nb:1",
        "images": ["nb:2"],
        "memory_bytes": 1024,
        "cpus": 2.0,
        "shm_size_bytes": 512,
        "pids": 300,
        "reach": ["10.0.0.0/8"],
        "http_proxy": None,
        "https_proxy": None,
        "no_proxy": None,
        "has_ca": False,
    },
    "profiles": [
        {
            "slug": "one",
            "display_name": "1 GPU",
            "description": "",
            "gpus": {"count": 1},
            "mode": "shared",
            "default": True,
            "groups": [],
            "images": [],
            "memory_bytes": None,
            "cpus": None,
            "shm_size_bytes": None,
            "pids": None,
            "idle_limit_s": 0,
            "max_lifetime_s": 86400,
        }
    ],
    "allocator": {"socket": "/run/a.sock", "bind_timeout_s": 180, "show_holders": "group"},
    "queue": {"enabled": True, "max": 50, "renew_timeout_s": 300},
    "auth": {
        "method": "pam",
        "allow_all": False,
        "allowed_users": [],
        "allowed_groups": [],
        "admin_groups": ["admins"],
        "sign_up": False,
        "attempts": {"per_name": 7, "per_address": 70, "window_s": 60},
        "directory": None,
        "oidc": None,
    },
    "spawner": {
        "kind": "docker",
        "homes": "/home",
        "missing_home": "create",
        "mounts": [{"source": "/da{t}a", "target": "/data", "read_only": True}],
        "accounts": [],
    },
    "idle": {
        "enabled": True,
        "gpu_limit_s": 3600,
        "limit_s": None,
        "unknown_limit_s": 7200,
        "keep_s": 600,
        "keep_max_s": 1200,
        "look_every_s": 20,
        "exempt_users": ["ana"],
        "exempt_groups": ["ops"],
    },
    "tls": {"mode": "none", "proxies": []},
    "public_url": "http://127.0.0.1:8000",
}


def test_hub_json_is_read(tmp_path):
    path = tmp_path / "hub.json"
    path.write_text(json.dumps(TOLD))
    settings = Settings.read(path)
    assert (settings.hub_name, settings.admins) == ("hub", {"ana"})
    assert settings.profiles[0].gpus == {"count": 1}
    assert (settings.queue_enabled, settings.queue_max) == (True, 50)
    assert (settings.show_holders, settings.profiles[0].idle_limit_s) == ("group", 0)
    assert settings.profiles[0].max_lifetime_s == 86400
    idle = settings.idle
    assert (idle.gpu_limit_s, idle.limit_s, idle.keep_s) == (3600, None, 600)
    assert (idle.exempt_users, idle.exempt_groups) == ({"ana"}, {"ops"})


def auth(**change):
    return Settings.parse({**TOLD, "auth": {**TOLD["auth"], **change}}).auth


def test_everybody_may_enter_only_where_the_method_knows_its_people():
    assert auth().allow_all is True
    assert auth(allowed_groups=["g"]).allow_all is False
    assert auth(method="sssd").allow_all is True
    assert auth(method="native").allow_all is True
    for method in ("ldap", "freeipa", "ad", "oidc"):
        assert auth(method=method).allow_all is False
        assert auth(method=method, allow_all=True).allow_all is True


@pytest.mark.parametrize(
    "change",
    [
        {"hub": {}},
        {"notebook": {}},
        {"profiles": [{"slug": "x"}]},
        {"profiles": None},
        {"allocator": {}},
        {"queue": {}},
        {"queue": None},
        {"idle": {"enabled": True}},
        {"auth": {"method": "anybody"}},
        {"tls": {}},
    ],
)
def test_what_does_not_fit_is_named(change):
    with pytest.raises(BadSettings, match=r"hub\.json"):
        Settings.parse({**TOLD, **change})


def test_secrets(tmp_path):
    (tmp_path / "good").write_text("ab" * 32 + "\n")
    (tmp_path / "short").write_text("ab")
    (tmp_path / "text").write_text("secret words")
    assert read_secret(tmp_path, "good") == b"\xab" * 32
    for name in ("short", "text", "none"):
        with pytest.raises(BadSettings, match=name) as caught:
            read_secret(tmp_path, name)
        assert "secret words" not in str(caught.value)


@pytest.mark.parametrize("mode", ["none", "files", "self_signed", "behind_proxy"])
def test_cookies_keep_to_tls_where_there_is_any(configure, tmp_path, mode):
    (tmp_path / "hub.json").write_text(json.dumps({**TOLD, "tls": {"mode": mode, "proxies": []}}))
    c, _, _ = configure()
    options = c.JupyterHub.get("tornado_settings", {}).get("cookie_options", {})
    assert options == ({} if mode == "none" else {"secure": True})


@pytest.fixture
def configure(tmp_path, monkeypatch):
    """Runs jupyterhub_config.py, and what it reads, with their paths below a folder."""
    (tmp_path / "hub.json").write_text(json.dumps(TOLD))
    for name in ("cookie_secret", "crypt_key", "proxy_token", "status_token"):
        (tmp_path / name).write_text("ab" * 32)
    started = []
    monkeypatch.setattr(watch, "start_watch", started.append)
    monkeypatch.setattr(strays, "start_strays", started.append)
    monkeypatch.setattr(stray_cells, "start_stray_cells", started.append)
    monkeypatch.setattr(resume, "start_resume", lambda *args: started.append(args))
    monkeypatch.setattr(configured, "CONFIG", tmp_path)

    def run(c=None):
        c, loaded = c or Config(), []

        def load(name):
            if Path(name).name == "hub_settings.py":
                run_file(name)
            else:
                loaded.append(name)

        def run_file(name):
            text = (HUB / "config" / name).read_text()
            for path in ("/etc/gpuhub", "/run/secrets-hub"):
                text = text.replace(path, str(tmp_path))
            file = str(HUB / "config" / name)
            names = {"get_config": lambda: c, "load_subconfig": load, "__file__": file}
            exec(compile(text, name, "exec"), names)  # noqa: S102

        run_file("jupyterhub_config.py")
        return c, loaded, started

    return run


def test_the_configuration(configure, tmp_path):
    (tmp_path / "hub.d").mkdir()
    for name in ("20-b.py", "10-a.py", "notes.txt"):
        (tmp_path / "hub.d" / name).write_text("")
    c, loaded, started = configure()
    assert [Path(path).name for path in loaded] == ["10-a.py", "20-b.py"]
    token = token_from(b"\xab" * 32, "gpuhub-resume")
    taken_up = ("/run/a.sock", "http://127.0.0.1:8081/hub/api", token)
    assert started == ["/var/run/docker.sock", "/run/a.sock", "hub", taken_up]
    assert c.JupyterHub.cleanup_servers is False
    assert c.ConfigurableHTTPProxy.auth_token == "ab" * 32
    assert c.Authenticator.admin_users == {"ana"}
    spawner = GpuDockerSpawner(config=c, user=SimpleNamespace(name="Ana-1"))
    assert spawner.object_name == "gpuhub-nb--41na-2d1--"
    assert spawner.volume_binds["gpuhub-home--41na-2d1"]["bind"] == "/home/jovyan"
    assert spawner.allocator_socket == "/run/a.sock"
    assert [each.slug for each in spawner.offered] == ["one"]
    assert spawner.remove is True
    limits = spawner.limits_of(profiles.Choice(spawner.offered[0], {"count": 1}))
    assert limits == profiles.Limits(1024, 2.0, 512, 300)
    mount = spawner.mount_binds[0]
    assert (mount["Source"], mount["Target"], mount["ReadOnly"]) == ("/da{t}a", "/data", True)
    assert c.JupyterHub.named_server_limit_per_user == 2
    assert (c.Entrance.failures_per_name, c.Entrance.admin_groups) == (7, {"admins"})


def test_homes_of_people(configure, tmp_path):
    kind = {"kind": "systemuser", "homes": "/h", "missing_home": "refuse"}
    kind["accounts"] = [{"user": "ana", "uid": 5001, "gid": 100}]
    told = {**TOLD, "spawner": {**TOLD["spawner"], **kind}}
    (tmp_path / "hub.json").write_text(json.dumps(told))
    c, _, _ = configure()
    spawner = GpuSystemUserSpawner(config=c, user=SimpleNamespace(name="ana"))
    assert (spawner.homes, spawner.missing_home) == ("/h", "refuse")
    assert spawner.mapped_accounts == {"ana": (5001, 100)}
    assert "volumes" not in c.DockerSpawner


def test_proxy_and_authorities_of_a_site(configure, tmp_path):
    notebook = {"http_proxy": "http://p:1", "no_proxy": "lab", "has_ca": True}
    told = {**TOLD, "notebook": {**TOLD["notebook"], **notebook}}
    (tmp_path / "hub.json").write_text(json.dumps(told))
    (tmp_path / "notebook-ca.pem").write_text("OURS\n")
    c, _, _ = configure()
    env = c.DockerSpawner.environment
    assert env["http_proxy"] == env["HTTP_PROXY"] == "http://p:1"
    assert env["NO_PROXY"] == "localhost,127.0.0.1,hub,lab"
    assert env["REQUESTS_CA_BUNDLE"] == "/etc/gpuhub/ca.pem"
    assert Path(c.GpuMixin.added_files["/etc/gpuhub/ca.pem"]).read_text().endswith("\nOURS\n")


def test_the_gateway_is_read_from_the_routes(tmp_path):
    (tmp_path / "route").write_text(
        "Iface\tDestination\tGateway\tFlags\n"
        "eth0\t00000000\t010012AC\t0003\neth0\t000012AC\t00000000\t0001\n"
    )
    assert configured.gateways(tmp_path / "route") == ["172.18.0.1"]


def test_those_who_wait_are_not_counted_as_starting(configure, tmp_path):
    c, _, _ = configure()
    assert c.JupyterHub.concurrent_spawn_limit == 150
    assert (c.GpuMixin.starts_limit, c.GpuMixin.wait_in_line) == (100, True)
    off = {**TOLD, "queue": {"enabled": False, "max": 50, "renew_timeout_s": 300}}
    (tmp_path / "hub.json").write_text(json.dumps(off))
    c, _, _ = configure()
    assert c.JupyterHub.concurrent_spawn_limit == 100
    assert c.GpuMixin.wait_in_line is False


def test_the_hubs_own_services_stand_beside_an_admins(configure):
    c = Config()
    c.JupyterHub.services = [{"name": "mine"}]
    c.JupyterHub.load_roles = [{"name": "mine"}]
    c.JupyterHub.base_url = "/jupyter/"
    c, _, started = configure(c)
    names = [each["name"] for each in c.JupyterHub.services]
    assert names == ["mine", "gpuhub-resume", "gpuhub-idle", "gpus"]
    roles = [each["name"] for each in c.JupyterHub.load_roles]
    assert roles == ["mine", "gpuhub-resume", "gpuhub-idle", "server"]
    assert c.JupyterHub.services[-1]["api_token"] == "ab" * 32
    assert started[-1][1] == "http://127.0.0.1:8081/jupyter/hub/api"
    assert [each["name"] for each in JupyterHub(config=c).services] == names


def test_another_hubs_containers_have_other_names(configure, tmp_path):
    other = {**TOLD, "hub": {**TOLD["hub"], "name": "lab"}}
    (tmp_path / "hub.json").write_text(json.dumps(other))
    c, _, _ = configure()
    spawner = GpuDockerSpawner(config=c, user=SimpleNamespace(name="Ana-1"))
    assert spawner.object_name == "gpuhub-nb.lab.-41na-2d1--"


def test_the_pages_are_there():
    assert (TEMPLATES / "spawn_pending.html").is_file()


@pytest.mark.parametrize(
    "kind", [GpuDockerSpawner, GpuSystemUserSpawner, HostAuthenticator, Entrance]
)
def test_every_trait_has_help_and_a_place_in_the_docs(kind):
    docs = (HUB.parent / "docs/hub.md").read_text()
    for name, trait in kind.class_traits(config=True).items():
        if trait.this_class.__module__.startswith("jupyterhub_gpu"):
            assert "Since" in trait.help, name
            assert f"`{name}`" in docs, name
