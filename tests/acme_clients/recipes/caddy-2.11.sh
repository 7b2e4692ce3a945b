. "$RECIPES/caddy.sh"

profile() {
  configured tls-alpn
  jq '.apps.tls.automation.policies[].issuers[].profile = "short"' caddy.json > short.json
  mv short.json caddy.json
  started
  obtained
}
ari() {
  kill %1
  wait %1 || true
  lose chain.pem
  # It asks again after the time that the server named: let that be over.
  meta=${found%.crt}.json
  jq '.issuer_data.renewal_info._retryAfter = "2020-01-01T00:00:00Z"' "$meta" >asked.json
  mv asked.json "$meta"
  started
  again
}
