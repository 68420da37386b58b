#!/bin/sh
# wrong_usage.sh SIGMACTL: wrong usage ends with status 2 and one line that says what to type instead.
ctl=$1
failed=0
expect() { # wanted text, arguments...
  wanted=$1
  shift
  said=$("$ctl" "$@" 2>&1 < /dev/null)
  status=$?
  if [ "$status" -ne 2 ] || ! printf '%s' "$said" | grep -qF -- "$wanted"; then
    echo "sigmactl $*: status $status, wanted 2 and \"$wanted\"; said: $said"
    failed=1
  fi
}
expect 'there is no command `diagnos`, did you mean `diagnose`?'  diagnos
expect 'there is no command `zzzzzz`; `sigmactl --help` lists them' zzzzzz
expect '`sigmactl task --help` lists them' task nonsense
expect '--help' diagnose --no-such-option
expect 'subcommand'
exit $failed
