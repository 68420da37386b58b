#!/usr/bin/env python3
"""Guessed tokens on the product's own answers: the sample diagnosis and questions turned to KQL under a grammar.

    speculation.py build/sigmactl model.gguf [--repetitions 3]

Each answer is made with --speculate on and off in turn; the texts must be equal. Prints accepted tokens, tokens a pass of
the model and the speed of decoding both ways (medians).
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLES = """Table Logs has the columns Timestamp, Level, Source, Host, Process, Message.
Write one KQL query for each question.

Question: errors by service in the last day
Logs
| where Timestamp > ago(1d) and Level == "ERROR"
| summarize Errors = count() by Source
| order by Errors desc
| take 20

Question: lines of host web-1 that speak of a timeout
Logs
| where Host == "web-1" and Message has "timeout"
| project Timestamp, Level, Message
| take 100

Question: """
QUESTIONS = ["warnings by host in the last hour", "lines of process sshd that speak of a failed password",
             "how many errors a minute from nginx", "the last 50 lines of host db-2 with level ERROR",
             "hosts with more than 10 errors in the last day"]


def diagnosis(a, how, _):
    out = run(a, ["diagnose", "--sample", "--no-save", "--model", a.model, "--json", "--speculate", how])["generation"]
    return out["model_text"], out


def kql(a, how, question):
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as f:
        f.write(EXAMPLES + question + "\n")
        f.flush()
        out = run(a, ["generate", "--model", a.model, "--prompt-file", f.name, "--grammar", ROOT + "/tests/cases/grammars/kql.gbnf",
                      "-n", "40", "--json", "--speculate", how])
    return out["text"], out


def run(a, command):
    return json.loads(subprocess.run([a.program] + command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("program")
    p.add_argument("model")
    p.add_argument("--repetitions", type=int, default=3)
    a = p.parse_args()
    for name, make, inputs in [("sample diagnosis", diagnosis, [""]), ("questions to KQL", kql, QUESTIONS)]:
        n = {"accepted_tokens": 0, "drafted_tokens": 0, "generated_tokens": 0, "passes": 0}
        speed = {"on": [], "off": []}
        for text in inputs:
            for repetition in range(a.repetitions):
                answers = {}
                for how in ("on", "off"):
                    answers[how], out = make(a, how, text)
                    speed[how].append(out["decode_tok_s"])
                    if how == "on" and repetition == 0:
                        n = {key: n[key] + out[key] for key in n}
                if answers["on"] != answers["off"]:
                    sys.exit(f"speculation: {name}, \"{text}\": the answers differ:\n{answers['on']}\n---\n{answers['off']}")
        on, off = statistics.median(speed["on"]), statistics.median(speed["off"])
        print(f"{name}: {n['accepted_tokens']} of {n['generated_tokens']} tokens were guessed right ({n['drafted_tokens']} guessed), "
              f"{n['generated_tokens'] / max(1, n['passes']):.2f} tokens a pass; {on:.1f} tok/s against {off:.1f}: {on / off:.2f}x; same text")


if __name__ == "__main__":
    main()
