#!/usr/bin/env python3
"""Reading a large log: Sigma Desk beside lnav, the same file, interleaved in one run.
    ingest.py SIGMACTL LOG [--lnav PROGRAM] [--runs N]
Three jobs of ours: `logs stats` (read, parse, templates), `diagnose` without a model (that, the store, the anomalies and every
check), and lnav's headless index with a count over all lines. Prints the median seconds, lines/s, MB/s and peak
memory of each. Run it on a quiet machine."""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time


def measure(command, env=None):
    """Seconds and peak resident memory in MB of a command."""
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=env)
    error = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"{' '.join(command)} ended with status {status}: {error.decode(errors='replace')[-300:]}")
    return time.monotonic() - began, usage.ru_maxrss / 1024


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("sigmactl")
    p.add_argument("log")
    p.add_argument("--lnav", default=shutil.which("lnav"))
    p.add_argument("--runs", type=int, default=3)
    a = p.parse_args()
    size = os.path.getsize(a.log) / 1e6
    with open(a.log, "rb") as f:
        lines = sum(block.count(b"\n") for block in iter(lambda: f.read(1 << 20), b""))
    with tempfile.TemporaryDirectory() as folder:
        jobs = {
            "sigmactl logs stats": lambda n: [a.sigmactl, "logs", "stats", a.log, "--json"],
            "sigmactl diagnose": lambda n: [a.sigmactl, "--data-folder", os.path.join(folder, f"data{n}"), "diagnose", a.log,
                                            "--no-model", "--json"],
        }
        if a.lnav:
            jobs["lnav"] = lambda n: [a.lnav, "-n", "-c", ";SELECT count(*) FROM all_logs", "-c", ":write-csv-to -", a.log]
        results = {name: [] for name in jobs}
        for n in range(a.runs):
            for name, command in jobs.items():
                results[name].append(measure(command(n), {**os.environ, "HOME": folder}))
    print(f"{a.log}: {lines} lines, {size:.1f} MB, medians of {a.runs}")
    for name, runs in results.items():
        seconds = statistics.median(r[0] for r in runs)
        spread = f"{min(r[0] for r in runs):.2f}-{max(r[0] for r in runs):.2f}"
        print(f"{name:22s} {seconds:8.2f} s ({spread})  {lines / seconds:12,.0f} lines/s  {size / seconds:8.1f} MB/s  "
              f"peak {max(r[1] for r in runs):8.0f} MB")


main()
