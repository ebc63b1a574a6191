# The hub of gpuhub. What people configure comes from gpuhub.toml by way of hub.json; this file
# only says it to JupyterHub. An admin's own traits: /etc/gpuhub/hub.d/*.py, read last.
from dataclasses import asdict
from pathlib import Path

from jupyterhub_gpu import TEMPLATES, resume
from jupyterhub_gpu.settings import Settings, name_template, read_secret, token_from
from jupyterhub_gpu.stray_cells import start_stray_cells
from jupyterhub_gpu.strays import start_strays
from jupyterhub_gpu.watch import start_watch

SECRETS = Path("/run/secrets-hub")
ENGINE = "/var/run/docker.sock"
settings = Settings.read(Path("/etc/gpuhub/hub.json"))

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

# who may log in: people's accounts of the host
c.JupyterHub.authenticator_class = "jupyterhub_gpu.HostPAMAuthenticator"
c.Authenticator.admin_users = set(settings.admins)

# servers
c.JupyterHub.spawner_class = "jupyterhub_gpu.GpuDockerSpawner"
c.JupyterHub.allow_named_servers = True
c.JupyterHub.named_server_limit_per_user = 3
c.GpuMixin.hub_name = settings.hub_name
c.GpuMixin.allocator_socket = settings.socket
c.GpuMixin.wait_in_line = settings.queue_enabled
c.GpuMixin.starts_limit = 100
# JupyterHub counts those who wait in line as starting; GpuMixin counts those who really do
c.JupyterHub.concurrent_spawn_limit = 100 + (settings.queue_max if settings.queue_enabled else 0)
c.GpuMixin.profile_list = [asdict(profile) for profile in settings.profiles]
c.DockerSpawner.image = settings.image
c.DockerSpawner.allowed_images = []
c.DockerSpawner.pull_policy = "skip"  # one thread serves all engine calls: a pull would stall all
c.DockerSpawner.network_name = "gpuhub_notebooks"
c.DockerSpawner.use_internal_ip = True
c.DockerSpawner.prefix = "gpuhub-nb"
c.DockerSpawner.name_template = name_template(settings.hub_name)
c.DockerSpawner.volumes = {"gpuhub-home-{username}": "/home/jovyan"}
c.DockerSpawner.extra_host_config = {}  # GpuMixin closes the containers: no capabilities and more
if settings.shm_size_bytes:
    c.DockerSpawner.extra_host_config["shm_size"] = settings.shm_size_bytes
if settings.memory_bytes:
    c.DockerSpawner.mem_limit = settings.memory_bytes
if settings.cpus:
    c.DockerSpawner.cpu_limit = settings.cpus
c.Spawner.start_timeout = settings.start_timeout_s
c.Spawner.http_timeout = 60
c.Spawner.poll_interval = 10
c.Spawner.consecutive_failure_limit = 0  # an image that does not start must not end the hub

for path in sorted(Path("/etc/gpuhub/hub.d").glob("*.py")):
    load_subconfig(str(path))

# after an admin's own, so that neither loses the other
own_token = token_from(read_secret(SECRETS, "crypt_key"), resume.SERVICE)
c.JupyterHub.services.append(resume.service(own_token))
c.JupyterHub.load_roles.append(resume.role())

start_watch(ENGINE)
start_strays(settings.socket)
start_stray_cells(settings.hub_name)
base_url = c.JupyterHub.get("base_url", "/").rstrip("/")
resume.start_resume(settings.socket, f"http://127.0.0.1:8081{base_url}/hub/api", own_token)
