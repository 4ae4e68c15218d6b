"""The page of `balance-sim app`: seconds to the first page and to an answer after a click, and memory of the server.

    uv run python benchmarks/app.py [SCENARIO] [CLICKS]

It starts the program as a user does, opens the page in Debian's Chromium and switches events off and on again. An
answer is there when the page shows it. Beside it stands what the server's own work on an answer takes."""

from __future__ import annotations

import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from balance_sim.app.what_if import EventChange, answer_of, setting_of
from balance_sim.scenario import load_scenario

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu"]


def peak_megabytes(process: int) -> float:
    """The most memory that a process has held."""
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    return (
        next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
    )


def main(scenario: str = "beijing_2025", clicks: int = 20) -> None:
    setting = setting_of(load_scenario(scenario), scenario)
    change = {setting.scenario.focal: EventChange(is_off=True)}
    answer_of(setting, change)
    begun = time.process_time()
    for _ in range(5):
        answer_of(setting, change)
    print(
        f"an answer, CPU seconds of the estimator      {(time.process_time() - begun) / 5:6.3f}"
    )

    begun = time.perf_counter()
    command = [sys.executable, "-m", "balance_sim", "app", scenario]
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert server.stdout is not None
    address = server.stdout.readline().strip()
    print(
        f"from the command to the address, s           {time.perf_counter() - begun:6.2f}"
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=FLAGS
        )
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        begun = time.perf_counter()
        page.goto(address)
        page.locator("#answer p").first.wait_for()
        print(
            f"from the address to the first answer, s      {time.perf_counter() - begun:6.2f}"
        )
        seconds = []
        for number in range(1, clicks + 1):
            begun = time.perf_counter()
            page.locator("#on").click()
            page.locator(f"#answer[data-number='{number}'][aria-busy=false]").wait_for()
            seconds.append(time.perf_counter() - begun)
        print(
            f"from a click to its answer, s: median        {statistics.median(seconds):6.3f}"
        )
        print(f"                               longest       {max(seconds):6.3f}")
        browser.close()
    print(
        f"memory of the server at most, MB             {peak_megabytes(server.pid):6.0f}"
    )
    server.send_signal(signal.SIGINT)
    server.wait()


if __name__ == "__main__":
    main(*sys.argv[1:2], *map(int, sys.argv[2:3]))
