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


# Each line on stdin asks for the next event.
WATCHER = """
import sys, pynvml as n
n.nvmlInit()
events = n.nvmlEventSetCreate()
for i in range(n.nvmlDeviceGetCount()):
    h = n.nvmlDeviceGetHandleByIndex(i)
    n.nvmlDeviceRegisterEvents(
        h, n.nvmlDeviceGetSupportedEventTypes(h) & n.nvmlEventTypeXidCriticalError, events)
print("waits")
for limit in sys.stdin:
    try:
        e = n.nvmlEventSetWait_v2(events, int(limit))
        print(n.nvmlDeviceGetUUID(e.device)[-1], e.eventType == n.nvmlEventTypeXidCriticalError,
              e.eventData, e.gpuInstanceId)
    except n.NVMLError as error:
        print(type(error).__name__)
n.nvmlEventSetFree(events)
n.nvmlShutdown()
print("done")
"""


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

    def environment(self):
        return os.environ | {"LD_LIBRARY_PATH": str(self.folder / "lib"), "TERM": "dumb",
                             "NVML_SIM_DIR": str(self.folder / "state"),
                             "NVML_SIM_DEV": str(self.folder / "dev")}

    def run_client(self, *command):
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False,
            env=self.environment())
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def start_watcher(self):
        """A client in a process of its own that waits for events; it says so, and what it got."""
        watcher = subprocess.Popen([sys.executable, "-u", "-c", WATCHER], text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   env=self.environment())
        self.addCleanup(watcher.wait)
        self.addCleanup(watcher.kill)
        self.addCleanup(watcher.stdout.close)
        self.addCleanup(watcher.stdin.close)
        self.assertEqual(watcher.stdout.readline(), "waits\n")
        return watcher

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

    def test_nvidia_ml_py_waits_for_events(self):
        watchers = [self.start_watcher(), self.start_watcher()]

        def told(limit_ms):
            for watcher in watchers:
                watcher.stdin.write(f"{limit_ms}\n")
                watcher.stdin.flush()
            return [watcher.stdout.readline().strip() for watcher in watchers]

        self.ctl("xid", "0", "48")  # not one of theirs
        self.ctl("xid", "3", "79", "--times", "2")
        self.ctl("xid", "1", "31")
        whole = 0xffffffff
        for expected in (f"3 True 79 {whole}", f"3 True 79 {whole}", f"1 True 31 {whole}"):
            self.assertEqual(told(60_000), [expected] * 2)
        self.assertEqual(told(0), ["NVMLError_Timeout"] * 2)
        self.ctl("unplug", "3")
        self.assertEqual(told(60_000), ["NVMLError_GpuIsLost"] * 2)
        for watcher in watchers:
            self.assertEqual(watcher.communicate(timeout=60)[0], "done\n")

    def test_nvidia_ml_py_and_a_machine_that_changes(self):
        def seen():
            return self.run_client(sys.executable, "-c", """
import pynvml as n
try:
    n.nvmlInit()
    print(n.nvmlDeviceGetCount())
except n.NVMLError as error:
    print(type(error).__name__)
""").strip()

        self.assertEqual(seen(), "2")
        self.ctl("unplug", "3")
        self.assertEqual(seen(), "1")
        self.ctl("unplug", "all")
        self.assertEqual(seen(), "0")
        self.ctl("plug", "all")
        self.ctl("driver", "not-loaded")
        self.assertEqual(seen(), "NVMLError_DriverNotLoaded")
        self.ctl("driver", "mismatch")
        self.assertEqual(seen(), "NVMLError_LibRmVersionMismatch")
        self.ctl("driver", "ok")
        self.assertEqual(seen(), "2")

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
