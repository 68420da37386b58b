#!/usr/bin/env bash
# Builds both packages in the given build folder and checks them: valid desktop entry and metainfo, computed
# dependencies, and an archive whose program diagnoses the sample with no network and nothing else of this project.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$(cd "${1:?usage: check.sh BUILD_FOLDER}" && pwd)
give_up() { printf 'package: %s\n' "$*" >&2; exit 1; }

desktop-file-validate "$root/packaging/sigmadesk.desktop" || give_up "the desktop entry is not valid"
appstreamcli validate --no-net --pedantic "$root/packaging/sigmadesk.metainfo.xml" > "$build/appstream.log" 2>&1 ||
  { cat "$build/appstream.log"; give_up "the metainfo is not valid"; }
echo "package: desktop entry and metainfo are valid"

rm -rf "$build/packages"
(cd "$build" && cpack -B "$build/packages" > "$build/cpack.log" 2>&1) || { tail -n 20 "$build/cpack.log"; give_up "cpack failed"; }
deb=$(ls "$build"/packages/*.deb) archive=$(ls "$build"/packages/*.tar.gz)
depends=$(dpkg-deb -f "$deb" Depends)
grep -q libsqlite3 <<< "$depends" || give_up "the .deb has no computed dependencies: $depends"
dpkg-deb -c "$deb" > "$build/deb.list"
for path in usr/bin/sigmactl usr/bin/sigmadesk usr/share/applications/sigmadesk.desktop usr/share/sigmadesk/assets/log_formats/; do
  grep -q "$path" "$build/deb.list" || give_up "the .deb lacks $path"
done
echo "package: $(basename "$deb"), $(stat -c %s "$deb") bytes, depends on $depends"

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
tar xzf "$archive" -C "$place" --strip-components=1
no_network=()
unshare -n true 2> /dev/null && no_network=(unshare -n)
# Nothing but the archive: no assets of the source tree, an empty home.
env -i HOME="$place/home" PATH=/usr/bin:/bin "${no_network[@]}" "$place/bin/sigmactl" diagnose --sample --json > "$place/out.json" ||
  give_up "the program of the archive could not diagnose the sample"
python3 - "$place/out.json" << 'PY' || give_up "the archive's diagnosis lacks findings or the model's answer"
import json, sys
result = json.load(open(sys.argv[1]))
assert result["findings"] and result["answer"], result.keys()
assert result["timings_ms"]["first_token"] > 0, "no model answered"
PY
for program in sigmactl sigmadesk; do
  lost=$(env -i "$place/bin/$program" --version 2>&1 > /dev/null) || give_up "$program of the archive does not start: $lost"
done
echo "package: $(basename "$archive"), $(stat -c %s "$archive") bytes, runs${no_network:+ without a network}"
