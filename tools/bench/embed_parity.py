#!/usr/bin/env python3
"""Sentence vectors of `sigmactl embed` against the same model computed here in numpy, with Hugging Face's tokenizer.

    embed_parity.py build/sigmactl models/all-MiniLM-L6-v2        (needs numpy and tokenizers)

Prints the largest difference of any number and of any pair's cosine; the exit status is 1 where one is above 1e-3.
"""
import json
import math
import struct
import subprocess
import sys

import numpy as np
from tokenizers import Tokenizer

TEXTS = ["show the disks", "list drives", "kubectl get pods --all-namespaces", "nvidia-smi -L", "The pod restarts because of memory.",
         "tar -xzf backup.tar.gz -C /tmp", "ERROR 2024-01-02 connection refused (os error 111)", "Ärger mit Ümläuten & 数据库",
         "grep -rn 'timeout' /var/log | head -20", "a", "", "find . -name '*.log' -mtime +7 -delete " * 30]


def read_safetensors(path):
    data = open(path, "rb").read()
    n, = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + n])
    header.pop("__metadata__", None)
    out = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        if entry["dtype"] == "F32":
            out[name] = np.frombuffer(data, np.float32, (end - begin) // 4, 8 + n + begin).reshape(entry["shape"]).astype(np.float64)
    return out


def layer_norm(x, w, name):
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / np.sqrt(var + 1e-12) * w[name + ".weight"] + w[name + ".bias"]


def encode(w, config, ids):
    dense = lambda x, name: x @ w[name + ".weight"].T + w[name + ".bias"]
    heads, erf = config["num_attention_heads"], np.vectorize(math.erf)
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][:len(ids)] + w["embeddings.token_type_embeddings.weight"][0]
    x = layer_norm(x, w, "embeddings.LayerNorm")
    for i in range(config["num_hidden_layers"]):
        p = f"encoder.layer.{i}."
        split = lambda y: y.reshape(len(ids), heads, -1).transpose(1, 0, 2)
        q, k, v = (split(dense(x, p + "attention.self." + part)) for part in ("query", "key", "value"))
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (scores / scores.sum(-1, keepdims=True)) @ v
        x = layer_norm(x + dense(mixed.transpose(1, 0, 2).reshape(len(ids), -1), p + "attention.output.dense"), w, p + "attention.output.LayerNorm")
        h = dense(x, p + "intermediate.dense")
        h = h * 0.5 * (1 + erf(h / math.sqrt(2)))
        x = layer_norm(x + dense(h, p + "output.dense"), w, p + "output.LayerNorm")
    mean = x.mean(0)
    return mean / np.linalg.norm(mean)


def main():
    program, folder = sys.argv[1:3]
    w = read_safetensors(folder + "/model.safetensors")
    config = json.load(open(folder + "/config.json"))
    tokenizer = Tokenizer.from_file(folder + "/tokenizer.json")
    tokenizer.no_padding()
    tokenizer.enable_truncation(json.load(open(folder + "/sentence_bert_config.json"))["max_seq_length"])
    lines = [t.replace("\n", " ") for t in TEXTS]
    said = subprocess.run([program, "embed", "--model", folder], input="\n".join(lines) + "\n", text=True, stdout=subprocess.PIPE, check=True).stdout
    ours = np.array([json.loads(line) for line in said.splitlines() if line.strip()])
    theirs = np.array([encode(w, config, tokenizer.encode(t).ids) for t in lines])
    if ours.shape != theirs.shape:
        sys.exit(f"embed_parity: {ours.shape} numbers where {theirs.shape} were wanted")
    number, cosine = np.abs(ours - theirs).max(), np.abs(ours @ ours.T - theirs @ theirs.T).max()
    print(f"{len(lines)} texts of {theirs.shape[1]} numbers: the largest difference of a number is {number:.2e}, of a pair's cosine {cosine:.2e}")
    sys.exit(int(max(number, cosine) > 1e-3))


main()
