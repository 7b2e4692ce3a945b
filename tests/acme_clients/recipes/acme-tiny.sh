# docs/acme-clients.md: acme-tiny
# It knows no external account bindings.

serve_files webroot
export DIRECTORY=$OPEN_DIRECTORY
acme-tiny() { command acme-tiny --check-port "$HTTP_PORT" --disable-check "$@"; }
documented() {
  sed "s#/var/www/#$PWD/webroot/.well-known/#" "$DOC/1" > acme-tiny.sh
  . ./acme-tiny.sh
  took www.example.test.pem www.example.test.key
}

http_01() { documented; }
renew() { documented; }
