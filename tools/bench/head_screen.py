#!/usr/bin/env python3
"""How many rows of an output matrix a screen in few bits leaves, where greedy decoding must stay exact.

    head_screen.py build/sigmactl model.gguf text.txt        (needs numpy; the head in Q8_0)

The hidden states of the text's tokens are found from the program's logits by least squares. Each row is rounded to so
many bits a number with a scale for each 32; a row is left where its rounded logit plus the bound of its error reaches
the best of all rounded logits less theirs. The bound: |error| <= sum over blocks of |rounding error| |x|, the norms.
"""
import json
import struct
import subprocess
import sys

import numpy as np


def read_head(path):
    """The Q8_0 matrix output.weight or token_embd.weight."""
    data = open(path, "rb").read()
    at = 4

    def number(kind):
        nonlocal at
        value, = struct.unpack_from("<" + kind, data, at)
        at += struct.calcsize(kind)
        return value

    def text():
        nonlocal at
        n = number("Q")
        at += n
        return data[at - n:at].decode("utf8", "replace")

    def skip(kind):
        nonlocal at
        sizes = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
        if kind == 8:
            text()
        elif kind == 9:
            inner, n = number("I"), number("Q")
            if inner == 8:
                for _ in range(n):
                    text()
            else:
                at += sizes[inner] * n
        else:
            at += sizes[kind]

    number("I")
    n_tensors, n_values = number("Q"), number("Q")
    for _ in range(n_values):
        text()
        skip(number("I"))
    found = {}
    for _ in range(n_tensors):
        name = text()
        dims = [number("Q") for _ in range(number("I"))]
        found[name] = (dims, number("I"), number("Q"))
    dims, kind, offset = found.get("output.weight") or found["token_embd.weight"]
    if kind != 8:
        sys.exit("head_screen: the output matrix is not Q8_0")
    begin = (at + 31) // 32 * 32 + offset
    blocks = np.frombuffer(data, np.uint8, dims[1] * dims[0] // 32 * 34, begin).reshape(dims[1], dims[0] // 32, 34)
    scale = blocks[:, :, :2].copy().view(np.float16).astype(np.float32)
    return (scale * blocks[:, :, 2:].copy().view(np.int8)).reshape(dims[1], dims[0])


def main():
    program, model, text = sys.argv[1:4]
    w = read_head(model)
    run = lambda *c, **k: subprocess.run(c, stdout=subprocess.PIPE, check=True, **k).stdout
    ids = json.loads(run(program, "tokenize", "--model", model, input=open(text, "rb").read()))[:200]
    logits = np.array(json.loads(run(program, "logits", "--model", model, "--tokens", ",".join(map(str, ids)), "--json"))["logits"])
    x = np.linalg.lstsq(w.astype(np.float64), logits.T, rcond=None)[0].T.astype(np.float32)
    blocks = w.reshape(len(w), -1, 32)
    norms = np.sqrt((x.reshape(len(x), -1, 32) ** 2).sum(-1))
    print(f"{len(w)} rows, {len(ids)} tokens; the largest logit is {((logits.max(1) - logits.mean(1)) / logits.std(1)).mean():.1f} deviations above the mean")
    for bits in (3, 4, 5, 6):
        step = (np.abs(blocks).max(-1, keepdims=True) + 1e-12) / (2 ** (bits - 1) - 0.5)
        rounded = (np.round(blocks / step - 0.5) + 0.5) * step
        low = x @ rounded.reshape(w.shape).T
        bound = norms @ np.sqrt(((blocks - rounded) ** 2).sum(-1)).T
        left = (low + bound >= (low - bound).max(1, keepdims=True)).sum(1)
        print(f"{bits} bits: {np.median(left):.0f} rows left (median), {left.mean():.0f} (mean); bound {np.median(bound):.2f}, "
              f"largest error {np.abs(logits - low).max():.2f}")


if __name__ == "__main__":
    main()
