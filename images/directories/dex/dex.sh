# shellcheck shell=bash
# dex, an OIDC provider that takes people and groups from a directory.
server=(dex serve "$given/dex.yaml")

prepare() { :; }
certificates() { :; }
