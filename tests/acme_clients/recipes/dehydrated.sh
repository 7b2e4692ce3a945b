# docs/acme-clients.md: dehydrated

serve_files webroot
cat > hook <<'END'
#!/bin/bash -e
case "$1 $HOW" in
"deploy_challenge dns-01") "$RECORD" present "$2" "$4" ;;
"clean_challenge dns-01") "$RECORD" cleanup "$2" "$4" ;;
"deploy_challenge tls-alpn-01")
  openssl s_server -quiet -alpn acme-tls/1 -accept "127.0.0.1:$TLS_PORT" -cert "alpn-certs/$2.crt.pem" \
    -key "alpn-certs/$2.key.pem" </dev/null >server.log 2>&1 &
  echo $! >server.pid
  sleep 0.5 ;;
"clean_challenge tls-alpn-01") kill "$(cat server.pid)" ;;
esac
END
chmod +x hook
dehydrated() { command dehydrated --config dehydrated.conf "$@"; }
order() { # order HOW NAME...
  export HOW=$1
  shift
  . "$DOC/1"
  sed -i "s#/var/www#$PWD/webroot#" dehydrated.conf
  dehydrated --register --accept-terms
  dehydrated --cron --challenge "$HOW" --hook ./hook --alias order $(printf -- '--domain %s ' "$@")
  took certs/order/fullchain.pem certs/order/privkey.pem
}

http_01() { order http-01 www.example.test; }
dns_01() { set -f; order dns-01 '*.apps.example.test' apps.example.test; }
tls_alpn_01() { order tls-alpn-01 www.example.test; }
renew() {
  dehydrated --cron --force --hook ./hook --alias order --domain www.example.test
  took certs/order/fullchain.pem certs/order/privkey.pem
}
revoke() { dehydrated --revoke certs/order/cert.pem; }
deactivate() {
  cp -r accounts kept
  dehydrated --deactivate
  rm -rf accounts
  mv kept accounts
  refused dehydrated --cron --force --hook ./hook --alias order --domain www.example.test
}
