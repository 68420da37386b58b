#!/usr/bin/env python3
"""Greedy continuations of sigmactl against llama.cpp's llama-simple on the same GGUF file.

For each prompt both continue greedily; the texts must be equal, or the script says at which token they part and how
far apart the two candidates' logits are there: a gap near the noise of quantised arithmetic explains the departure.

    greedy_parity.py build/sigmactl llama.cpp/build/bin/llama-simple model.gguf -n 64

With --exact each departure is also put before double-precision arithmetic on the same weights (exact_logits.py): how
far the two candidates are apart there, whose choice that is, and the rms error of our logits at that place.
"""
import argparse, json, subprocess, sys

PROMPTS = [
    "The capital of France is", "Once upon a time there was a small dragon who",
    "def fibonacci(n):\n", "To list all files in a directory, use the command",
    "kernel: Out of memory: Killed process 1234 (java)", "The three laws of thermodynamics are",
    "In computer networking, DNS stands for", "SELECT name, count(*) FROM users",
    "A disk that is full can be diagnosed by", "The connection was refused because",
    "Water boils at", "import numpy as np\n\n", "The main difference between TCP and UDP is",
    "Q: What is a Kubernetes pod?\nA:", "Error: permission denied while opening /etc/shadow. This means",
    "The quick brown fox", "1, 2, 3, 4, 5,", "Dear customer,\n\n", "Die Hauptstadt von Deutschland ist",
    "#include <stdio.h>\n\nint main() {", "The log shows that the service",
    "NVIDIA GPUs report Xid errors when", "The certificate has expired, so",
    "A binary search tree is", "Photosynthesis is the process by which",
    "{\"name\": \"Alice\", \"age\":", "The year 1969 is remembered for", "To restart a systemd service, run",
    "ssh: connect to host example.com port 22:", "The most common cause of a segmentation fault is",
    "When a process uses too much memory, Linux", "class Stack:\n    def __init__(self):",
    "My favourite season is", "The speed of light is", "An index in a database", "HTTP status code 503 means",
    "The Roman Empire fell", "for i in range(10):\n", "A mutex is used to", "The human heart has",
    "Machine learning models are trained by", "git commit -m", "Mount Everest is", "In 2008, the financial crisis",
    "The recipe needs two eggs,", "docker run -it", "A good way to learn a language is", "The moon orbits",
    "If the file system is mounted read-only,", "The French Revolution began",
]


def run(command):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout


def logits_at(a, ids):
    """Our logits after ids."""
    out = json.loads(run([a.program, "logits", "--model", a.model, "--tokens", ",".join(map(str, ids)), "--json"]))
    return out["logits"][-1]


def verdict(exact, ids, ours, theirs, row):
    """What double precision says of the two candidates after ids, as text, and how far it puts ours ahead."""
    if exact is None:
        return "", 0
    true = exact.logits(ids)[-1]
    error = sum((o - t) ** 2 for o, t in zip(row, true)) ** 0.5 / len(row) ** 0.5
    gap = true[ours] - true[theirs]
    whose = "ours" if gap > 0 else "theirs"
    return f"; exactly {gap:+.3f}: {whose}; rms error of our logits {error:.3f}", gap


def tokenize(a, text):
    return json.loads(subprocess.run([a.program, "tokenize", "--model", a.model], input=text.encode(),
                                     stdout=subprocess.PIPE, check=True).stdout)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program"), p.add_argument("llama_simple"), p.add_argument("model")
    p.add_argument("-n", type=int, default=64), p.add_argument("--prompts", type=int, default=20)
    p.add_argument("--threads", type=int, default=2)
    # Both engines round activations to 8 bits. Against f32 arithmetic on the same 4-bit weights their logits are off
    # by 0.15 to 0.45 (rms) on a 135M model, so candidates nearer than this may come in either order.
    p.add_argument("--near", type=float, default=0.3)
    p.add_argument("--exact", action="store_true", help="settle departures in double precision; needs numpy and gguf")
    a = p.parse_args()
    exact = None
    if a.exact:
        from exact_logits import ExactModel
        exact = ExactModel(a.model)
    n_equal = n_near = n_exactly_ours = widest = 0
    for prompt in PROMPTS[:a.prompts]:
        ours = json.loads(run([a.program, "generate", "--model", a.model, "--prompt", prompt, "-n", str(a.n),
                               "--threads", str(a.threads), "--json"]))
        theirs = run([a.llama_simple, "-m", a.model, "-n", str(a.n), prompt]).decode("utf-8", "replace")
        theirs = theirs[theirs.find(prompt) + len(prompt):]
        # llama-simple prints a line end behind its text, and generates one token fewer or more at the end.
        n = min(len(ours["text"]), len(theirs.rstrip("\n")))
        same = 0
        while same < n and ours["text"][same] == theirs[same]:
            same += 1
        if same == n:
            n_equal += 1
            print(f"equal   {prompt[:50]!r}")
            continue
        ids = tokenize(a, prompt)
        own = ours["tokens"]
        at = 0
        decode = lambda tokens: subprocess.run([a.program, "tokenize", "--model", a.model, "--decode"],
                                               input=json.dumps(tokens).encode(), stdout=subprocess.PIPE,
                                               check=True).stdout.decode("utf-8", "replace")
        while at < len(own) and theirs.startswith(decode(own[:at + 1])):
            at += 1
        rest = tokenize(a, theirs[len(decode(own[:at])):])
        gap, settled = float("nan"), ""
        if at < len(own) and rest:
            row = logits_at(a, ids + own[:at])
            gap = row[own[at]] - row[rest[0]]
            settled, exact_gap = verdict(exact, ids + own[:at], own[at], rest[0], row)
            n_exactly_ours += exact_gap > 0
            widest = max(widest, abs(exact_gap))
        n_near += abs(gap) < a.near
        print(f"differs {prompt[:50]!r} at token {at}: ours {decode([own[at]])!r}, theirs {decode([rest[0]])!r}, "
              f"our logits {gap:+.3f} apart{settled}")
    n_other = min(a.prompts, len(PROMPTS)) - n_equal - n_near
    print(f"{n_equal} equal, {n_near} part where logits are within {a.near}, {n_other} otherwise")
    if exact is not None:
        print(f"double precision takes our side in {n_exactly_ours} of {a.prompts - n_equal} departures; they are at most {widest:.3f} apart there")
    return 1 if n_other else 0


sys.exit(main())
