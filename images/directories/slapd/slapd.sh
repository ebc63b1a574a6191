# shellcheck shell=bash disable=SC2154  # given and tls are the caller's
# OpenLDAP's slapd: memberOf, password policy, no password without TLS.
server=(slapd -F /etc/ldap/slapd.d -u openldap -g openldap -h "ldap:/// ldaps:/// ldapi:///" -d 256)

prepare() {
  mkdir -p /etc/ldap/slapd.d /var/lib/ldap /run/slapd
  certificates
  slapadd -n 0 -F /etc/ldap/slapd.d -l /usr/local/lib/directories/slapd.ldif
  chown -R openldap: /etc/ldap/slapd.d /var/lib/ldap /run/slapd
  # Through the running server: slapadd would not fill memberOf.
  slapd -F /etc/ldap/slapd.d -u openldap -g openldap -h ldapi:///
  ldapadd -Q -Y EXTERNAL -H ldapi:/// -e relax -f "$given/seed.ldif"
  kill "$(</run/slapd/slapd.pid)"
  until_there test ! -e /run/slapd/slapd.pid
}

certificates() {
  install -d -o openldap -m 700 /etc/ldap/tls
  install -o openldap -m 600 "$tls"/* /etc/ldap/tls/
}
