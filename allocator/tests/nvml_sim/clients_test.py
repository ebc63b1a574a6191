"""Real NVML clients against the simulated library: nvidia-ml-py, nvitop, gpustat, unchanged.

Usage: clients_test.py LIBRARY NVML_SIM_CTL. Exits with 77 (skipped) where the clients are not
installed; the notebook image has them. Needs no GPU and no device node: files stand in for them.
"""

import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

LIBRARY, CTL = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
UUID = "GPU-51d00000-0000-4000-8000-00000000000{}"


class RealClients(unittest.TestCase):
    """Four GPUs, of which the process may open the second and the fourth."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="nvml_sim."))
        self.addCleanup(shutil.rmtree, self.folder)
        self.ctl("init", "--gpus", "4", "--model", "H100-80G", "--major", "241", "--no-nodes",
                 "--library", str(LIBRARY))
        for minor in (1, 3):
            (self.folder / "dev" / f"nvidia{minor}").touch()
        self.ctl("load", "3", "--gpu-util", "40", "--mem-util", "10", "--memory-mib", "1234",
                 "--pid", str(os.getpid()), "--process-mib", "1000")

    def ctl(self, verb, *arguments):
        subprocess.run([CTL, verb, self.folder, *arguments], check=True)

    def run_client(self, *command):
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False,
            env=os.environ | {"LD_LIBRARY_PATH": str(self.folder / "lib"), "TERM": "dumb",
                              "NVML_SIM_DIR": str(self.folder / "state"),
                              "NVML_SIM_DEV": str(self.folder / "dev")})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_nvidia_ml_py(self):
        seen = json.loads(self.run_client(sys.executable, "-c", """
import json, pynvml as n
n.nvmlInit()
out = []
for i in range(n.nvmlDeviceGetCount()):
    h = n.nvmlDeviceGetHandleByIndex(i)
    out.append([n.nvmlDeviceGetIndex(h), n.nvmlDeviceGetUUID(h), n.nvmlDeviceGetName(h),
                n.nvmlDeviceGetMemoryInfo(h, n.nvmlMemory_v2).used >> 20,
                n.nvmlDeviceGetUtilizationRates(h).gpu,
                [p.pid for p in n.nvmlDeviceGetComputeRunningProcesses(h)]])
try:
    n.nvmlDeviceGetHandleByUUID("GPU-51d00000-0000-4000-8000-000000000000")
    out.append("saw a GPU that is not ours")
except n.NVMLError_NotFound as e:
    out.append(str(e))
print(json.dumps(out))
"""))
        name = "NVIDIA H100 80GB HBM3"
        self.assertEqual(seen, [[0, UUID.format(1), name, 0, 0, []],
                                [1, UUID.format(3), name, 1234, 40, [os.getpid()]],
                                "Not Found"])

    def test_gpustat(self):
        seen = json.loads(self.run_client(sys.executable, "-m", "gpustat", "--json"))
        self.assertEqual([gpu["uuid"] for gpu in seen["gpus"]], [UUID.format(1), UUID.format(3)])
        busy = seen["gpus"][1]
        self.assertEqual((busy["utilization.gpu"], busy["memory.used"], busy["memory.total"]),
                         (40, 1234, 81559))
        self.assertEqual([p["pid"] for p in busy["processes"]], [os.getpid()])

    def test_nvitop(self):
        text = self.run_client(sys.executable, "-m", "nvitop", "--once", "--ascii")
        self.assertEqual(text.count("H100 80GB HBM3"), 2, text)
        self.assertIn("1234MiB / 79.65GiB", text)
        self.assertIn("40%", text)
        seen = json.loads(self.run_client(sys.executable, "-c", """
import json
from nvitop import Device
print(json.dumps([[d.uuid(), d.gpu_utilization(), d.power_usage()] for d in Device.all()]))
"""))
        self.assertEqual(seen, [[UUID.format(1), 0, 70000], [UUID.format(3), 40, 322000]])


if __name__ == "__main__":
    missing = [name for name in ("pynvml", "gpustat", "nvitop")
               if importlib.util.find_spec(name) is None]
    if missing:
        print("not installed:", ", ".join(missing))
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
