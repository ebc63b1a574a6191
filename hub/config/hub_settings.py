# All that the hub is told, and nothing that it does: read by jupyterhub_config.py, and by
# `login-test` and `doctor`, which want the same settings without a hub. What people configure comes
# from gpuhub.toml by way of hub.json. An admin's own traits: /etc/gpuhub/hub.d/*.py, read last.
from pathlib import Path

from jupyterhub_gpu import TEMPLATES
from jupyterhub_gpu.configured import configure_spawner, gateways, own_version
from jupyterhub_gpu.configured_auth import configure_auth
from jupyterhub_gpu.settings import Settings, read_secret

SECRETS, CONFIG = Path("/run/secrets-hub"), Path("/etc/gpuhub")
settings = Settings.read(CONFIG / "hub.json")

c = get_config()

# where it listens, and how notebooks and the proxy reach it
c.JupyterHub.hub_bind_url = "http://0.0.0.0:8081"
c.JupyterHub.hub_connect_url = "http://hub:8081"
c.JupyterHub.db_url = "sqlite:////srv/jupyterhub/jupyterhub.sqlite"
c.JupyterHub.cookie_secret = read_secret(SECRETS, "cookie_secret")
c.CryptKeeper.keys = [read_secret(SECRETS, "crypt_key")]
if settings.tls:
    # Said, not guessed from requests: behind another proxy ours is asked by plain HTTP.
    c.JupyterHub.tornado_settings = {"cookie_options": {"secure": True}}
if settings.proxies:
    # Where people come from is told by the admin's proxy, then by ours.
    c.JupyterHub.trusted_downstream_ips = [*settings.proxies, *gateways()]

# the proxy is a service of its own: servers stay reachable while the hub restarts
c.JupyterHub.proxy_class = "configurable-http-proxy"
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = "http://proxy:8001"
c.ConfigurableHTTPProxy.auth_token = read_secret(SECRETS, "proxy_token").hex()
c.JupyterHub.cleanup_servers = False
c.JupyterHub.init_spawners_timeout = 3  # one slow server must not keep the hub from its pages
c.JupyterHub.cleanup_proxy = False
c.JupyterHub.template_paths = [str(TEMPLATES)]
# no public_url: pages then link relatively, so a tunnel may end at any port or name

configure_auth(c, settings, SECRETS, CONFIG)
configure_spawner(c, settings, own_version())

for path in sorted((CONFIG / "hub.d").glob("*.py")):
    load_subconfig(str(path))
