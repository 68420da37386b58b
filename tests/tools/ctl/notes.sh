#!/bin/sh
# notes.sh SIGMACTL: where a diagnosis and its notes go to one file, each note is a line of its own behind the answer.
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$1" diagnose --sample --no-model --no-save > "$folder/out" 2>&1 < /dev/null
notes=$(grep -c 'note: ' "$folder/out")
first=$(grep -n -m 1 'note: ' "$folder/out" | cut -d : -f 1)
if [ "$notes" -eq 0 ]; then
  echo "the sample's diagnosis says no notes; this test needs some"
  exit 1
fi
if [ "$(tail -n +"$first" "$folder/out" | grep -vc '^note: ')" -ne 0 ]; then
  echo "notes stand in the middle of the answer:"
  tail -n +"$first" "$folder/out"
  exit 1
fi
