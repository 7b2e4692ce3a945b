# docs/acme-clients.md: uacme
# It trusts the system's roots alone, so the server's stands in their place, in a mount namespace of this test.

serve_files webroot
cat > hook <<'END'
#!/bin/bash -e
case "$1 $2" in
"begin $HOW") ;;
begin*) exit 1 ;;
esac
case "$1 $2" in
"begin http-01") printf %s "$5" >"webroot/.well-known/acme-challenge/$4" ;;
"begin dns-01") "$RECORD" present "$3" "$5" ;;
*dns-01) "$RECORD" cleanup "$3" "$5" ;;
"begin tls-alpn-01") [ "$(echo "auth $3 $5" | ualpn --sock ./ualpn.sock)" = OK ] ;;
esac
END
chmod +x hook
uacme() {
  unshare --mount bash -c 'mount --bind signet-root.pem /etc/ssl/certs/ca-certificates.crt && exec uacme "$@"' \
    uacme --confdir "$PWD/uacme" --yes "$@"
}
export UACME_CHALLENGE_PATH=$PWD/webroot/.well-known/acme-challenge
here="--acme-url $DIRECTORY"
order() { # order HOW NAME...
  export HOW=$1
  shift
  uacme $here --eab "$KID:$HMAC_KEY" new
  uacme $here --hook "$PWD/hook" issue "$@"
  took "uacme/$1/cert.pem" "uacme/private/$1/key.pem"
}
again() {
  uacme $here --force --hook /usr/share/uacme/uacme.sh issue www.example.test
  took uacme/www.example.test/cert.pem uacme/private/www.example.test/key.pem
}

http_01() {
  . "$DOC/1"
  took uacme/www.example.test/cert.pem uacme/private/www.example.test/key.pem
}
dns_01() { order dns-01 apps.example.test '*.apps.example.test'; }
tls_alpn_01() {
  ualpn --bind "127.0.0.1@$TLS_PORT" --sock ./ualpn.sock --sock-mode 600 --user "$(id -un)" --connect 127.0.0.1@9 -v &
  sleep 0.5
  order tls-alpn-01 www.example.test
}
ip() { order http-01 127.0.0.1; }
renew() { again; }
revoke() { uacme $here --reason 4 revoke uacme/www.example.test/cert.pem; }
revoke_by_key() { uacme $here --reason 1 revoke uacme/www.example.test/cert.pem uacme/private/www.example.test/key.pem; }
key_change() {
  cp uacme/private/key.pem old-key.pem
  uacme $here newkey
  again
  cp uacme/private/key.pem new-key.pem
  cp old-key.pem uacme/private/key.pem
  refused uacme $here --never-create --force --hook /usr/share/uacme/uacme.sh issue www.example.test
  cp new-key.pem uacme/private/key.pem
}
deactivate() {
  cp uacme/private/key.pem old-key.pem
  uacme $here deactivate
  cp old-key.pem uacme/private/key.pem
  refused uacme $here --never-create --force --hook /usr/share/uacme/uacme.sh issue www.example.test
}
