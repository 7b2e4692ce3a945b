#!/bin/sh
# LocalStack runs this script when it is ready. It deploys state, functions, API and the access key test/test.
set -eu
project=${DEPLOY_PROJECT:-$(cd "$(dirname "$(readlink -f "$0")")/../../.." && pwd)}
if [ -z "${DEPLOY_PYTHON:-}" ]; then # in a container, where `make` has not run
  home=/var/lib/localstack/signet-deploy
  [ -x "$home/bin/python" ] || python3 -m venv "$home"
  "$home/bin/pip" install --quiet --require-hashes -r "$project/requirements/laptop.txt"
  DEPLOY_PYTHON=$home/bin/python
fi
exec "$DEPLOY_PYTHON" "$project/localstack/deploy.py"
