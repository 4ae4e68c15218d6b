"""`check` of the worst files we can think of ends in a report of bounded length, within 200 MB."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

MIB = 1 << 20
PROGRAM = """
import atexit, sys
from balance_sim.cli import main

def peak():
    lines = open("/proc/self/status").read().splitlines()
    print("peak", next(line.split()[1] for line in lines if line.startswith("VmHWM")), file=sys.stderr)

atexit.register(peak)
sys.argv = ["balance-sim", "check", "--no-world", sys.argv[1]]
main()
"""
TOP = "focal: summit\n"
SCENARIOS = {
    "values": lambda text: "".join(f"k{n}: [{'a,' * 9000}]\n" for n in range(58))[:MIB],
}  # fmt: skip
HEAD = "id,name,gdp_bn,patrons\n"
TABLES = {"lists": HEAD + f"CHN,a,1,{'USA;' * 30_000}\n" * 60, "commas": "," * (8 * MIB - 1)}

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads its peak from /proc")


def ends_in_bounds(path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode in (0, 4), done.stderr[-2000:]
    assert len(done.stderr) < 20_000
    assert "Traceback" not in done.stderr
    assert int(re.findall(r"^peak (\d+)$", done.stderr, re.MULTILINE)[-1]) < 200 * 1024


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario(world, name):
    text = SCENARIOS[name](world.text)
    assert text != world.text
    world.write(text)
    ends_in_bounds(world.path)


@pytest.mark.parametrize("name", TABLES)
def test_a_table(world, name):
    world.table("states", TABLES[name][: 8 * MIB])
    ends_in_bounds(world.path)


def test_one_table_under_many_names_is_read_once(world):
    line = next(one for one in world.text.splitlines() if "accords.csv" in one)
    other = line.replace("tables/accords.csv", "./tables/../tables/accords.csv")
    (found,) = world.edit(line, f"{line}\n{other}").errors()
    assert (found.code, found.line) == ("E015", world.line_of(line) + 1)
