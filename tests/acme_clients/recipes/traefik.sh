# docs/acme-clients.md: Traefik

configured() {
  sed "s#\":80\"#127.0.0.1:$HTTP_PORT#; s#\":443\"#127.0.0.1:$TLS_PORT#" "$DOC/1" > traefik.yml
  cp "$DOC/2" routes.yml
}
obtained() { # obtained NAME
  in_background traefik --configFile=traefik.yml
  until_served "$1"
  jq -r '.signet.Certificates[0].certificate' acme.json | base64 -d > traefik.pem
  jq -r '.signet.Certificates[0].key' acme.json | base64 -d > traefik.key
  took traefik.pem traefik.key
}

http_01() { configured; obtained www.example.test; }
tls_alpn_01() { configured; sed -i 's/httpChallenge: .*/tlsChallenge: {}/' traefik.yml; obtained www.example.test; }
dns_01() {
  configured
  sed -i 's/httpChallenge: .*/dnsChallenge: {provider: httpreq, resolvers: ["'"$RESOLVER"'"], propagation: {disableChecks: true}}/' traefik.yml
  sed -i 's/Host(`www/Host(`apps/; s/certResolver: signet/certResolver: signet, domains: [{main: apps.example.test, sans: ["*.apps.example.test"]}]/' routes.yml
  export HTTPREQ_ENDPOINT=$DOOR
  obtained apps.example.test
}
profile() {
  configured
  sed -i 's/      storage:/      profile: short\n&/' traefik.yml
  obtained www.example.test
}
renew() {
  kill %1
  wait %1 || true
  sed -i 's/      storage:/      certificatesDuration: 9000\n&/' traefik.yml
  cp acme.json before.json
  in_background traefik --configFile=traefik.yml
  for _ in $(seq 300); do
    ! cmp -s acme.json before.json || { sleep 0.1; continue; }
    break
  done
  obtained www.example.test
}
