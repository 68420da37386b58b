#!/usr/bin/env python3
"""KQL over a large log: Sigma Desk beside DuckDB through duckdb-kql, adxlite and lnav's SQL, on the same rows in one run.
    kql.py SIGMACTL DATA_FOLDER SESSION                          our own times
    kql.py SIGMACTL DATA_FOLDER SESSION --peers FOLDER --prepare gives the others the session's rows, once
    kql.py SIGMACTL DATA_FOLDER SESSION --peers FOLDER [--log FILE] [--only ...] [--runs N]
    kql.py SIGMACTL DATA_FOLDER SESSION,SESSION,... --linear     time a row at each size, smallest session first;
                                                                 several folders may be given too, with commas between
The session is one of a single file that SIGMACTL has stored: `sigmactl diagnose --no-model FILE` keeps one. Ours is
one process, `sigmactl query --session SESSION --batch`, asked over its pipe; DuckDB and adxlite are one process each,
with a database of their own in FOLDER (table Logs: Timestamp, Level, Host, Process, Pid, TemplateId, Message). Every
query runs once in each to warm, then N times in turn, one after the other; the median counts, wall time from the
question to the last row of the answer. A run that takes longer than --patience is not repeated, one that takes longer
than --give-up is ended. Answers are compared cell by cell, in any order of rows; what a program cannot express or runs
into is said. lnav reads --log itself, in one process that runs all queries one after the other; the clock starts when
the file is loaded. Programs that are not installed are left out, and the list says so:
    pip install duckdb duckdb-kql pandas adxlite;  apt install lnav"""
import argparse
import csv
import json
import math
import os
import re
import select
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

COLUMNS = ["Timestamp", "Level", "Host", "Process", "Pid", "TemplateId", "Message"]
MESSAGE_IPS = r"(\d+)\.(\d+)\.(\d+)\.(\d+)"
QUOTED_IPS = MESSAGE_IPS.replace("\\", "\\\\")
# Name, KQL as all three spell it (adxlite knows no @'...' and no datetime without quotes), SQL for lnav or why it has none.
QUERIES = [
    ("count by level and minute",
     "Logs | where Timestamp >= datetime('2026-01-01T00:10:00') | extend Minute = bin(Timestamp, 1m) | summarize n = count() by Level, Minute",
     "SELECT CASE log_level WHEN 'warning' THEN 'WARN' ELSE upper(log_level) END, strftime('%Y-%m-%dT%H:%M:00', log_time), count(*) FROM all_logs "
     "WHERE log_time >= '2026-01-01 00:10:00' GROUP BY 1, 2"),
    ("rare term", "Logs | where Message has 'nvme1n1' | project Timestamp, Message", "SELECT log_time, log_text FROM all_logs WHERE log_text LIKE '%nvme1n1%'"),
    ("absent term", "Logs | where Message has 'zzyzx9' | count", "SELECT count(*) FROM all_logs WHERE log_text LIKE '%zzyzx9%'"),
    ("common term", "Logs | where Message has 'error' | count", "SELECT count(*) FROM all_logs WHERE log_text REGEXP '\\] [A-Z]+ .*(?<![A-Za-z0-9])(?i:error)(?![A-Za-z0-9])'"),
    ("part of a word", "Logs | where Message contains 'ailed' | count", "SELECT count(*) FROM all_logs WHERE log_text LIKE '%ailed%'"),
    ("pattern with a word", "Logs | where Message matches regex 'sector \\\\d+ op' | count", "SELECT count(*) FROM all_logs WHERE log_text REGEXP 'sector \\d+ op'"),
    ("pattern without a word", f"Logs | where Message matches regex '{QUOTED_IPS}' | count", f"SELECT count(*) FROM all_logs WHERE log_text REGEXP '{MESSAGE_IPS}'"),
    ("template parameter", "Logs | where Message has 'blk' | extend Block = extract('blk_(-?\\\\d+)', 1, Message) | summarize Hosts = dcount(Host) by Block | count",
     "lnav's all_logs has no host of these lines"),
    ("errors by process", "Logs | where Level == 'ERROR' | summarize n = count() by Process", "lnav's all_logs has no process of these lines"),
    ("distinct by template", "Logs | summarize Hosts = dcount(Host), Pids = dcount(Pid) by TemplateId", "lnav has its own templates"),
    ("distinct pairs", "Logs | distinct Host, Process | count", "lnav's all_logs has no host of these lines"),
    ("newest 100", "Logs | top 100 by Timestamp desc | project Timestamp, Message", "SELECT log_time, log_text FROM all_logs ORDER BY log_time DESC LIMIT 100"),
    ("sort by two, 100 of all", "Logs | sort by Pid asc, Timestamp desc | take 100 | project Timestamp, Pid", "lnav's all_logs has no process id of these lines"),
    ("first rows of a filter", "Logs | where Level == 'ERROR' | project Timestamp, Message | take 10", "SELECT log_time, log_text FROM all_logs WHERE log_level = 'error' LIMIT 10"),
    ("join of 1 M with 10 K",
     "Logs | where Timestamp < datetime('2026-01-01T01:16:00') | join kind=inner (Logs | where Timestamp < datetime('2026-01-01T00:00:46') | project Timestamp, P2 = Pid) on Timestamp | count",
     "SELECT count(*) FROM all_logs a, all_logs b WHERE a.log_time < '2026-01-01 01:16:00' AND b.log_time < '2026-01-01 00:00:46' AND a.log_time = b.log_time"),
]
LNAV = {name: sql for name, _, sql in QUERIES}
ANY_ROWS = {"first rows of a filter"}  # whose answer may be any rows: only their number is compared


# Of which one answer grows with the rows at most: what is measured is the work behind it.
LINEAR = [
    ("count by level and minute", "Logs | summarize n = count() by Level, bin(Timestamp, 1m) | count"),
    ("common term", "Logs | where Message has 'error' | count"),
    ("part of a word", "Logs | where Message contains 'ailed' | count"),
    ("pattern without a word", f"Logs | where Message matches regex '{QUOTED_IPS}' | count"),
    ("template parameter", "Logs | where Message has 'blk' | extend Block = extract('blk_(-?\\\\d+)', 1, Message) | summarize Hosts = dcount(Host) by Block | count"),
    ("distinct by template", "Logs | summarize Hosts = dcount(Host), Pids = dcount(Pid) by TemplateId | count"),
    ("groups of one row", "Logs | summarize n = count() by Line | count"),
    ("sort by two", "Logs | sort by Pid asc, Timestamp desc | project Pid | count"),
    ("newest 100", "Logs | top 100 by Timestamp desc | count"),
    ("join with a hundredth", "Logs | join kind=inner (Logs | where Line % 100 == 0 | project Line, P2 = Pid) on Line | count"),
    ("mv-expand", "Logs | where Line % 10 == 0 | mv-expand part = split(Message, ' ') to typeof(string) | summarize dcount(part)"),
    ("make-series", "Logs | make-series n = count() on Timestamp step 1m by Level | count"),
    ("windows", "Logs | serialize gap = Timestamp - prev(Timestamp) | summarize max(gap)"),
]


class GaveUp(Exception):
    pass


class Process:
    """Questions as lines of JSON in, answers as lines of JSON out."""

    def __init__(self, command):
        self.command = command
        print("  " + shlex.join(command), flush=True)
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def ask(self, kql, limit_s=600):
        self.process.stdin.write(json.dumps({"id": 1, "query": kql}).encode() + b"\n")
        self.process.stdin.flush()
        end = time.monotonic() + limit_s
        line = b""
        fd = self.process.stdout.fileno()
        while not line.endswith(b"\n"):
            left = end - time.monotonic()
            if left <= 0 or not select.select([fd], [], [], left)[0]:
                self.process.kill()
                raise GaveUp(f"more than {limit_s:g} s")
            piece = os.read(fd, 1 << 20)
            if not piece:
                raise RuntimeError("it ended, as out of memory")
            line += piece
        answer = json.loads(line)
        if "error" in answer:
            error = answer["error"]
            raise RuntimeError(error["message"] if isinstance(error, dict) else error)
        return answer["rows"]


# ---------------------------------------------------------------- the other programs, each in a process of its own

def serve(query):
    """Answers questions from standard input until it ends."""
    for line in sys.stdin:
        try:
            answer = {"rows": query(json.loads(line)["query"])}
        except Exception as error:  # what it cannot do is an answer
            answer = {"error": f"{type(error).__name__}: " + (str(error).strip().splitlines() or [""])[0][:120]}
        print(json.dumps(answer, default=str), flush=True)


def serve_duckdb(path):
    import duckdb
    import duckdb_kql
    connection = duckdb.connect(path, read_only=True)
    connection.execute("SET threads = 2; SET TimeZone = 'UTC'")
    serve(lambda kql: duckdb_kql.kql(connection, kql).fetchall())


def serve_adxlite(path):
    import adxlite
    client = adxlite.AdxLiteClient(path)

    def query(kql):
        frame = client.query(kql)
        return json.loads(frame.to_json(orient="values", date_format="iso", date_unit="us"))
    serve(query)


def prepare(ours, folder, only):
    """All rows of the session as CSV, in pieces that a result can hold, and a database of each program."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "rows.csv")
    total = ours.ask("Logs | count")[0][0]
    if not os.path.exists(path):
        step, n = 200000, 0
        last = ours.ask("Logs | summarize max(Line)")[0][0] or 0
        with open(path + ".part", "w", newline="", encoding="utf-8") as f:
            writer = csv.writer(f)
            writer.writerow(COLUMNS)
            for begin in range(0, last + 1, step):
                rows = ours.ask(f"Logs | where Line between ({begin} .. {begin + step - 1}) | project {', '.join(COLUMNS)}")
                writer.writerows(rows)
                n += len(rows)
        if n != total:
            sys.exit(f"{n} of {total} rows could be given to the others; the session must be of one file")
        os.rename(path + ".part", path)
    if not only or "duckdb" in only:
        import duckdb
        target = os.path.join(folder, "rows.duckdb")
        if os.path.exists(target):
            os.remove(target)
        types = {c: "VARCHAR" for c in COLUMNS} | {"Timestamp": "TIMESTAMP", "Pid": "BIGINT", "TemplateId": "BIGINT"}
        duckdb.connect(target).execute(f"CREATE TABLE Logs AS SELECT * FROM read_csv('{path}', header = true, types = {types})")
    if not only or "adxlite" in only:
        import adxlite
        import pandas
        target = os.path.join(folder, "rows.adxlite")
        if os.path.exists(target):
            os.remove(target)
        client = adxlite.AdxLiteClient(target)
        for frame in pandas.read_csv(path, parse_dates=["Timestamp"], keep_default_na=False, chunksize=500000):
            client.ingest("Logs", frame, mode="append")


def run_lnav(log, queries, limit_s):
    """Of each query: seconds and rows, or why not. One process: loading ten million lines takes longer than most queries."""
    program = shutil.which("lnav")
    version = subprocess.run([program, "-V"], stdout=subprocess.PIPE, text=True).stdout.strip()
    clock = ";SELECT (julianday('now') - 2440587.5) * 86400.0 AS t"
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        script = os.path.join(folder, "queries.lnav")
        asked = [(k, name, sql) for k, (name, _, sql) in enumerate(queries) if sql.startswith("SELECT")]
        with open(script, "w", encoding="utf-8") as f:
            for k, _, sql in asked:
                f.write(f"{clock}\n:write-csv-to {folder}/{k}.begin\n;{sql}\n:write-json-to {folder}/{k}.rows\n{clock}\n:write-csv-to {folder}/{k}.end\n")
        command = [program, "-n", "-f", script, log]
        print(f"  {shlex.join(command)}   ({version})", flush=True)
        began = time.time()
        try:
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, timeout=limit_s)
            why = "no answer"
        except subprocess.TimeoutExpired:
            why = f"not done in {limit_s:g} s"
        first = True
        for k, name, _ in asked:
            times = []
            for end in ("begin", "end"):
                try:
                    with open(f"{folder}/{k}.{end}", encoding="utf-8") as f:
                        times.append(float(f.read().split()[1]))
                except (OSError, IndexError, ValueError):
                    break
            if first and times:
                print(f"  lnav had loaded the file after {times[0] - began:.1f} s", flush=True)
                first = False
            if len(times) == 2:
                with open(f"{folder}/{k}.rows", encoding="utf-8") as f:
                    rows = [list(row.values()) for row in json.load(f)]
                found[name] = (max(times[1] - times[0], 0.001), rows)
            else:
                found[name] = (None, why)
    for name, _, sql in queries:
        if not sql.startswith("SELECT"):
            found[name] = (None, sql)
    return found


# ---------------------------------------------------------------- comparing

TIME = re.compile(r"^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|\+00:00)?$")


def plain(cell, digits):
    """A cell as it compares: times to so many digits of a second, whole reals as integers, nothing as nothing."""
    if cell is None or cell == "":
        return None
    if isinstance(cell, bool):
        return int(cell)
    if isinstance(cell, float):
        return None if math.isnan(cell) else int(cell) if cell.is_integer() else round(cell, 6)
    if isinstance(cell, str):
        time_of = TIME.match(cell)
        if time_of:
            return f"{time_of[1]}T{time_of[2]}.{(time_of[3] or '').ljust(digits, '0')[:digits]}"
    return cell


def verdict(name, ours, theirs, lnav=False):
    if name in ANY_ROWS:
        return "same number" if len(ours) == len(theirs) else f"{len(theirs)} rows"
    # lnav keeps milliseconds, and its text of a line is not the message.
    only_time = lnav and "log_text FROM" in LNAV[name]
    digits, width = (3 if lnav else 6), (1 if only_time else None)
    a, b = (sorted(json.dumps([plain(c, digits) for c in row[:width]]) for row in rows) for rows in (ours, theirs))
    if a == b:
        return "same times" if only_time else "same"
    if len(a) != len(b):
        return f"{len(theirs)} rows"
    return str(theirs[0][0]) + " for " + str(ours[0][0]) if len(a) == 1 else f"{sum(x != y for x, y in zip(a, b))} rows differ"


class Runner:
    """Warm and repeated runs of one query in one program."""

    def __init__(self, process, patience, give_up):
        self.process, self.patience, self.give_up = process, patience, give_up
        self.seconds, self.rows, self.why = [], None, None

    def go(self, kql, warming):
        if self.why or (self.seconds and self.seconds[-1] > self.patience):
            return
        began = time.monotonic()
        try:
            rows = self.process.ask(kql, self.give_up)
        except (GaveUp, RuntimeError, OSError) as error:
            self.why = str(error) or type(error).__name__
            return
        took = time.monotonic() - began
        if self.rows is None:
            self.rows = rows
        if not warming or took > self.patience:
            self.seconds.append(took)


def linear(sigmactl, data_folders, sessions, runs, names):
    """Nanoseconds a row of each query over sessions of different sizes."""
    sizes, times = [], {}
    for k in range(max(len(data_folders), len(sessions))):
        data_folder, session = data_folders[min(k, len(data_folders) - 1)], sessions[min(k, len(sessions) - 1)]
        process = Process([sigmactl, "--data-folder", data_folder, "query", "--session", str(session), "--batch"])
        rows = process.ask("Logs | count")[0][0]
        sizes.append(rows)
        for name, kql in LINEAR:
            if names and not any(n in name for n in names):
                continue
            process.ask(kql)
            seconds = []
            for _ in range(runs):
                began = time.monotonic()
                process.ask(kql)
                seconds.append(time.monotonic() - began)
            times.setdefault(name, []).append(statistics.median(seconds))
        process.process.stdin.close()
        process.process.wait()
    print(f"\nmedian of {runs} runs after one to warm: seconds (nanoseconds a row); last, the largest's time a row against the smallest's")
    print(f"{'':26}" + "".join(f"{n:>20,}" for n in sizes))
    for name, all_seconds in times.items():
        a_row = [s / n * 1e9 for s, n in zip(all_seconds, sizes)]
        cells = "".join(f"{f'{s:.3f} ({ns:.0f})':>20}" for s, ns in zip(all_seconds, a_row))
        print(f"{name:26}{cells}   x {a_row[-1] / a_row[0]:.2f}")


def main():
    if len(sys.argv) == 4 and sys.argv[1] == "--serve":
        return {"duckdb": serve_duckdb, "adxlite": serve_adxlite}[sys.argv[2]](sys.argv[3])
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("sigmactl")
    p.add_argument("data_folder")
    p.add_argument("session", help="its number; with --linear several, with commas between")
    p.add_argument("--linear", action="store_true", help="how the time a row grows with the rows")
    p.add_argument("--names", default="", help="with --linear: only queries whose names have one of these, with commas between")
    p.add_argument("--peers", help="folder of the others' databases")
    p.add_argument("--prepare", action="store_true", help="fill it")
    p.add_argument("--log", help="the file behind the session, for lnav")
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("--patience", type=float, default=5, help="seconds; a slower run is not repeated")
    p.add_argument("--give-up", type=float, default=60, help="seconds; a slower run is ended")
    p.add_argument("--lnav-limit", type=float, default=600, help="seconds for all of lnav's queries and the loading")
    p.add_argument("--only", default="", help="comma-separated: duckdb,adxlite,lnav")
    p.add_argument("--queries", default=f"1-{len(QUERIES)}", metavar="FIRST-LAST", help="only these, counted from 1")
    a = p.parse_args()
    if a.linear:
        return linear(a.sigmactl, a.data_folder.split(","), [int(s) for s in a.session.split(",")], a.runs, list(filter(None, a.names.split(","))))
    only = set(filter(None, a.only.split(",")))
    first, _, last = a.queries.partition("-")
    queries = QUERIES[int(first) - 1:int(last or first)]
    print("commands:")
    ours = Process([a.sigmactl, "--data-folder", a.data_folder, "query", "--session", str(int(a.session)), "--batch"])
    began = time.monotonic()
    total = ours.ask("Logs | count")[0][0]
    opened = time.monotonic() - began
    if a.prepare:
        return prepare(ours, a.peers, only)

    peers, lnav = {}, {}
    for name in ("duckdb", "adxlite"):
        path = os.path.join(a.peers or "", f"rows.{name}")
        if not a.peers or (only and name not in only):
            continue
        if not os.path.exists(path):
            print(f"  {name} is left out: there is no {path}; run with --prepare", file=sys.stderr)
            continue
        peers[name] = [sys.executable, os.path.abspath(__file__), "--serve", name, path]
    if a.log and (not only or "lnav" in only):
        if shutil.which("lnav"):
            lnav = run_lnav(a.log, queries, a.lnav_limit)
        else:
            print("  lnav is left out: it is not installed", file=sys.stderr)
    running = {name: Process(command) for name, command in peers.items()}

    print(f"\n{total} rows; opened and counted in {opened:.3f} s; median seconds of {a.runs} runs in turn after one to warm (least..most)")
    behind = compared = 0
    for name, kql, _ in queries:
        print(f"\n{name}\n    {kql}", flush=True)
        runners = {"sigmactl": Runner(ours, math.inf, 600)} | {peer: Runner(process, a.patience, a.give_up) for peer, process in running.items()}
        for turn in range(a.runs + 1):
            for runner in runners.values():
                runner.go(kql, warming=turn == 0)
        mine = runners["sigmactl"]
        if mine.why:
            sys.exit(f"sigmactl: {mine.why}")
        own = statistics.median(mine.seconds)
        print(f"    sigmactl {own:9.4f}  ({min(mine.seconds):.4f}..{max(mine.seconds):.4f})  {len(mine.rows)} rows {json.dumps(mine.rows[0])[:60] if len(mine.rows) == 1 else ''}")
        for peer, runner in runners.items():
            if peer == "sigmactl":
                continue
            if runner.why:
                print(f"    {peer:8} {'-':>9}  {runner.why}")
                if "more than" in runner.why:
                    compared += 1
                if runner.process.process.poll() is not None or "more than" in runner.why:
                    running[peer] = Process(peers[peer])
                continue
            took = statistics.median(runner.seconds)
            compared += 1
            behind += took < own
            print(f"    {peer:8} {took:9.4f}  ({len(runner.seconds)} runs)  {took / own:8.1f} x ours  answer: {verdict(name, mine.rows, runner.rows)}")
        if name in lnav:
            took, rows = lnav[name]
            if took is None:
                print(f"    {'lnav':8} {'-':>9}  {rows}")
            else:
                compared += 1
                behind += took < own
                print(f"    {'lnav':8} {took:9.4f}  (1 run)   {took / own:8.1f} x ours  answer: {verdict(name, mine.rows, rows, lnav=True)}")
    print(f"\nours is behind in {behind} of {compared} comparisons")


if __name__ == "__main__":
    main()
