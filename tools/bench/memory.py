#!/usr/bin/env python3
"""What models were said to take in memory against the peak that the system measured, each in a process of its own.

    memory.py build/sigmactl model.gguf [model2.gguf hf_folder ...] [--contexts 2048,16384] [--caches f16,q8_0,q4_0]

Prints a row a case; the exit status is 1 where an estimate is off by more than 5 %, or where more is resident at the
first token than 1.1 times the file and what a program and its buffers take.
"""
import argparse
import json
import subprocess
import sys


def measure(a, model, context, cache):
    command = [a.program, "bench", "memory", "--model", model, "--ctx", str(context), "--cache-k", cache, "--cache-v", cache, "--json"]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program")
    p.add_argument("models", nargs="+")
    p.add_argument("--contexts", default="2048,16384")
    p.add_argument("--caches", default="f16,q8_0,q4_0")
    a = p.parse_args()
    mb = lambda n: n / 1e6
    wrong = 0
    print("| model | context | cache | said MB | peak MB | off | of it mapped MB | file MB | at first token MB | load to first token s |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for model in a.models:
        for context in map(int, a.contexts.split(",")):
            for cache in a.caches.split(","):
                m = measure(a, model, context, cache)
                off = m["estimate_to_peak"] - 1
                need = m["estimate"]
                allowed = 1.1 * m["file_bytes"] + need["program"] + need["tokenizer"] + need["work"]
                bad = abs(off) > 0.05 or m["first_token"] > allowed
                wrong += bad
                print(f"| {model.rsplit('/', 1)[-1]} | {m['context']} | {cache} | {mb(need['total']):.1f} | {mb(m['peak']):.1f} | {100 * off:+.1f} % | "
                      f"{mb(m['full_mapped']):.1f} | {mb(m['file_bytes']):.1f} | {mb(m['first_token']):.1f} | {m['first_token_s']:.2f} |"
                      f"{' WRONG' if bad else ''}", flush=True)
    if wrong:
        sys.exit(f"memory: {wrong} cases are off")


if __name__ == "__main__":
    main()
