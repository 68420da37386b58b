#!/usr/bin/env python3
"""KQL over a large log: Sigma Desk beside lnav's SQL, DuckDB through duckdb-kql and adxlite, on the same rows in one run.
    kql.py SIGMACTL DATA_FOLDER SESSION [--log FILE] [--runs N] [--only NAMES]
The session is one of a single file that SIGMACTL has stored (diagnose --no-model keeps one). The others get its rows as a
table Logs with Timestamp, Level, Host, Process, Pid, TemplateId and Message; lnav reads --log itself, and its seconds
are those of a run with the query less those of a run without. Each query runs once to warm and then N times; the
least counts. Answers are compared by their number of rows. Programs that are not installed are left out, and the
list says so:  pip install duckdb duckdb-kql adxlite;  apt install lnav"""
import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

COLUMNS = ["Timestamp", "Level", "Host", "Process", "Pid", "TemplateId", "Message"]
QUERIES = [  # name, KQL, SQL for lnav
    ("count by level per minute", "Logs | where Timestamp >= datetime(2026-01-01 00:10:00) | summarize count() by Level, bin(Timestamp, 1m)",
     "SELECT log_level, strftime('%Y-%m-%d %H:%M', log_time), count(*) FROM all_logs WHERE log_time >= '2026-01-01 00:10:00' GROUP BY 1, 2"),
    ("rare term", "Logs | where Message has 'nvme1n1' | project Timestamp, Message", "SELECT log_time, log_body FROM all_logs WHERE log_body LIKE '%nvme1n1%'"),
    ("common term", "Logs | where Message has 'error' | count", "SELECT count(*) FROM all_logs WHERE log_body LIKE '%error%'"),
    ("part of a word", "Logs | where Message contains 'ailed' | count", "SELECT count(*) FROM all_logs WHERE log_body LIKE '%ailed%'"),
    ("pattern", "Logs | where Message matches regex @'sector \\d+ op' | count", "SELECT count(*) FROM all_logs WHERE log_body REGEXP 'sector \\d+ op'"),
    ("pattern without a word", "Logs | where Message matches regex @'(\\d+)\\.(\\d+)\\.(\\d+)\\.(\\d+)' | count",
     "SELECT count(*) FROM all_logs WHERE log_body REGEXP '(\\d+)\\.(\\d+)\\.(\\d+)\\.(\\d+)'"),
    ("errors by process", "Logs | where Level == 'ERROR' | summarize count() by Process | top 10 by count_",
     "SELECT log_opid, count(*) FROM all_logs WHERE log_level = 'error' GROUP BY 1 ORDER BY 2 DESC LIMIT 10"),
    ("distinct by template", "Logs | summarize dcount(Host), dcount(Pid) by TemplateId", None),
    ("newest 100", "Logs | top 100 by Timestamp desc | project Timestamp, Message", "SELECT log_time, log_body FROM all_logs ORDER BY log_time DESC LIMIT 100"),
    ("sort by two", "Logs | sort by Pid asc, Timestamp desc | take 100 | project Timestamp, Pid", None),
    ("join", "Logs | take 1000000 | join kind=inner (Logs | take 10000 | project Timestamp, P2 = Pid) on Timestamp | count", None),
    ("distinct pairs", "Logs | distinct Host, Process | count", None),
    ("first rows", "Logs | where Level == 'ERROR' | project Timestamp, Message | take 10", "SELECT log_time, log_body FROM all_logs WHERE log_level = 'error' LIMIT 10"),
]


def best(run, runs):
    """Least seconds of some runs, and the number of rows; or why there are none."""
    try:
        n_rows = run()
        seconds = []
        for _ in range(runs):
            began = time.monotonic()
            n_rows = run()
            seconds.append(time.monotonic() - began)
        return min(seconds), n_rows
    except Exception as error:  # what another program cannot do is a result, not a fault of this one
        return None, f"{type(error).__name__}: {str(error).splitlines()[0][:60]}" if str(error) else type(error).__name__


class Ours:
    """One process; every query goes through its --batch."""

    def __init__(self, program, folder, session):
        self.process = subprocess.Popen([program, "--data-folder", folder, "query", "--session", str(session), "--batch"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, kql):
        self.process.stdin.write(json.dumps({"id": 1, "query": kql}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"]["message"])
        return answer

    def run(self, kql):
        return len(self.ask(kql)["rows"])


def write_rows(ours, path):
    """All rows of the session, in pieces that a result can hold."""
    step, n = 200000, 0
    last = ours.ask("Logs | summarize max(Line)")["rows"][0][0] or 0
    with open(path, "w", newline="", encoding="utf-8") as f:
        writer = csv.writer(f)
        writer.writerow(COLUMNS)
        for begin in range(0, last + 1, step):
            rows = ours.ask(f"Logs | where Line between ({begin} .. {begin + step - 1}) | project {', '.join(COLUMNS)}")["rows"]
            writer.writerows(rows)
            n += len(rows)
    return n


def duckdb_runner(path):
    import duckdb
    import duckdb_kql
    types = {c: "VARCHAR" for c in COLUMNS} | {"Timestamp": "TIMESTAMP", "Pid": "BIGINT", "TemplateId": "BIGINT"}
    connection = duckdb.connect()
    connection.execute("SET threads = 2")
    connection.execute(f"CREATE TABLE Logs AS SELECT * FROM read_csv('{path}', header = true, types = {types})")

    def run(kql):
        translated = duckdb_kql.to_sql(kql)
        return len(connection.execute(getattr(translated, "sql", str(translated))).fetchall())
    return run


def adxlite_runner(path):
    import adxlite
    import pandas
    client = adxlite.AdxLiteClient()
    client.ingest("Logs", pandas.read_csv(path, parse_dates=["Timestamp"]))
    return lambda kql: len(client.query(kql))


def lnav_runner(program, log):
    def seconds(sql):
        began = time.monotonic()
        out = subprocess.run([program, "-n", "-c", ";" + sql, log], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=True)
        return time.monotonic() - began, out.stdout.count(b"\n")
    empty = min(seconds("SELECT 1")[0] for _ in range(2))

    def run(sql):
        took, lines = seconds(sql)
        return max(took - empty, 0.001), max(lines - 1, 0)
    return run


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("sigmactl")
    p.add_argument("data_folder")
    p.add_argument("session", type=int)
    p.add_argument("--log", help="the file behind the session, for lnav")
    p.add_argument("--runs", type=int, default=3)
    p.add_argument("--only", default="", help="comma-separated: duckdb,adxlite,lnav")
    a = p.parse_args()
    only = set(filter(None, a.only.split(",")))
    ours = Ours(a.sigmactl, a.data_folder, a.session)
    total = ours.ask("Logs | count")["rows"][0][0]
    others = {}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "rows.csv")
        n = write_rows(ours, path)
        for name, make in (("duckdb", lambda: duckdb_runner(path)), ("adxlite", lambda: adxlite_runner(path))):
            if only and name not in only:
                continue
            try:
                others[name] = make()
            except Exception as error:
                print(f"{name} is left out: {type(error).__name__}: {str(error)[:100]}", file=sys.stderr)
        if a.log and shutil.which("lnav") and (not only or "lnav" in only):
            others["lnav"] = lnav_runner(shutil.which("lnav"), a.log)
        if n != total:
            sys.exit(f"{n} of {total} rows could be given to the others; the session must be of one file")
        print(f"{n} rows; least seconds of {a.runs} warm runs; the ratio is theirs to ours")
        print(f"{'query':26}{'sigmactl':>10}" + "".join(f"{name:>22}" for name in others))
        behind = 0
        for name, kql, sql in QUERIES:
            seconds, rows = best(lambda: ours.run(kql), a.runs)
            line = f"{name:26}" + (f"{seconds:10.3f}" if seconds is not None else f"{rows:>10}")
            for other, run in others.items():
                if other == "lnav":
                    if sql is None:
                        line += f"{'-':>22}"
                        continue
                    took = min(run(sql)[0] for _ in range(a.runs))
                else:
                    took, why = best(lambda: run(kql), a.runs)
                    if took is None:
                        line += f"{why[:20]:>22}"
                        continue
                ratio = took / seconds if seconds else 0
                behind += ratio < 1
                line += f"{took:13.3f} {ratio:7.1f}x"
            print(line, flush=True)
        print(f"ours is behind in {behind} of the comparisons")


if __name__ == "__main__":
    main()
