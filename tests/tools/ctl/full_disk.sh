#!/bin/sh
# full_disk.sh SIGMACTL: where the data folder's disk is full, the diagnosis is printed all the same and one note says
# that it was not kept. The limit on file sizes stands in for the full disk: SQLite sees the same failed write.
ctl=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
i=0
while [ $i -lt 20000 ]; do
  echo "2026-01-01T00:00:00Z app[$i]: INFO request $i of client $((i * 7919 % 10007)) took $((i * 31 % 977)) ms"
  i=$((i + 1))
done > "$folder/app.log"
echo "2026-01-01T06:00:00Z app[1]: ERROR write /var/lib/app/data: No space left on device" >> "$folder/app.log"
said=$( (ulimit -f 400; trap '' XFSZ; "$ctl" --data-folder "$folder/data" diagnose "$folder/app.log" --no-model) 2>&1)
status=$?
case $said in
  *"not kept as a session"*) ;;
  *) echo "no note that the session was not kept; said: $said"; exit 1 ;;
esac
case $said in
  *"No space left on device"*) ;;
  *) echo "the finding is missing; said: $said"; exit 1 ;;
esac
[ $status -eq 0 ] || { echo "status $status; said: $said"; exit 1; }
