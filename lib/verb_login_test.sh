# shellcheck shell=bash
# gpuhub login-test NAME: asks for the password and says, step by step, what a log-in would come to.
# Nobody is logged in. Exits 0 if NAME would enter, 1 if not, 2 if that could not be found out.

verb_login_test() {
  local name secret
  name=$(name_given login-test "$@")
  hub_python_ready
  secret=$(ask_secret "Password of $name: ")
  trap - ERR
  hub_python login_test "$name" <<< "$secret"
}
