# docs/acme-clients.md: lego

lego() { command lego --path lego --http.port "127.0.0.1:$HTTP_PORT" --tls.port "127.0.0.1:$TLS_PORT" "$@"; }
export LEGO_CA_CERTIFICATES=$PWD/signet-root.pem HTTPREQ_ENDPOINT=$DOOR
options="--server $DIRECTORY --eab --kid $KID --hmac $HMAC_KEY --accept-tos --email ops@example.test"
took_lego() { took "lego/certificates/$1.crt" "lego/certificates/$1.key"; }

http_01() { . "$DOC/1"; took_lego www.example.test; }
dns_01() {
  lego $options --dns httpreq --dns.disable-cp --dns.resolvers "$RESOLVER" \
    --domains '*.apps.example.test' --domains apps.example.test run
  took_lego _.apps.example.test
}
tls_alpn_01() { lego $options --tls --domains www.example.test run; took_lego www.example.test; }
renew() {
  lego $options --domains www.example.test --http renew --days 99999 --no-random-sleep
  took_lego www.example.test
}
revoke() { lego $options --domains www.example.test revoke --reason 4; }
