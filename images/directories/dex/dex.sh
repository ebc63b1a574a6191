# shellcheck shell=bash disable=SC2154  # given is the caller's
# dex, an OIDC provider that takes people and groups from a directory.
server=(dex serve "$given/dex.yaml")

prepare() { :; }
certificates() { :; }
