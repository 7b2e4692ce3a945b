# docs/acme-clients.md: acme.sh

acme.sh() {
  command acme.sh --home "$PWD/acme" --httpport "$HTTP_PORT" --tlsport "$TLS_PORT" --local-address 127.0.0.1 --listen-v4 "$@"
}
trust="--ca-bundle $PWD/signet-root.pem --server $DIRECTORY"
took_acme() { took "acme/$1_ecc/fullchain.cer" "acme/$1_ecc/$1.key"; }
account() { acme.sh --register-account $trust --eab-kid "$KID" --eab-hmac-key "$HMAC_KEY"; }
mkdir -p acme/dnsapi
cat > acme/dnsapi/dns_record.sh <<'END'
dns_record_add() { "$RECORD" present "${1#_acme-challenge.}" "$2"; }
dns_record_rm() { "$RECORD" cleanup "${1#_acme-challenge.}" "$2"; }
END

http_01() { . "$DOC/1"; took_acme www.example.test; }
dns_01() {
  account
  acme.sh --issue --dns dns_record --dnssleep 1 $trust -d apps.example.test -d '*.apps.example.test'
  took_acme apps.example.test
}
tls_alpn_01() { account; acme.sh --issue --alpn $trust -d www.example.test; took_acme www.example.test; }
ip() { account; acme.sh --issue --standalone $trust -d 127.0.0.1; took_acme 127.0.0.1; }
profile() {
  account
  acme.sh --issue --standalone $trust -d www.example.test --cert-profile short
  took_acme www.example.test
}
renew() { acme.sh --renew --force --ecc $trust -d www.example.test; took_acme www.example.test; }
ari() { lose chain.pem; acme.sh --cron $trust; took_acme www.example.test; }
revoke() { acme.sh --revoke --ecc --revoke-reason 4 $trust -d www.example.test; }
deactivate() {
  cp -r acme kept
  acme.sh --deactivate-account $trust
  rm -rf acme
  mv kept acme
  refused acme.sh --renew --force --ecc $trust -d www.example.test
}
