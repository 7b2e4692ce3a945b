# docs/acme-clients.md: Caddy

export XDG_DATA_HOME=$PWD/data XDG_CONFIG_HOME=$PWD/config
configured() { # configured CHALLENGE-THAT-IS-OFF
  # The documented file, on ports of this test.
  sed "1a\\  http_port $HTTP_PORT\\n  https_port $TLS_PORT\\n  default_bind 127.0.0.1\\n  admin off" "$DOC/1" > Caddyfile
  caddy adapt --config Caddyfile 2>/dev/null | jq --arg off "$1" '.apps.tls.automation |= (.renew_interval = "1s"
    | .policies[].issuers |= [.[] | select(.module == "acme") | .challenges[$off] = {disabled: true}])' > caddy.json
}
started() { in_background caddy run --config caddy.json; }
obtained() {
  until_served www.example.test
  found=$(find data -name www.example.test.crt)
  took "$found" "${found%.crt}.key"
}
again() { # again: until another certificate is stored
  for _ in $(seq 300); do
    ! cmp -s "$found" chain.pem || { sleep 0.1; continue; }
    break
  done
  sleep 0.1
  obtained
}

http_01() { configured tls-alpn; started; obtained; }
tls_alpn_01() { configured http; started; obtained; }
renew() {
  kill %1
  wait %1 || true
  jq '.apps.tls.automation.policies[].renewal_window_ratio = 1' caddy.json > always.json
  in_background caddy run --config always.json
  again
}
