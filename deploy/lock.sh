#!/usr/bin/env bash
# Resolve pyproject.toml's dependencies in fresh environments and write what was chosen to requirements/*.lock.
# base: what the default run needs. dev, gpu, s3: what those extras add to it.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3.11}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

freeze() { # environment -> sorted pins, without ourselves; a local build tag (+cpu) is this machine's, not the pin's
  "$1/bin/pip" freeze --exclude gitex --exclude-editable | sed -E 's/^(torch==[0-9.]+)\+.*/\1/' | LC_ALL=C sort -f
}
list() { # [project] dependencies, or those of an extra, one a line
  "$python" - "$1" <<'PY'
import sys, tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
name = sys.argv[1]
print("\n".join(project["dependencies"] if name == "base" else project["optional-dependencies"][name]))
PY
}

"$python" -m venv "$work/base"
"$work/base/bin/pip" install -q --disable-pip-version-check "$(list base | grep '^torch==')"
list base > "$work/base.in"
"$work/base/bin/pip" install -q --disable-pip-version-check -r "$work/base.in" setuptools
{ echo "# Exact pins of the default install; written by deploy/lock.sh."; freeze "$work/base"; } > requirements/base.lock

for extra in dev gpu s3; do
  "$python" -m venv "$work/$extra"
  list "$extra" > "$work/$extra.in"
  "$work/$extra/bin/pip" install -q --disable-pip-version-check "$(grep '^torch==' requirements/base.lock)"
  "$work/$extra/bin/pip" install -q --disable-pip-version-check -r requirements/base.lock -r "$work/$extra.in"
  { echo "# What the extra '$extra' adds to base.lock; written by deploy/lock.sh."
    freeze "$work/$extra" | grep -vxFf requirements/base.lock; } > "requirements/$extra.lock"
done
