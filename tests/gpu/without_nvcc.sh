#!/usr/bin/env bash
# Configures the engine where no nvcc is to be found: SIGMA_CUDA=ON, as CI has it, is an error that says what to do;
# AUTO goes on without kernels and says so.
#   without_nvcc.sh SOURCE_FOLDER
set -euo pipefail
source=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { printf 'without_nvcc: %s\n' "$*" >&2; cat "$folder/log" >&2; exit 1; }
# An empty SIGMA_NVCC is taken as the answer of the search for it.
configure() {
  cmake -S "$source" -B "$folder/build" -DSIGMA_ENGINE_ONLY=ON -DSIGMA_NVCC= "-DSIGMA_CUDA=$1" > "$folder/log" 2>&1
}

! configure ON || fail "SIGMA_CUDA=ON was configured without nvcc"
grep -q "SIGMA_CUDA is ON but nvcc was not found" "$folder/log" || fail "the error does not name nvcc"
configure AUTO || fail "SIGMA_CUDA=AUTO needs nvcc"
grep -q "CUDA kernels: none" "$folder/log" || fail "nothing says that there are no CUDA kernels"
