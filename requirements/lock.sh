#!/usr/bin/env bash
# Resolves pyproject.toml into pinned, hashed requirement files: run, then what the demo, pictures,
# sign-in and the developers need beside it.
# Needs uv. The files name no index: whoever installs chooses theirs.
set -euo pipefail
cd "$(dirname "$0")/.."
compile() {
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
    --custom-compile-command "make lock" "$@"
}
compile pyproject.toml requirements/build.in -o requirements/run.txt
compile pyproject.toml --extra demo -c requirements/run.txt -o requirements/demo.txt
compile pyproject.toml --extra image -c requirements/run.txt -o requirements/image.txt
compile pyproject.toml --extra oauth -c requirements/run.txt -o requirements/oauth.txt
compile pyproject.toml --extra demo --extra image --extra oauth --group dev -c requirements/run.txt -c requirements/demo.txt -o requirements/dev.txt
