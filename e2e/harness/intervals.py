"""Reads the test host's record of container events into uses of GPUs over time."""

import json
from dataclasses import dataclass

STILL = 2**63


@dataclass
class Use:
    """A container held a GPU from start to end; `STILL` if it runs yet."""

    container: str
    gpu: str
    owner: str
    start_ns: int
    end_ns: int = STILL


def container_uses(text: str) -> list[Use]:
    """All uses, in order of start. `text` is the record: engine events and lines of who runs.

    A container whose end was not seen, and which does not run when the record connects again, is
    taken to have ended at its start or at the last line before, whichever came later.
    """
    done: list[Use] = []
    open_uses: dict[str, list[Use]] = {}
    last_ns = 0
    for line in text.splitlines():
        event = json.loads(line)
        now_ns = event["timeNano"]
        if "running" in event:
            for container in [c for c in open_uses if c not in event["running"]]:
                done += _end(open_uses.pop(container), last_ns)
        elif event["Action"] == "start":
            done += _end(open_uses.pop(event["Actor"]["ID"], []), now_ns)
            open_uses[event["Actor"]["ID"]] = _started(event)
        elif event["Action"] in ("die", "destroy"):
            done += _end(open_uses.pop(event["Actor"]["ID"], []), now_ns)
        last_ns = now_ns
    return sorted(done + [u for uses in open_uses.values() for u in uses], key=lambda u: u.start_ns)


def _started(event: dict) -> list[Use]:
    labels = event["Actor"]["Attributes"]
    gpus = [gpu for gpu in labels.get("gpuhub.gpus", "").split(",") if gpu]
    owner = labels.get("gpuhub.owner", "")
    return [Use(event["Actor"]["ID"], gpu, owner, event["timeNano"]) for gpu in gpus]


def _end(uses: list[Use], when_ns: int) -> list[Use]:
    for use in uses:
        use.end_ns = max(when_ns, use.start_ns)
    return uses


def event_times(text: str, container: str, action: str) -> list[int]:
    """When the engine said `action` of a container, in ns, oldest first."""
    events = (json.loads(line) for line in text.splitlines())
    return [
        e["timeNano"] for e in events if e.get("Action") == action and e["Actor"]["ID"] == container
    ]
