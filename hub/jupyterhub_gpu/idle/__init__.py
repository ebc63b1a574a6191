"""The idle rule: which servers lie idle, who is warned, and when one ends by itself.

A service of the hub (`python -m jupyterhub_gpu.idle`). The rule itself (`deadline`, `rule`) has no
I/O and no clock; `judge` brings it evidence, a durable memory and the time.
"""

SOCKET = "/run/gpuhub/idle/idle.sock"  # where the judge listens; only root may ask there
KEEP_MOST_S = 366 * 24 * 3600  # in one wish; `idle.keep` gives less, `idle.keep_max` bounds all
