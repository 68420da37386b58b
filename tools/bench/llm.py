#!/usr/bin/env python3
"""Prefill and decode speed beside llama.cpp's llama-bench: the same file, the same threads, interleaved in one run.
    llm.py SIGMACTL LLAMA_BENCH MODEL.gguf [--threads 2] [--runs 5] [-p 512] [-n 64] [--also OTHER_LLAMA_BENCH]
llama-bench runs with flash attention on and off, and the better one counts. Prints the medians in tokens/s and the
ratios. Run it on a quiet machine."""
import argparse
import json
import statistics
import subprocess


def ours(program, a):
    command = [program, "bench", "--model", a.model, "-p", str(a.p), "-n", str(a.n), "--threads", str(a.threads), "--json"]
    r = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return r["prefill_tok_s"], r["decode_tok_s"]


def theirs(program, a, flash):
    command = [program, "-m", a.model, "-p", str(a.p), "-n", str(a.n), "-t", str(a.threads), "-fa", str(flash), "-r", "1", "-o", "json"]
    speeds = [0.0, 0.0]
    for test in json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout):
        speeds[0 if test["n_prompt"] else 1] = test["avg_ts"]
    return tuple(speeds)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("sigmactl")
    p.add_argument("llama_bench")
    p.add_argument("model")
    p.add_argument("--also", action="append", default=[], help="a further llama-bench, of a fork")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("-p", type=int, default=512)
    p.add_argument("-n", type=int, default=64)
    a = p.parse_args()
    jobs = {"sigma": lambda: ours(a.sigmactl, a)}
    for i, program in enumerate([a.llama_bench, *a.also]):
        for flash in (0, 1):
            jobs[f"peer {i + 1}, fa {flash}"] = lambda program=program, flash=flash: theirs(program, a, flash)
    results = {name: [] for name in jobs}
    for _ in range(a.runs):
        for name, job in jobs.items():
            results[name].append(job())
    print(f"{a.model}: prefill {a.p}, decode {a.n}, {a.threads} threads, medians of {a.runs}")
    medians = {name: [statistics.median(r[i] for r in runs) for i in (0, 1)] for name, runs in results.items()}
    for name, (prefill, decode) in medians.items():
        print(f"{name:14s} prefill {prefill:9.1f} tok/s  decode {decode:8.1f} tok/s")
    peers = [m for name, m in medians.items() if name != "sigma"]
    for i, what in enumerate(("prefill", "decode")):
        print(f"{what}: {medians['sigma'][i] / max(m[i] for m in peers):.2f} of the best peer")


main()
