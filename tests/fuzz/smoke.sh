#!/usr/bin/env bash
# Builds the libFuzzer targets with clang, ASan and UBSan and runs each over its seed corpus for a share of the given
# seconds (default 60), always with the same seed so that a change is judged by the same inputs; FUZZ_SEED picks others
# (0: a new one each time). A crash fails, and its input is kept beside the build for a new seed.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
seconds=${1:-60}
build=$root/build-fuzz
command -v clang++ > /dev/null || { echo "fuzz: clang++ is missing; run tools/setup" >&2; exit 1; }
cmake -S "$root" --preset fuzz > "$build.log" 2>&1 || { tail -n 20 "$build.log"; exit 1; }
mapfile -t targets < <(ctest --test-dir "$build" -N -L '^fuzz$' | sed -nE 's/^ *Test +#[0-9]+: //p')
[ ${#targets[@]} -gt 0 ] || { echo "fuzz: no test of $build carries the label fuzz" >&2; exit 1; }
(cd "$root" && cmake --build --preset fuzz --target "${targets[@]}") >> "$build.log" 2>&1 || { grep -E 'error' "$build.log" | head -n 20; exit 1; }
each=$((seconds / ${#targets[@]}))
[ "$each" -ge 2 ] || each=2
status=0
for target in "${targets[@]}"; do
  seeds=$root/tests/fuzz/corpus/${target%_fuzz}
  mkdir -p "$build/found/$target"
  if "$build/$target" "$build/found/$target" "$seeds" -seed="${FUZZ_SEED:-1}" -max_total_time="$each" -rss_limit_mb=4096 -timeout=20 \
      -artifact_prefix="$build/$target-" > "$build/$target.log" 2>&1; then
    echo "fuzz: $target: $(grep -oE 'Done [0-9]+ runs' "$build/$target.log" | tail -n 1) in ${each} s, no finding"
  else
    grep -E -A 40 'ERROR: |runtime error:' "$build/$target.log" | head -n 80 || true
    tail -n 15 "$build/$target.log"
    echo "fuzz: $target FAILED; its input is build-fuzz/$target-*"
    status=1
  fi
done
exit $status
