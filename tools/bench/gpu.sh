#!/bin/sh
# Everything that a machine with an NVIDIA GPU can say about the CUDA backend, in one go: the same tests that run on the
# simulator, the speed of a model and of DiffQKV attention, then compute-sanitizer and ncu where they are installed.
#   tools/bench/gpu.sh BUILD MODEL...      BUILD: a build folder with sigmactl and the tests; MODEL: GGUF files or folders
# Prints a short table last; the whole output goes to BUILD/gpu-report.txt. Status 1 where something failed.
set -u
[ $# -ge 1 ] || { echo "usage: tools/bench/gpu.sh BUILD MODEL..." >&2; exit 2; }
build=$1; shift
ctl=$build/sigmactl
[ -x "$ctl" ] || { echo "gpu.sh: $ctl is missing; build first" >&2; exit 2; }
command -v nvidia-smi > /dev/null || { echo "gpu.sh: no nvidia-smi, so no NVIDIA driver: nothing is measured" >&2; exit 1; }
report=$build/gpu-report.txt
table=$(mktemp) && failed=0
trap 'rm -f "$table"' EXIT
: > "$report"

row() { printf '%-34s %s\n' "$1" "$2" >> "$table"; }
section() { printf '\n== %s\n' "$*" | tee -a "$report"; }

section device
nvidia-smi --query-gpu=name,memory.total,driver_version,clocks.max.sm,clocks.max.mem --format=csv,noheader | tee -a "$report"
row device "$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader | head -1)"

section "tests on the device"
tests=0
for test in "$build"/test_gpu_engine "$build"/test_gpu_attention "$build"/test_gpu_small_model; do
  [ -x "$test" ] || continue
  if "$test" >> "$report" 2>&1; then tests=$((tests + 1)); else failed=1; row "$(basename "$test")" FAILED; fi
done
row "test programs passed" "$tests"

for model in "$@"; do
  for depth in 0 2048 16384 32768; do
    section "bench $model, depth $depth"
    line=$("$ctl" bench --model "$model" --gpu require --depth "$depth" -p 512 -n 64 --json 2>> "$report") || { failed=1; row "$(basename "$model") $depth" FAILED; continue; }
    echo "$line" >> "$report"
    row "$(basename "$model") at $depth" "$(echo "$line" | sed -E 's/.*"prefill_tok_s": ([0-9.]+), "decode_tok_s": ([0-9.]+).*/prefill \1, decode \2 tokens\/s/')"
  done
done

# The same cache in fewer bytes, where the context is long.
for kv in bf16 q8 fp8; do
  [ $# -gt 0 ] || break
  section "bench $1, $kv cache, depth 16384"
  line=$("$ctl" bench --model "$1" --gpu require --kv "$kv" --depth 16384 -p 512 -n 64 --json 2>> "$report") || { failed=1; row "$kv cache" FAILED; continue; }
  echo "$line" >> "$report"
  row "$(basename "$1") at 16384, $kv" "$(echo "$line" | sed -E 's/.*"prefill_tok_s": ([0-9.]+), "decode_tok_s": ([0-9.]+).*/prefill \1, decode \2 tokens\/s/')"
done

section "floors"
"$ctl" bench roofline >> "$report" 2>&1 || failed=1

first=${1:-}
if [ -n "$first" ] && command -v compute-sanitizer > /dev/null; then
  for tool in memcheck racecheck initcheck synccheck; do
    section "compute-sanitizer $tool"
    if compute-sanitizer --tool "$tool" --error-exitcode 9 "$ctl" logits --model "$first" --gpu require --tokens 1,2,3,4,5,6,7,8,9,10 >> "$report" 2>&1
    then row "compute-sanitizer $tool" "no finding"; else failed=1; row "compute-sanitizer $tool" "FINDINGS, see the report"; fi
  done
else
  row compute-sanitizer "not installed, or no model given"
fi

if [ -n "$first" ] && command -v ncu > /dev/null; then
  section "ncu"
  ncu --csv --metrics gpu__time_duration.sum,dram__bytes.sum,dram__throughput.avg.pct_of_peak_sustained_elapsed \
      "$ctl" bench --model "$first" --gpu require -p 0 -n 2 --depth 4096 --repetitions 1 > "$build/gpu-ncu.csv" 2>> "$report" || failed=1
  row "ncu, each launch" "$build/gpu-ncu.csv"
else
  row ncu "not installed, or no model given"
fi

printf '\n'
cat "$table" | tee -a "$report"
exit $failed
