. "$RECIPES/certbot.sh"

ip() {
  certbot certonly $options --standalone --cert-name ip --ip-address 127.0.0.1
  took config/live/ip/fullchain.pem config/live/ip/privkey.pem
}
profile() {
  certbot certonly $options --standalone --domain www.example.test --required-profile short
  took $live/fullchain.pem $live/privkey.pem
}
ari() { lose chain.pem; certbot renew; took $live/fullchain.pem $live/privkey.pem; }
