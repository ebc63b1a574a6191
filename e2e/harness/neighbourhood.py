"""What lies around people's servers in a test host: the machine's own services, a private machine,
the clouds' metadata address and an internet, each with a listener that answers.

```
  servers ── bridge ── test host (PORT on all its addresses, 169.254.169.254 among them; names)
                           │ 10.254.0.1
                           │ 10.254.0.2  a private machine (PORT, OTHER_PORT)
                           └ 198.51.100.7  beyond it: the internet (PORT)
```
"""

import json
from dataclasses import dataclass

from .testhost import TestHost

PORT, OTHER_PORT = 7777, 7778
METADATA = "169.254.169.254"
PRIVATE = "10.254.0.2"
INTERNET = "198.51.100.7"
FILES = "/run/neighbourhood"

# Answers on each port given, on all addresses.
LISTENER = """
import socketserver, sys, threading
class Answer(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"here\\n")
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
servers = [Server(("0.0.0.0", int(port)), Answer) for port in sys.argv[1:]]
for server in servers[1:]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
servers[0].serve_forever()
"""

# Connects to each target that stdin lists; says what came of it and after how long.
PROBE = """
import errno, json, socket, sys, time
def look(address, port):
    begun = time.monotonic()
    try:
        socket.create_connection((address, port), timeout=1.5).close()
        told = "open"
    except TimeoutError:
        told = "silent"
    except OSError as wrong:
        told = errno.errorcode.get(wrong.errno, str(wrong))
    return [told, time.monotonic() - begun]
print(json.dumps([look(*target) for target in json.loads(sys.argv[1])]))
"""

# Says of each name that it is the internet's address.
NAMESERVER = f"""
import socket, sys
place = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
place.bind((sys.argv[1], 53))
while True:
    asked, who = place.recvfrom(512)
    end = asked.index(0, 12) + 5
    known = asked[end - 4:end - 2] == bytes([0, 1])
    answer = bytes.fromhex("c00c000100010000003c0004") + socket.inet_aton("{INTERNET}")
    head = asked[:2] + bytes.fromhex("818000010001" if known else "818000010000") + bytes(4)
    place.sendto(head + asked[12:end] + (answer if known else b""), who)
"""

MAKE = f"""
set -e
ip link add outer type veth peer name inner
ip netns add beyond
ip link set inner netns beyond
ip addr add 10.254.0.1/30 dev outer
ip link set outer up
ip -n beyond addr add {PRIVATE}/30 dev inner
ip -n beyond addr add {INTERNET}/32 dev inner
ip -n beyond link set inner up
ip -n beyond link set lo up
ip -n beyond route add default via 10.254.0.1
ip route add {INTERNET}/32 via {PRIVATE}
ip addr add {METADATA}/32 dev lo
cd {FILES}
setsid python3 listener.py {PORT} > here.log 2>&1 < /dev/null & echo $! > pids
setsid ip netns exec beyond python3 listener.py {PORT} {OTHER_PORT} > beyond.log 2>&1 < /dev/null &
echo $! >> pids
setsid python3 nameserver.py "$1" > names.log 2>&1 < /dev/null & echo $! >> pids
cp /etc/resolv.conf before
echo "nameserver $1" > /etc/resolv.conf
"""

UNMAKE = f"""
kill $(cat {FILES}/pids)
cat {FILES}/before > /etc/resolv.conf
ip addr del {METADATA}/32 dev lo
ip link del outer
ip netns del beyond
rm -rf {FILES}
"""


@dataclass(frozen=True)
class Seen:
    """What came of one attempt to connect."""

    told: str
    seconds: float

    @property
    def refused_at_once(self) -> bool:
        return self.told == "ECONNREFUSED" and self.seconds < 1


def make(host: TestHost) -> None:
    """The machine then also has a nameserver of its own, at its address."""
    host.write(f"{FILES}/listener.py", LISTENER)
    host.write(f"{FILES}/nameserver.py", NAMESERVER)
    host.exec("bash", "-c", MAKE, "bash", host.address)


def unmake(host: TestHost) -> None:
    host.sh(UNMAKE, check=False)


def connect(
    host: TestHost, container: str, *targets: tuple[str, int], python: str = "/opt/nb/bin/python"
) -> list[Seen]:
    """Attempts from inside a container, by its own user."""
    done = host.docker("exec", container, python, "-c", PROBE, json.dumps(targets))
    return [Seen(*each) for each in json.loads(done.out)]


def connect_without_rules(host: TestHost, image: str, *targets: tuple[str, int]) -> list[Seen]:
    """The same from a container that no rules close, to see that there is something to reach."""
    done = host.docker(
        *("run", "--rm", "--network", "gpuhub_notebooks", "--entrypoint", "/opt/nb/bin/python"),
        *(image, "-c", PROBE, json.dumps(targets)),
    )
    return [Seen(*each) for each in json.loads(done.out)]
