#!/usr/bin/env python3
"""Token ids of sigmactl against the `tokenizers` package on the same vocabulary.

Builds a reference tokenizer from the vocabulary and merges of a GGUF file, then compares the ids of text lines: those
of the files given, and random Unicode. Needs only Python and `pip install tokenizers`.

    tokenizer_parity.py build/sigmactl model.gguf /var/log/*.log src/*.cpp --lines 10000
"""
import argparse, json, random, struct, subprocess, sys

from tokenizers import AddedToken, Regex, Tokenizer, models, pre_tokenizers

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
          r"|\s+(?!\S)|\s+")
NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


def read_metadata(path):
    data = open(path, "rb").read()
    at = 24
    n_values = struct.unpack_from("<Q", data, 16)[0]

    def take(code):
        nonlocal at
        value = struct.unpack_from("<" + code, data, at)[0]
        at += struct.calcsize("<" + code)
        return value

    def text():
        nonlocal at
        n = take("Q")
        at += n
        return data[at - n:at].decode("utf-8", "replace")

    def value(kind):
        if kind == 8:
            return text()
        if kind == 9:
            element, n = take("I"), take("Q")
            return [value(element) for _ in range(n)]
        return take(NUMBERS[kind])

    out = {}
    for _ in range(n_values):
        key = text()
        out[key] = value(take("I"))
    return out


def reference(meta, pre):
    tokens = meta["tokenizer.ggml.tokens"]
    kinds = meta.get("tokenizer.ggml.token_type", [1] * len(tokens))
    vocab = {}
    for i, token in enumerate(tokens):
        vocab.setdefault(token, i)
    merges = [tuple(m.split(" ", 1)) for m in meta["tokenizer.ggml.merges"]]
    t = Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=pre == "llama-bpe"))
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pre in ("smollm", "gpt-2"))
    if pre == "smollm":
        steps = [pre_tokenizers.Digits(individual_digits=True), byte_level]
    elif pre == "gpt-2":
        steps = [byte_level]
    else:
        pattern = LLAMA3 if pre == "llama-bpe" else LLAMA3.replace("{1,3}", "")
        steps = [pre_tokenizers.Split(Regex(pattern), "isolated"), byte_level]
    t.pre_tokenizer = pre_tokenizers.Sequence(steps)
    t.add_tokens([AddedToken(tokens[i], normalized=False) for i in range(len(tokens)) if kinds[i] == 4])
    return t


def random_lines(n, rng):
    ranges = [(0x20, 0x7E), (0x20, 0x7E), (0xA0, 0x24F), (0x370, 0x52F), (0x590, 0x6FF), (0x900, 0xDFF),
              (0x1E00, 0x20CF), (0x2190, 0x2BFF), (0x3040, 0x30FF), (0x4E00, 0x9FFF), (0xAC00, 0xD7A3),
              (0x1F300, 0x1FAFF), (0x10000, 0x1052F), (0x1D400, 0x1D7FF), (0x2000, 0x200F)]
    spaces = " \t\u00a0\u3000\u2028\u0085\r\x0b\x1c  '"
    for _ in range(n):
        low, high = rng.choice(ranges)
        line = "".join(rng.choice(spaces) if rng.random() < 0.2 else
                       rng.choice("'s't'RE0123456789") if rng.random() < 0.1 else chr(rng.randint(low, high))
                       for _ in range(rng.randint(1, 80)))
        yield line


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program"), p.add_argument("model"), p.add_argument("files", nargs="*")
    p.add_argument("--lines", type=int, default=10000)
    p.add_argument("--documents", type=int, default=30, help="whole files tokenized at once, line ends included")
    p.add_argument("--tokenizer", help="a tokenizer.json of the same vocabulary in place of the one built here")
    a = p.parse_args()
    rng = random.Random(1)
    if a.tokenizer:
        ref = Tokenizer.from_file(a.tokenizer)
    else:
        meta = read_metadata(a.model)
        ref = reference(meta, meta.get("tokenizer.ggml.pre", "gpt-2"))

    lines, documents = [], []
    for path in a.files:
        try:
            text = open(path, "rb").read(400_000).decode("utf-8", "ignore")
        except OSError:
            continue
        documents.append(text[:20_000])
        lines += [line for line in text.split("\n") if line]
    rng.shuffle(lines), rng.shuffle(documents)
    n_random = a.lines // 4
    lines = lines[:a.lines - n_random] + list(random_lines(n_random, rng))
    lines = [line for line in lines if "\n" not in line]

    def run(arguments, text):
        return subprocess.run([a.program, "tokenize", "--model", a.model] + arguments, input=text.encode(),
                              stdout=subprocess.PIPE, check=True).stdout.decode()

    got = [json.loads(line) for line in run(["--lines"], "\n".join(lines) + "\n").splitlines()]
    wanted = [e.ids for e in ref.encode_batch(lines, add_special_tokens=False)]
    differ = [i for i in range(len(lines)) if got[i] != wanted[i]]
    for i in differ[:10]:
        print("differs:", ascii(lines[i][:120]), got[i][:20], wanted[i][:20])
    bad_documents = 0
    for text in documents[:a.documents]:
        if json.loads(run([], text)) != ref.encode(text, add_special_tokens=False).ids:
            bad_documents += 1
            print("document differs:", ascii(text[:80]))
    n_tokens = sum(map(len, wanted))
    print(f"{len(lines)} lines, {n_tokens} tokens: {len(differ)} differ; "
          f"{min(len(documents), a.documents)} documents: {bad_documents} differ")
    return 1 if differ or bad_documents or len(got) != len(lines) else 0


sys.exit(main())
