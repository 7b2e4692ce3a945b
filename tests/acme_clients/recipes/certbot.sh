# docs/acme-clients.md: certbot

mkdir -p .config/letsencrypt
cat > .config/letsencrypt/cli.ini <<END
config-dir = $PWD/config
work-dir = $PWD/work
logs-dir = $PWD/logs
http-01-address = 127.0.0.1
http-01-port = $HTTP_PORT
no-random-sleep-on-renew = true
END
export REQUESTS_CA_BUNDLE=$PWD/signet-root.pem
options="--non-interactive --agree-tos --register-unsafely-without-email --server $DIRECTORY --eab-kid $KID --eab-hmac-key $HMAC_KEY"
live=config/live/www.example.test

http_01() { . "$DOC/1"; took $live/fullchain.pem $live/privkey.pem; }
dns_01() {
  certbot certonly $options --cert-name apps --domain '*.apps.example.test' --domain apps.example.test \
    --manual --preferred-challenges dns \
    --manual-auth-hook "$RECORD"' present $CERTBOT_DOMAIN $CERTBOT_VALIDATION' \
    --manual-cleanup-hook "$RECORD"' cleanup $CERTBOT_DOMAIN $CERTBOT_VALIDATION'
  took config/live/apps/fullchain.pem config/live/apps/privkey.pem
}
renew() { certbot renew --force-renewal; took $live/fullchain.pem $live/privkey.pem; }
revoke() { certbot revoke --non-interactive --no-delete-after-revoke --cert-name www.example.test --reason superseded; }
revoke_by_key() {
  certbot revoke --non-interactive --no-delete-after-revoke --cert-path $live/cert.pem --key-path $live/privkey.pem \
    --server "$DIRECTORY" --reason keycompromise
}
deactivate() {
  cp -r config kept
  certbot unregister --non-interactive --server "$DIRECTORY"
  rm -r config
  mv kept config
  refused certbot renew --force-renewal
}
