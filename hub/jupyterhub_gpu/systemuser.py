"""GpuSystemUserSpawner: servers that run as the person, in his own home, with leased GPUs.

The stock SystemUserSpawner keeps uid and gid in the hub's database for ever, passes no
supplementary groups, and lets the engine make a missing home as root (see docs/spawners.md).
"""

from __future__ import annotations

from typing import Any

from docker.errors import APIError
from docker.types import Mount
from dockerspawner import SystemUserSpawner
from traitlets import Dict, Enum, Integer, Tuple, Unicode, default

from .account import Account, NoAccount, group_with, passwd_with
from .engine import explain
from .homes import make_home
from .spawner import GpuMixin
from .words import Refusal

NO_SOURCE = "bind source path does not exist"


class GpuSystemUserSpawner(GpuMixin, SystemUserSpawner):
    """SystemUserSpawner with leased GPUs; uid, gid, groups and home as of the last log-in."""

    homes = Unicode(
        "/home",
        config=True,
        help="The folder of the host in which homes lie; none elsewhere is ever mounted. "
        "Default: `/home`. Since 0.1.",
    )
    missing_home = Enum(
        ["create", "refuse"],
        "create",
        config=True,
        help="A home that is not there: `create` it from the host's /etc/skel, or `refuse` the "
        "start in words. Default: `create`. Since 0.1.",
    )
    home_image = Unicode(
        "",
        config=True,
        help="The image in which a home is made, with `make-home` in it (the hub's own). "
        "Since 0.1.",
    )
    mapped_accounts: Dict[str, Any] = Dict(
        value_trait=Tuple(Integer(), Integer()),
        config=True,
        help="uid and gid of people whom neither the host nor the directory gives any. "
        'Example: `{"ana": (5001, 5001)}`. Default: none. Since 0.1.',
    )
    uid_min = Integer(
        1000,
        min=1,
        config=True,
        help="Accounts with a lower uid get no server. Default: 1000. Since 0.1.",
    )

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._account: Account | None = None

    @default("user_id")
    def _default_user_id(self) -> int:
        return -1  # not known before a start; the hub's own /etc has nobody

    @default("group_id")
    def _default_group_id(self) -> int:
        return -1

    # --- who it runs as -------------------------------------------------------------------------

    async def prepare_person(self) -> None:
        """Before the lease is asked for: no GPU is taken for somebody who cannot have a server."""
        told = ((await self.user.get_auth_state()) or {}).get("account")
        if told is None and self.user.name in self.mapped_accounts:
            uid, gid = self.mapped_accounts[self.user.name]
            told = {"uid": uid, "gid": gid}
        try:
            account = Account.parse(self.user.name, told, self.homes)
            if account.uid < self.uid_min:
                raise NoAccount(f"Accounts below uid {self.uid_min} get no server here.")
        except NoAccount as error:
            self.log.warning("No server for %s: %s", self.user.name, error)
            raise Refusal(str(error), reason="no-account", status_code=403) from error
        self._account = account
        self.user_id, self.group_id = account.uid, account.gid

    @property
    def account(self) -> Account:
        if self._account is None:
            raise AssertionError("start() without prepare_person()")
        return self._account

    @property
    def homedir(self) -> str:
        return self.account.home

    @property
    def host_homedir(self) -> str:
        return self.account.home

    @property
    def volume_mount_points(self) -> list[str]:
        """Without the home, which is a mount: the engine would make a missing one as root's."""
        return super(SystemUserSpawner, self).volume_mount_points

    @property
    def volume_binds(self) -> dict[str, Any]:
        return super(SystemUserSpawner, self).volume_binds

    @property
    def mount_binds(self) -> list[Any]:
        home = self.account.home
        mount = Mount(
            target=home, source=home, type="bind", propagation=self.homedir_bind_propagation or None
        )
        return [*super().mount_binds, mount]

    def get_env(self) -> dict[str, Any]:
        env = super().get_env()
        return env | {"LOGNAME": self.user.name, "SHELL": self.account.shell}

    # --- the container --------------------------------------------------------------------------

    async def create_object(self) -> Any:
        """As SystemUserSpawner; a home that is not there is made first, or the start refused."""
        try:
            return await super().create_object()
        except APIError as error:
            if NO_SOURCE not in explain(error) or self.account.home not in explain(error):
                raise
        if self.missing_home == "refuse":
            text = f"Your home, {self.account.home}, is not there. Ask an admin to make it."
            raise Refusal(text, reason="no-home", status_code=403)
        self.story.tell("Making your home")
        await make_home(self, self.account, self.homes, self.home_image)
        return await super().create_object()

    def docker(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """As GpuMixin's; what is created runs as the person, with all of his groups."""
        if method == "create_container" and kwargs.get("name") == self.object_name:
            account = self.account
            host = dict(kwargs.get("host_config") or {})
            gids = [str(gid) for _, gid in account.groups if gid != account.gid]
            host["GroupAdd"] = [*(host.get("GroupAdd") or []), *dict.fromkeys(gids)]
            kwargs |= {"host_config": host, "working_dir": account.home}
            if not self.run_as_root:
                kwargs["user"] = f"{account.uid}:{account.gid}"
        return super().docker(method, *args, **kwargs)

    async def files(self) -> dict[str, bytes]:
        """Names for the numbers, so that terminals, ssh and git know who it is."""
        put = await super().files()
        for path, made in (("/etc/passwd", passwd_with), ("/etc/group", group_with)):
            put[path] = made(await self._text_of(path), self.account).encode()
        return put

    async def _text_of(self, path: str) -> str:
        """A file of the image; nothing where there is none."""
        try:
            return (await self.read_file(self.object_id, path)).decode(errors="replace")
        except (APIError, ValueError) as error:
            self.log.info("%s of image %s: %s", path, self.image, error)
            return ""
