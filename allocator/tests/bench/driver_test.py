"""What the bench's driver makes of its measurements: medians, ratios, verdicts, the table."""

import sys
import unittest
from pathlib import Path

ALLOCATOR = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ALLOCATOR / "bench"), str(ALLOCATOR / "tests" / "daemon")]

from driver import table, targets  # noqa: E402
from driver.allocator import Allocator  # noqa: E402
from driver.extras import Many, SlowFlush, WithListeners  # noqa: E402
from driver.peers import Etcd, FlaskDev, GunicornSqlite, Redis  # noqa: E402
from driver.programs import Flushes, Load  # noqa: E402
from driver.rounds import CONNECTIONS, Measured  # noqa: E402
from driver.targets import Figures  # noqa: E402

PEERS = (Allocator, FlaskDev, GunicornSqlite, Redis, Etcd)
TITLES = {one.key: one.title for one in PEERS}


def load(per_second: float, p99_us: float = 1000, conflicts: int = 0) -> Load:
    return Load(int(per_second), 1, per_second, 500, p99_us, 2000, 0.1, 9, conflicts, 0)


def measured(**speeds: list[float]) -> Measured:
    """Each peer's operations per second by round, the same at all numbers of connections."""
    count = max((len(rounds) for rounds in speeds.values()), default=1)
    out = Measured(disk=[Flushes(10_000, 90, 120)] * count, busy=[0.1] * count)
    for key, rounds in speeds.items():
        for connections in CONNECTIONS:
            out.loads[key, connections] = [load(one) for one in rounds]
            out.cpu_us[key, connections] = [12.4] * len(rounds)
    return out


def verdicts(figures: Figures) -> dict[str, str]:
    return {one.what: one.verdict for one in targets.targets(figures, TITLES)}


class Rounds(unittest.TestCase):
    def test_ratios_are_taken_within_a_round(self) -> None:
        # The machine was half as fast in the second round, for both.
        it = measured(gpuhub=[100, 50, 120], flask=[2, 1, 2])
        self.assertEqual(it.median("gpuhub", 64, "per_second"), 100)
        self.assertEqual(it.ratio("gpuhub", "flask", 64), 50)
        self.assertFalse(it.has("gpuhub", "etcd"))


class Targets(unittest.TestCase):
    def test_each_peer_has_its_own(self) -> None:
        it = measured(gpuhub=[100] * 3, flask=[2] * 3, sqlite=[2.6] * 3, redis=[50] * 3,
                      etcd=[2.1] * 3)  # fmt: skip
        said = verdicts(Figures(it))
        self.assertEqual(said["64 connections, ops/s against " + FlaskDev.title], "met")
        self.assertEqual(said["64 connections, ops/s against " + GunicornSqlite.title], "NOT MET")
        self.assertEqual(said["64 connections, ops/s against " + Redis.title], "met")
        self.assertEqual(said["64 connections, ops/s against " + Etcd.title], "NOT MET")

    def test_a_short_p99_is_good(self) -> None:
        it = measured(gpuhub=[1], flask=[1], redis=[1])
        it.loads["gpuhub", 64] = [load(1, 100)]
        it.loads["flask", 64] = [load(1, 4000)]
        it.loads["redis", 64] = [load(1, 199)]
        said = verdicts(Figures(it))
        self.assertEqual(said["64 connections, p99 against " + FlaskDev.title], "met")
        self.assertEqual(said["64 connections, p99 against " + Redis.title], "NOT MET")

    def test_against_the_disk(self) -> None:
        what = "1 connection, ops/s against the disk's flushes"
        self.assertEqual(verdicts(Figures(measured(gpuhub=[6500] * 3)))[what], "met")
        self.assertEqual(verdicts(Figures(measured(gpuhub=[6400] * 3)))[what], "NOT MET")
        for gathered, verdict in ((0.8, "met"), (0.79, "NOT MET")):
            it = Figures(measured(), slow=SlowFlush(1100, 40_000, gathered))
            self.assertEqual(list(verdicts(it).values()), [verdict])

    def test_what_could_not_be_measured_is_said(self) -> None:
        it = Figures(measured(), listeners="GET /v1/events does not stream: status 404",
                     many="not in 240 s")  # fmt: skip
        self.assertEqual(set(verdicts(it).values()), {"NOT MEASURED"})
        self.assertEqual(len(verdicts(it)), 3)
        heard = Figures(measured(), listeners=WithListeners(100, 80, 0.2, 5000))
        self.assertEqual(list(verdicts(heard).values()), ["met"])

    def test_at_size(self) -> None:
        def of(many: Many) -> list[str]:
            return list(verdicts(Figures(measured(), many=many)).values())

        self.assertEqual(of(Many(10_000, 100_000, 1, 199, 1.9)), ["met", "met"])
        self.assertEqual(of(Many(10_000, 100_000, 1, 201, 2.1)), ["NOT MET", "NOT MET"])
        # Good with fewer than promised proves nothing; bad does.
        self.assertEqual(of(Many(1024, 100_000, 1, 10, 1)), ["met", "NOT MEASURED"])
        self.assertEqual(of(Many(1024, 5, 1, 10, 1)), ["NOT MEASURED", "NOT MEASURED"])
        self.assertEqual(of(Many(1024, 5, 1, 300, 3)), ["NOT MET", "NOT MET"])

    def test_decisions_and_memory(self) -> None:
        it = Figures(measured(), decisions={"small": 1, "large": 5}, small_mib=20)
        self.assertEqual(list(verdicts(it).values()), ["met", "NOT MET"])

    def test_sampling(self) -> None:
        for us, verdict in ((9_000.0, "met"), (10_001.0, "NOT MET")):
            it = Figures(measured(), sampling_us=us)
            self.assertEqual(list(verdicts(it).values()), [verdict])


class Table(unittest.TestCase):
    def test_it_is_markdown_with_one_row_for_each(self) -> None:
        it = measured(gpuhub=[90_000, 110_000, 100_000], flask=[2000] * 3)
        it.loads["flask", 64] = [load(2000, 55_123, conflicts=3000)] * 3
        lines = table.loads(it, [Allocator, FlaskDev])
        self.assertEqual(len({len(line) for line in lines}), 1)
        self.assertEqual(len(lines), 2 + 2 * len(CONNECTIONS))
        cells = [cell.strip() for cell in lines[2].strip("|").split("|")]
        self.assertEqual(cells, [Allocator.title, "yes", "unix", "1", "100,000", "90,000-110,000",
                                 "0.50", "1.00", "50.0", "12", "-"])  # fmt: skip
        self.assertTrue(lines[-1].endswith("|     55 |     1.0 |        12 |    1.5/op |"), lines[-1])

    def test_a_busy_machine_is_said_plainly(self) -> None:
        it = measured(gpuhub=[1] * 3)
        self.assertEqual(len(table.noise(0.02, it)), 1)
        it.busy[1] = 0.3
        self.assertTrue(table.noise(0.02, it)[1].startswith("NOTE: more than 15%"))

    def test_flask_need_not_be_there(self) -> None:
        self.assertIn(" - |", table.loads(measured(gpuhub=[1]), [Allocator])[2])


if __name__ == "__main__":
    unittest.main(verbosity=2)
