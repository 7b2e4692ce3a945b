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
  # It asks again after the hours that the server named; they have passed.
  for each in $(find data -name www.example.test.json); do
    jq 'del(.issuer_data.renewal_info)' "$each" >asked.json
    mv asked.json "$each"
  done
  started
  again
}
