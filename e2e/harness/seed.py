"""Images for test hosts without a registry: loaded once, then handed on as hard links.

A seed is the image part of an engine's data folder. Layers are never written in place, so hosts
share their files; what the engine does write (the image books) is copied. All seeds and hosts lie
in one volume, since hard links cannot cross mounts.
"""

import fcntl
import hashlib
import subprocess
from pathlib import Path

from . import engine
from .engine import docker
from .testhost import HostSpec, TestHost

LOCK = Path("/tmp/e2e-seed.lock")  # in the runner, which all workers share
KEPT = 2  # seeds; older ones are removed
IN_USE_MINUTES = 60  # a seed touched within them may be another run's, and stays


def seed_of(references: list[str]) -> str:
    """The folder of the seed that holds just these images; made if it is not there yet.

    One worker makes it, the others wait for it.
    """
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _seed_of(references)


def _seed_of(references: list[str]) -> str:
    ids = {reference: engine.image_id(reference) for reference in references}
    missing = [reference for reference, found in ids.items() if found is None]
    if missing:
        raise AssertionError(f"not built on the outer engine: {', '.join(missing)}")
    named = {engine.in_host(reference): found for reference, found in ids.items()}
    text = "\n".join(f"{name} {found}" for name, found in sorted(named.items()))
    folder = f"seeds/{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    if "yes" not in engine.on_data(f"[ ! -d /data/{folder} ] || echo yes"):
        _make(folder, {reference: str(found) for reference, found in ids.items()})
    old = f"find $(ls -1t | tail -n +{KEPT + 1}) -maxdepth 0 -mmin +{IN_USE_MINUTES}"
    engine.on_data(
        f"touch /data/{folder}; cd /data/seeds;"
        f' [ "$(ls | wc -l)" -le {KEPT} ] || {old} -exec rm -rf -- {{}} +'
    )
    return folder


def plant(seed: str, data: str) -> None:
    """Make `data` a fresh data folder that has the seed's images."""
    engine.on_data(
        f"mkdir -p /data/{data}; touch /data/{seed}; cd /data/{seed}; [ -d overlay2 ] || exit 0;"
        f"cp -al overlay2 /data/{data}/; cp -a image /data/{data}/"
    )


def _make(folder: str, ids: dict[str, str]) -> None:
    """Start from the newest seed, load what it lacks, drop what is not asked for."""
    work = f"{folder}.new-{engine.RUN_ID}"
    engine.on_data("mkdir -p /data/seeds")
    newest = engine.on_data("cd /data/seeds; ls -1t | grep -v new | head -n 1 || true").strip()
    plant(f"seeds/{newest}", work) if newest else engine.on_data(f"mkdir -p /data/{work}")
    host = TestHost.start("seed", HostSpec(), data=work)
    try:
        shown = host.docker("images", "-q", "--no-trunc").out.split()
        _load(host, [reference for reference, found in ids.items() if found not in shown])
        names = {engine.in_host(reference): found for reference, found in ids.items()}
        for name, found in names.items():
            host.docker("tag", found, name)
        listed = host.docker("images", "--format", "{{.Repository}}:{{.Tag}}").out.split()
        extra = [name for name in listed if name not in names and "<none>" not in name]
        if extra:
            host.docker("rmi", *extra)
        host.docker("image", "prune", "-f")
        docker("stop", host.container)
        engine.on_data(
            f"cd /data/{work}; find . -mindepth 1 -maxdepth 1 ! -name overlay2 ! -name image"
            f" -exec rm -rf {{}} +; rm -rf /data/{folder}; mv /data/{work} /data/{folder}"
        )
    finally:
        host.remove()


def _load(host: TestHost, references: list[str]) -> None:
    if not references:
        return
    with subprocess.Popen(["docker", "save", *references], stdout=subprocess.PIPE) as save:
        load = ["docker", "exec", "-i", host.container, "docker", "load", "-q"]
        loaded = subprocess.run(load, stdin=save.stdout, capture_output=True, text=True)
    if save.returncode != 0 or loaded.returncode != 0:
        raise engine.CommandFailed(f"images were not handed over: {loaded.stderr}")
