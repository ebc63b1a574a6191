"""What dscreate leaves off, set while the server is down: TLS, nested memberOf, password policy."""

from lib389 import DirSrv
from lib389.dseldif import DSEldif

MEMBER_OF = "cn=MemberOf Plugin,cn=plugins,cn=config"
SETTINGS = {
    "cn=config": {
        "nsslapd-security": "on",
        "nsslapd-securePort": "636",
        "nsslapd-require-secure-binds": "on",
        "nsslapd-allow-anonymous-access": "rootdse",
        "passwordExp": "on",
        "passwordLockout": "on",
        "passwordMaxFailure": "50",
        "passwordMustChange": "on",
        "passwordSendExpiringTime": "off",
    },
    MEMBER_OF: {
        "nsslapd-pluginEnabled": "on",
        "memberofgroupattr": "member",
        "memberofautoaddoc": "nsMemberOf",
    },
}

instance = DirSrv()
instance.local_simple_allocate("ipa")
file = DSEldif(instance)
for entry, values in SETTINGS.items():
    for name, value in values.items():
        file.replace(entry, name, value)
