# shellcheck shell=bash disable=SC2154  # given and tls are the caller's
# 389-ds, which FreeIPA stands on, with FreeIPA's layout, nested memberOf and account locks.
instance=/etc/dirsrv/slapd-ipa
socket=ldapi://%2frun%2fslapd-ipa.socket
manager=(-x -D "cn=Directory Manager" -w of-the-tests -H "$socket")
server=(ns-slapd -D "$instance" -i /run/dirsrv/slapd-ipa.pid -d 0)

prepare() {
  dscreate from-file /usr/local/lib/directories/ds.inf
  cp /usr/share/dirsrv/data/60kerberos.ldif "$instance/schema/"
  certificates
  python3 /usr/local/lib/directories/ds_settings.py
  ns-slapd -D "$instance" -i /run/dirsrv/slapd-ipa.pid
  until_there ldapwhoami "${manager[@]}"
  ldapmodify -a "${manager[@]}" -f "$given/seed.ldif"
  kill "$(</run/dirsrv/slapd-ipa.pid)"
  tail --pid="$(</run/dirsrv/slapd-ipa.pid)" -f /dev/null
}

# Into the server's NSS database, in the place of those before.
certificates() {
  local password=$instance/pwdfile.txt name
  for name in Server-Cert ca; do
    certutil -F -d "$instance" -n "$name" -f "$password" 2>/dev/null \
      || certutil -D -d "$instance" -n "$name" -f "$password" 2>/dev/null || true
  done
  openssl pkcs12 -export -in "$tls/tls.crt" -inkey "$tls/tls.key" -name Server-Cert \
    -passout pass:x -out /tmp/server.p12
  pk12util -i /tmp/server.p12 -d "$instance" -k "$password" -W x
  certutil -A -d "$instance" -n ca -t CT,, -a -i "$tls/ca.crt" -f "$password"
  rm /tmp/server.p12
  chown dirsrv: "$instance"/*.db "$instance"/*.txt
}
