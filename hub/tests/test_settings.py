"""hub.json and secrets; the configuration file as a whole; every trait is in the docs."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from jupyterhub.app import JupyterHub
from traitlets.config import Config

from jupyterhub_gpu import TEMPLATES, GpuDockerSpawner, HostPAMAuthenticator, resume, strays, watch
from jupyterhub_gpu.settings import BadSettings, Settings, read_secret, token_from

HUB = Path(__file__).parents[1]
TOLD = {
    "hub": {"name": "hub", "admins": ["ana"], "start_timeout_s": 120},
    "notebook": {"image": "nb:1", "memory_bytes": 1024, "cpus": 2.0, "shm_size_bytes": 512},
    "profiles": [
        {
            "slug": "one",
            "display_name": "1 GPU",
            "description": "",
            "gpus": {"count": 1},
            "mode": "shared",
            "default": True,
        }
    ],
    "allocator": {"socket": "/run/a.sock", "bind_timeout_s": 180},
    "queue": {"enabled": True, "max": 50, "renew_timeout_s": 300},
    "auth": {"method": "pam"},
    "tls": {"mode": "none"},
    "public_url": "http://127.0.0.1:8000",
}


def test_hub_json_is_read(tmp_path):
    path = tmp_path / "hub.json"
    path.write_text(json.dumps(TOLD))
    settings = Settings.read(path)
    assert (settings.hub_name, settings.admins) == ("hub", {"ana"})
    assert settings.profiles[0].gpus == {"count": 1}
    assert (settings.queue_enabled, settings.queue_max) == (True, 50)


def test_limits_may_be_left_out():
    settings = Settings.parse({**TOLD, "notebook": {"image": "nb:1"}})
    assert settings.memory_bytes is settings.cpus is settings.shm_size_bytes is None


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
    (tmp_path / "hub.json").write_text(json.dumps({**TOLD, "tls": {"mode": mode}}))
    c, _, _ = configure()
    options = c.JupyterHub.get("tornado_settings", {}).get("cookie_options", {})
    assert options == ({} if mode == "none" else {"secure": True})


@pytest.fixture
def configure(tmp_path, monkeypatch):
    """Runs jupyterhub_config.py with its paths below a folder."""
    text = (HUB / "config/jupyterhub_config.py").read_text()
    for path in ("/etc/gpuhub", "/run/secrets-hub"):
        text = text.replace(path, str(tmp_path))
    (tmp_path / "hub.json").write_text(json.dumps(TOLD))
    for name in ("cookie_secret", "crypt_key", "proxy_token"):
        (tmp_path / name).write_text("ab" * 32)
    started = []
    monkeypatch.setattr(watch, "start_watch", started.append)
    monkeypatch.setattr(strays, "start_strays", started.append)
    monkeypatch.setattr(resume, "start_resume", lambda *args: started.append(args))

    def run(c=None):
        c, loaded = c or Config(), []
        names = {"get_config": lambda: c, "load_subconfig": loaded.append}
        exec(compile(text, "jupyterhub_config.py", "exec"), names)  # noqa: S102
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
    assert started == ["/var/run/docker.sock", "/run/a.sock", taken_up]
    assert c.JupyterHub.cleanup_servers is False
    assert c.ConfigurableHTTPProxy.auth_token == "ab" * 32
    assert c.Authenticator.admin_users == {"ana"}
    spawner = GpuDockerSpawner(config=c, user=SimpleNamespace(name="Ana-1"))
    assert spawner.object_name == "gpuhub-nb--41na-2d1--"
    assert spawner.volume_binds["gpuhub-home--41na-2d1"]["bind"] == "/home/jovyan"
    assert spawner.allocator_socket == "/run/a.sock"
    assert [each.slug for each in spawner.offered] == ["one"]
    assert (spawner.mem_limit, spawner.cpu_limit, spawner.remove) == (1024, 2.0, True)
    assert spawner.extra_host_config["shm_size"] == 512


def test_those_who_wait_are_not_counted_as_starting(configure, tmp_path):
    c, _, _ = configure()
    assert c.JupyterHub.concurrent_spawn_limit == 150
    assert (c.GpuMixin.starts_limit, c.GpuMixin.wait_in_line) == (100, True)
    off = {**TOLD, "queue": {"enabled": False, "max": 50, "renew_timeout_s": 300}}
    (tmp_path / "hub.json").write_text(json.dumps(off))
    c, _, _ = configure()
    assert c.JupyterHub.concurrent_spawn_limit == 100
    assert c.GpuMixin.wait_in_line is False


def test_the_hubs_own_service_stands_beside_an_admins(configure):
    c = Config()
    c.JupyterHub.services = [{"name": "mine"}]
    c.JupyterHub.load_roles = [{"name": "mine"}]
    c.JupyterHub.base_url = "/jupyter/"
    c, _, started = configure(c)
    assert [each["name"] for each in c.JupyterHub.services] == ["mine", "gpuhub-resume"]
    assert [each["name"] for each in c.JupyterHub.load_roles] == ["mine", "gpuhub-resume"]
    assert started[-1][1] == "http://127.0.0.1:8081/jupyter/hub/api"
    assert JupyterHub(config=c).services[-1]["name"] == "gpuhub-resume"


def test_another_hubs_containers_have_other_names(configure, tmp_path):
    other = {**TOLD, "hub": {**TOLD["hub"], "name": "lab"}}
    (tmp_path / "hub.json").write_text(json.dumps(other))
    c, _, _ = configure()
    spawner = GpuDockerSpawner(config=c, user=SimpleNamespace(name="Ana-1"))
    assert spawner.object_name == "gpuhub-nb.lab.-41na-2d1--"


def test_the_pages_are_there():
    assert (TEMPLATES / "spawn_pending.html").is_file()


@pytest.mark.parametrize("kind", [GpuDockerSpawner, HostPAMAuthenticator])
def test_every_trait_has_help_and_a_place_in_the_docs(kind):
    docs = (HUB.parent / "docs/hub.md").read_text()
    for name, trait in kind.class_traits(config=True).items():
        if trait.this_class.__module__.startswith("jupyterhub_gpu"):
            assert "Since" in trait.help, name
            assert f"`{name}`" in docs, name
