"""Drives sigmadesk through X events and reads what it shows from its automation log.

No fixed sleeps: each step polls the state until it holds or its time is over; clicks are repeated
while nothing answered, since a window may still be settling."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

LIMIT_S = 60.0     # for one step; generous for sanitizers and busy machines


def fail(message, desk=None):
    print(f"e2e: FAILED: {message}", file=sys.stderr)
    if desk is not None:
        print("e2e: last state: " + json.dumps(desk.state, ensure_ascii=False)[:4000], file=sys.stderr)
    sys.exit(1)


class Desk:
    """One run of the program."""

    def __init__(self, program, work, name):
        self.log_path = work / f"{name}.jsonl"
        self.state = {}
        self.events = set()
        self.offset = 0
        self.process = subprocess.Popen(
            [program, "--data-folder", str(work / "data"), "--automation-log", str(self.log_path), "--no-model", "--safe-gpu",
             "--width", "1400", "--height", "900"],
            stderr=open(work / f"{name}.stderr", "wb"))
        self.stderr_path = work / f"{name}.stderr"
        self.wait("the first frame", lambda: "first_frame" in self.events)
        self.window = self.find_window()

    def read(self):
        if not self.log_path.exists():
            return
        with open(self.log_path, "rb") as log:
            log.seek(self.offset)
            data = log.read()
        end = data.rfind(b"\n") + 1
        self.offset += end
        for line in data[:end].splitlines():
            entry = json.loads(line)
            if entry["event"] == "state":
                self.state = entry
            else:
                self.events.add(entry["event"])

    def wait(self, what, condition, limit_s=LIMIT_S, or_none=False):
        until = time.monotonic() + limit_s
        while True:
            self.read()
            if condition():
                return True
            if self.process.poll() is not None:
                fail(f"the program ended with status {self.process.returncode} while waiting for {what}: "
                     + self.stderr_path.read_text(errors="replace"), self)
            if time.monotonic() > until:
                if or_none:
                    return False
                fail(f"waited {limit_s:.0f} s for {what}", self)
            time.sleep(0.05)

    def find_window(self):
        until = time.monotonic() + LIMIT_S
        while time.monotonic() < until:
            found = subprocess.run(["xdotool", "search", "--onlyvisible", "--class", "sigmadesk"], capture_output=True, text=True)
            if found.stdout.split():
                return found.stdout.split()[-1]
            time.sleep(0.05)
        fail("no window of class sigmadesk appeared", self)

    def xdotool(self, *arguments):
        subprocess.run(["xdotool", *arguments], check=True, timeout=30)

    def key(self, *keys):
        self.xdotool("windowfocus", "--sync", self.window)
        self.xdotool("key", *keys)

    def items(self, kind, text=""):
        return [i for i in self.state.get("items", []) if i["kind"] == kind and text in i["text"]]

    def click_until(self, find, what, condition):
        """Clicks what find() gives until the condition holds."""
        for _ in range(6):
            self.wait(f"something to click for {what}", lambda: bool(find()))
            item = find()[0]
            self.xdotool("mousemove", "--window", self.window, str(item["x"]), str(item["y"]), "click", "1")
            if self.wait(what, condition, LIMIT_S / 6, or_none=True):
                return item
        fail(f"clicks did not lead to {what}", self)

    def press_until(self, keys, what, condition):
        for _ in range(6):
            self.key(*keys)
            if self.wait(what, condition, LIMIT_S / 6, or_none=True):
                return
        fail(f"{'+'.join(keys)} did not lead to {what}", self)

    def close(self):
        self.key("ctrl+q")
        try:
            status = self.process.wait(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            fail("the program did not close on Ctrl+Q", self)
        if status != 0:
            fail(f"the program closed with status {status}: " + self.stderr_path.read_text(errors="replace"), self)


def make_log():
    lines = []
    for i in range(400):
        clock = f"{9 + i // 3600:02d}:{i // 60 % 60:02d}:{i % 60:02d}"
        if i >= 250 and i % 10 == 0:
            lines.append(f"Mar 14 {clock} db-2 postgres[812]: ERROR:  could not extend file \"base/16384/2619\": No space left on device")
        elif i % 17 == 0:
            lines.append(f"Mar 14 {clock} db-2 cron[77]: (root) CMD (run-parts /etc/cron.hourly)")
        else:
            lines.append(f"Mar 14 {clock} db-2 postgres[812]: LOG:  checkpoint complete: wrote {i * 7 % 900} buffers")
    return lines


def set_clipboard(text):
    # xclip stays behind to serve the clipboard; its output must not hold this process.
    subprocess.run(["xclip", "-selection", "clipboard", "-i"], input=text.encode(), check=True, timeout=30,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def check_citation(desk, lines):
    """Clicks the first line that proves a finding and compares the highlighted line with the log."""
    item = desk.click_until(lambda: desk.items("finding_line"), "a highlighted line in Logs",
                            lambda: desk.state["screen"] == "logs" and desk.state["flashed_line"] > 0)
    number = int(item["text"].lstrip("L"))
    shown, text = desk.state["flashed_line"], desk.state["flashed_text"]
    if shown != number or text != lines[number - 1]:
        fail(f"the citation L{number} highlighted line {shown}: {text!r}, the log has {lines[number - 1]!r}", desk)
    if "No space left on device" not in text:
        fail(f"the proof of the finding does not speak of the full disk: {text!r}", desk)
    if desk.state["selected_line"] != number:
        fail(f"line {number} is not the selected one but {desk.state['selected_line']}", desk)
    return number


def main():
    program, work = sys.argv[1], Path(sys.argv[2])
    os.environ["HOME"] = str(work)
    lines = make_log()
    desk = Desk(program, work, "first")
    desk.wait("the sample incident", lambda: desk.state.get("records", 0) > 0 and desk.state["running_jobs"] == 0)
    sample = desk.state["session"]
    print(f"e2e: first frame, then the sample with {len(desk.state['findings'])} findings after {desk.state['ms']} ms")

    desk.press_until(["ctrl+n"], "a new session", lambda: desk.state["session"] != sample)
    set_clipboard("\n".join(lines) + "\n")
    started = time.monotonic()
    desk.press_until(["ctrl+v"], "the pasted log", lambda: desk.state["records"] >= len(lines))
    desk.wait("findings", lambda: any("disk" in f.lower() or "space" in f.lower() for f in desk.state["findings"])
              and desk.state["running_jobs"] == 0)
    print(f"e2e: pasted {len(lines)} lines, findings after {time.monotonic() - started:.1f} s: {desk.state['findings']}")
    number = check_citation(desk, lines)
    print(f"e2e: the citation leads to line {number}")
    before = {k: desk.state[k] for k in ("session", "title", "records", "findings")}
    desk.close()

    desk = Desk(program, work, "second")
    desk.wait("the session of before", lambda: desk.state.get("records") == before["records"] and desk.state["findings"] == before["findings"]
              and desk.state["session"] == before["session"] and desk.state["title"] == before["title"])
    check_citation(desk, lines)
    desk.close()
    print("e2e: closed and opened again: session, records, findings and citations are the same")


if __name__ == "__main__":
    main()
