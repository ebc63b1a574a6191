# shellcheck shell=bash disable=SC2154  # given and tls are the caller's
# A Samba domain controller, as Active Directory. Simple binds only by TLS (its default).
private=/var/lib/samba/private
server=(samba -F --no-process-group --debug-stdout -d 1)

prepare() {
  samba-tool domain provision --realm=AD.EXAMPLE.ORG --domain=AD --server-role=dc \
    --dns-backend=SAMBA_INTERNAL --adminpass=Of-the-tests-1 --use-rfc2307 --host-name=dc1 \
    --option="posix:eadb=$private/eadb.tdb" --option="tls cafile=$private/tls/ca.crt" \
    --option="tls certfile=$private/tls/tls.crt" --option="tls keyfile=$private/tls/tls.key" \
    --option="old password allowed period=0"
  ldbmodify -H "$private/sam.ldb" "$given/seed.ldif"
}

certificates() {
  install -d -m 700 "$private/tls"
  install -m 600 "$tls"/* "$private/tls/"
}
