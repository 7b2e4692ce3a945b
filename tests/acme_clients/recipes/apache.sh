# docs/acme-clients.md: Apache's mod_md

mkdir -p md logs
name=www.example.test
configured() { # configured CHALLENGE [DIRECTIVE...]
  # The documented lines, in a server on ports of this test.
  modules=/usr/lib/apache2/modules
  {
    for each in mpm_event authz_core socache_shmcb ssl md; do
      echo "LoadModule ${each}_module $modules/mod_$each.so"
    done
    printf '%s\n' "ServerRoot $PWD" "ServerName localhost" "PidFile $PWD/apache.pid" "ErrorLog $PWD/logs/error.log" \
      "DefaultRuntimeDir $PWD" "MDStoreDir $PWD/md" "MDPortMap http:$HTTP_PORT https:$TLS_PORT" "Protocols http/1.1 acme-tls/1" \
      "Listen 127.0.0.1:$HTTP_PORT" "Listen 127.0.0.1:$TLS_PORT https" "LogLevel warn md:debug" \
      "MDCAChallenges $1" "MDBaseServer on" "MDRetryDelay 1s" "MDCheckInterval 1s" "${@:2}"
    [ "$(id -u)" != 0 ] || printf '%s\n' "User www-data" "Group www-data"
    sed "s#/etc/ssl/#$PWD/#; s#:443>#:$TLS_PORT>#" "$DOC/1"
  } > apache.conf
}
present() { cat "md/domains/$name/pubcert.pem" 2>/dev/null || true; }
obtained() { # wait until a new certificate is staged, and take it into use
  before=$(present)
  for _ in $(seq 100); do
    ! [ -s "md/staging/$name/pubcert.pem" ] || kill -USR1 "$(cat apache.pid)"
    [ "$(present)" = "$before" ] || break
    sleep 0.5
  done
  until_served "$name"
  took "md/domains/$name/pubcert.pem" "md/domains/$name/privkey.pem"
}
started() { in_background apache2 -f "$PWD/apache.conf" -DFOREGROUND; }

http_01() { configured http-01; started; obtained; }
tls_alpn_01() { configured tls-alpn-01; started; obtained; }
dns_01() {
  cat > dns <<'END'
#!/bin/sh
case $1 in setup) "$RECORD" present "$2" "$3" ;; teardown) "$RECORD" cleanup "$2" ;; esac
END
  chmod +x dns
  configured dns-01 "MDChallengeDns01 $PWD/dns"
  sed -i 's/MDomain .*/MDomain apps.example.test *.apps.example.test/; s/www\.example/apps.example/' apache.conf
  name=apps.example.test
  started
  obtained
}
profile() { configured http-01 "MDProfile short" "MDProfileMandatory on"; started; obtained; }
renew() { echo "MDRenewWindow 9999d" >>apache.conf; kill -USR1 "$(cat apache.pid)"; obtained; }
ari() { lose chain.pem; kill -USR1 "$(cat apache.pid)"; obtained; }
