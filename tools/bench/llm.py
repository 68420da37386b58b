#!/usr/bin/env python3
"""Prefill and decode speed beside llama.cpp's llama-bench: the same file, the same threads, interleaved in one run.
    llm.py SIGMACTL LLAMA_BENCH MODEL.gguf [--threads 2] [--runs 5] [-p 512] [-n 64] [--also OTHER_LLAMA_BENCH]
           [--ik IK_LLAMA_BENCH] [--depth 0 4096 16384] [--cache f16 q8_0]
ik_llama.cpp's llama-bench (--ik) runs with its weights repacked (-rtr 1) and takes a context as -gp DEPTH,N. For each depth (tokens in the context) and number format of the cache; behind a context only decoding is measured, and a
peer that knows no depth is left out there. llama-bench runs with flash attention on and off, and the better one counts.
Prints the medians in tokens/s and the ratios. Run it on a quiet machine."""
import argparse
import json
import statistics
import subprocess


def ours(program, a, depth, cache):
    prompt = 0 if depth else a.p
    command = [program, "bench", "--model", a.model, "-p", str(prompt), "-n", str(a.n), "--threads", str(a.threads), "--json",
               "--depth", str(depth), "--cache", cache, "--repetitions", "1" if depth else "5"]
    r = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return r["prefill_tok_s"], r["decode_tok_s"]


def theirs(program, a, flash, depth, cache):
    ik = program == a.ik
    command = [program, "-m", a.model, "-t", str(a.threads), "-fa", str(flash), "-r", "1", "-o", "json", "-ctk", cache, "-ctv", cache]
    if not depth:
        command += ["-p", str(a.p), "-n", str(a.n)]
    elif ik:
        command += ["-p", "0", "-n", "0", "-gp", f"{depth},{a.n}"]
    else:
        command += ["-p", "0", "-n", str(a.n), "-d", str(depth)]
    command += ["-rtr", "1"] if ik else []
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        return None  # this peer lacks the depth, or the cache without flash attention
    speeds = [0.0, 0.0]
    for test in json.loads(result.stdout):
        speeds[1 if test["n_gen"] else 0] = test["avg_ts"]
    return tuple(speeds)


def compare(a, depth, cache):
    jobs = {"sigma": lambda: ours(a.sigmactl, a, depth, cache)}
    peers = {"llama.cpp": a.llama_bench, **({"ik": a.ik} if a.ik else {}), **{f"peer {i + 1}": p for i, p in enumerate(a.also)}}
    for name, program in peers.items():
        for flash in a.flash:
            jobs[f"{name}, fa {flash}"] = lambda program=program, flash=flash: theirs(program, a, flash, depth, cache)
    results = {name: [] for name in jobs}
    for _ in range(a.runs):
        for name, job in jobs.items():
            result = job()
            if result is not None:
                results[name].append(result)
    print(f"{a.model}: depth {depth}, {cache} cache, prefill {0 if depth else a.p}, decode {a.n}, {a.threads} threads, medians of {a.runs}")
    medians = {name: [statistics.median(r[i] for r in runs) for i in (0, 1)] for name, runs in results.items() if runs}
    for name, (prefill, decode) in medians.items():
        print(f"{name:14s} prefill {prefill:9.1f} tok/s  decode {decode:8.1f} tok/s")
    peers = [m for name, m in medians.items() if name != "sigma"]
    print(", ".join(f"{name} {' '.join(f'{r[0]:.0f}/{r[1]:.1f}' for r in runs)}" for name, runs in results.items()))
    for i, what in enumerate(("prefill", "decode")):
        best = max((m[i] for m in peers), default=0)
        if best > 0:
            print(f"{what}: {medians['sigma'][i] / best:.2f} of the best peer")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("sigmactl")
    p.add_argument("llama_bench")
    p.add_argument("model")
    p.add_argument("--ik", help="ik_llama.cpp's llama-bench")
    p.add_argument("--flash", type=int, nargs="+", default=[0, 1], choices=(0, 1), help="flash attention of the peers")
    p.add_argument("--also", action="append", default=[], help="a further llama-bench, of a fork")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("-p", type=int, default=512)
    p.add_argument("-n", type=int, default=64)
    p.add_argument("--depth", type=int, nargs="+", default=[0])
    p.add_argument("--cache", nargs="+", default=["f16"])
    a = p.parse_args()
    for depth in a.depth:
        for cache in a.cache:
            compare(a, depth, cache)


main()
