#!/bin/sh
# gpu_option.sh SIGMACTL: every command that runs a language model takes --gpu; where there is no GPU, `require` is an error
# that says why, `off` and `auto` go on with the CPU. Skipped (77) where there is a driver.
ctl=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
if ldconfig -p 2> /dev/null | grep -q libcuda.so.1; then
  echo "skipped: this machine has an NVIDIA driver"
  exit 77
fi
"$ctl" model synth tiny Q8_0 -o "$folder/tiny.gguf" > /dev/null 2>&1 || { echo "no tiny model could be made"; exit 1; }
printf '2026-01-01T00:00:00Z host app[1]: error: connection refused by 10.0.0.1\n' > "$folder/app.log"
printf '{"id": "1", "question": "list files", "answer": "ls"}\n' > "$folder/samples.jsonl"
failed=0
check() { # arguments...
  said=$("$ctl" --data-folder "$folder" "$@" --gpu require 2>&1 < /dev/null)
  status=$?
  if [ "$status" -eq 0 ] || ! printf '%s' "$said" | grep -q -- "--gpu require, but the GPU cannot be used: "; then
    echo "sigmactl $* --gpu require: status $status; said: $said"
    failed=1
  fi
  "$ctl" --data-folder "$folder" "$@" --gpu sometimes > /dev/null 2>&1 < /dev/null
  if [ $? -ne 2 ]; then
    echo "sigmactl $* --gpu sometimes: no wrong usage"
    failed=1
  fi
}
check generate --model "$folder/tiny.gguf" --tokens 1,2 -n 1
check logits --model "$folder/tiny.gguf" --tokens 1,2
check bench --model "$folder/tiny.gguf" -p 4 -n 1
check perplexity --model "$folder/tiny.gguf" "$folder/app.log"
check diagnose --model "$folder/tiny.gguf" "$folder/app.log"
check kql ask --model "$folder/tiny.gguf" --model-first --question "count the lines" "$folder/app.log"
check task run cmdgen --data "$folder/samples.jsonl" --model "$folder/tiny.gguf"
for mode in auto off; do
  "$ctl" generate --model "$folder/tiny.gguf" --tokens 1,2 -n 2 --gpu $mode > /dev/null 2>&1 || { echo "--gpu $mode fails without a GPU"; failed=1; }
done
exit $failed
