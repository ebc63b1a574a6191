# The hub of gpuhub: its settings (hub_settings.py), and what runs beside it.
from pathlib import Path

from jupyterhub_gpu import resume, status
from jupyterhub_gpu.idle import configured as idle
from jupyterhub_gpu.settings import Settings, read_secret, token_from
from jupyterhub_gpu.status import wiring
from jupyterhub_gpu.stray_cells import start_stray_cells
from jupyterhub_gpu.strays import start_strays
from jupyterhub_gpu.watch import start_watch

ENGINE, SECRETS = "/var/run/docker.sock", Path("/run/secrets-hub")
settings = Settings.read(Path("/etc/gpuhub/hub.json"))

c = get_config()
# resolved, because a file that is not there would be passed over in silence
load_subconfig(str(Path(__file__).with_name("hub_settings.py").resolve(strict=True)))

# after an admin's own, so that neither loses the other
secret = read_secret(SECRETS, "crypt_key")
own_token = token_from(secret, resume.SERVICE)
c.JupyterHub.services.append(resume.service(own_token))
c.JupyterHub.load_roles.append(resume.role())
base_url = c.JupyterHub.get("base_url", "/").rstrip("/")
api_url = f"http://127.0.0.1:8081{base_url}/hub/api"
state = Path("/srv/jupyterhub/idle.sqlite")
idle.configure_idle(c, state, token_from(secret, idle.SERVICE), f"--hub-api={api_url}")
wiring.add_to_hub(c, read_secret(SECRETS, status.TOKEN).hex())

start_watch(ENGINE)
start_strays(settings.socket)
start_stray_cells(settings.hub_name)
resume.start_resume(settings.socket, api_url, own_token)
