# What every recipe may use. A recipe has a function for each thing that its client can do, and each leaves chain.pem and
# key.pem. $DOC has the blocks of the client's section of docs/acme-clients.md, as 1, 2, …

set -eo pipefail
trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT

took() { # took CHAIN KEY
  cp "$1" chain.pem
  cp "$2" key.pem
}
refused() { # refused COMMAND...: the server refuses it
  ! "$@" || { echo "This was not refused: $*" >&2; exit 1; }
}
lose() { # lose CERTIFICATE: the CA revokes it, or its CA is compromised, so that ARI wants another one at once
  curl -fsS -d "{\"serial\": \"$(openssl x509 -noout -serial -in "$1" | cut -d= -f2)\"}" "$DOOR/$INCIDENT"
}
in_background() { # in_background COMMAND...: a server, until the end of the test
  "$@" >>server.log 2>&1 &
}
serve_files() { # serve_files DIRECTORY: where http-01 looks
  mkdir -p "$1/.well-known/acme-challenge"
  in_background python3 -m http.server --bind 127.0.0.1 --directory "$1" "$HTTP_PORT"
  for _ in $(seq 100); do
    ! curl -so /dev/null "http://127.0.0.1:$HTTP_PORT/" || return 0
    sleep 0.05
  done
}
until_served() { # until_served NAME: with a certificate of the CA
  for _ in $(seq 600); do
    ! openssl s_client -connect "127.0.0.1:$TLS_PORT" -servername "$1" -CAfile root.pem -verify_return_error \
      </dev/null >served.log 2>&1 || return 0
    sleep 0.1
  done
  tail -n 40 server.log logs/error.log >&2
  exit 1
}
