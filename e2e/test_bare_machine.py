"""A bare Debian with systemd: `up` installs the engine, systemd starts it, a reboot brings all."""

from harness.allocator import uuids_of
from harness.bare_machine import BareMachine
from harness.hub import log_in
from harness.product import PASSWORD, add_account
from harness.recovery import await_product, comes_back_right


def test_up_installs_the_engine_and_says_so(debian: BareMachine) -> None:
    assert "no docker command" in debian.doctor_before
    assert "installing the distribution's package docker.io" in debian.first_up
    assert debian.engine("is-active") == ["active", "active"]
    assert "docker.io" in debian.host.exec("dpkg", "-l", "docker.io").out
    assert "no systemd" not in debian.first_up
    assert debian.host.sh("ls /run/gpuhub-dockerd.pid", check=False).status != 0


def test_reboot_brings_back_hub_leases_and_servers(debian: BareMachine) -> None:
    """Nobody calls `up`: systemd starts the engine, the engine the services."""
    add_account(debian.host, "ana")
    ana = log_in(debian.host, "ana", PASSWORD)
    ana.start()
    lease = debian.world.lease(ana)
    assert (lease["state"], len(uuids_of(lease))) == ("active", 1)
    debian.host.reboot()
    assert debian.engine("is-active") == ["active", "active"]
    await_product(debian.world)
    comes_back_right(debian.world, ana, lease, "one-gpu")
    assert debian.world.allocator.lease(lease["id"])["reason"] == "container_gone"
    ana.stop()
    debian.world.await_nothing_left()
