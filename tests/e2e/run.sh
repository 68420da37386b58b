#!/usr/bin/env bash
# The main job from outside: start sigmadesk under Xvfb, paste a log, wait for findings, click a citation,
# check the highlighted line, close, open again, find everything again.
#   run.sh PATH_TO_SIGMADESK
# Exit status 77: skipped, because a tool is missing (said on standard error).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=$(realpath "${1:?usage: run.sh PATH_TO_SIGMADESK}")
for tool in Xvfb xdotool xclip python3; do
  command -v "$tool" > /dev/null || { echo "SKIPPED: $tool is not installed; apt-get install xvfb xdotool xclip python3" >&2; exit 77; }
done

work=$(mktemp -d)
cleanup() {
  [ -n "${xvfb:-}" ] && kill "$xvfb" 2> /dev/null && wait "$xvfb" 2> /dev/null
  rm -rf "$work"
  true
}
trap cleanup EXIT

# Xvfb picks a free display and writes its number when it is ready.
mkfifo "$work/display"
Xvfb -displayfd 3 -screen 0 1600x1000x24 -nolisten tcp 3> "$work/display" > "$work/xvfb.log" 2>&1 &
xvfb=$!
read -r -t 30 number < "$work/display" || { cat "$work/xvfb.log" >&2; echo "Xvfb did not start within 30 s" >&2; exit 1; }
export DISPLAY=":$number"
unset WAYLAND_DISPLAY
python3 "$here/drive.py" "$program" "$work"
