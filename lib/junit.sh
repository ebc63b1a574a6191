# shellcheck shell=bash
# Counts in JUnit files, as ctest, pytest and node (which knows no suites) write them. Pure: reads
# files, prints.

# junit_count FILE…: "PASSED FAILED SKIPPED". A file that ends early counts one more failure: the
# suite died while it wrote. Text inside is escaped, so a tag is always a tag.
junit_count() {
  local file passed=0 failed=0 skipped=0 p f s
  for file in "$@"; do
    read -r p f s < <(junit_count_one "$file")
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
  done
  printf '%d %d %d\n' "$passed" "$failed" "$skipped"
}

junit_count_one() {
  awk 'BEGIN { RS = "<testcase" }
    { whole = index($0, "</testsuite") }
    NR == 1 { next }
    /<failure|<error/ { failed++; next }
    /<skipped/ || /^[^>]*status="(notrun|disabled)"/ { skipped++; next }
    { passed++ }
    END { printf "%d %d %d\n", passed, failed + !whole, skipped }' "$1"
}

# junit_failures FILE…: the names of failed tests, one per line.
junit_failures() {
  awk 'BEGIN { RS = "<testcase" }
    FNR > 1 && /<failure|<error/ {
      match($0, / name="[^"]*"/)
      print substr($0, RSTART + 7, RLENGTH - 8)
    }' "$@"
}
