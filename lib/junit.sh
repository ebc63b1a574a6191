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

# junit_failures FILE…: the failed tests, one per line: the name, and the beginning of what is said
# of it if anything is, in one line.
junit_failures() {
  awk 'BEGIN { RS = "<testcase" }
    FNR > 1 && match($0, /<(failure|error)[^>]*/) {
      said = attribute(substr($0, RSTART, RLENGTH), "message")
      gsub(/(&#(x0*[aAdD9]|10|13|9);|[[:space:]])+/, " ", said)
      gsub(/&lt;/, "<", said); gsub(/&gt;/, ">", said)
      gsub(/&quot;/, "\"", said); gsub(/&apos;|&#39;|&#x27;/, "\x27", said)
      gsub(/&amp;/, "\\&", said)
      if (length(said) > 600) said = substr(said, 1, 600) " …"
      print attribute($0, "name") (said == "" ? "" : ": " said)
    }
    function attribute(text, name) {
      return match(text, " " name "=\"[^\"]*\"") \
        ? substr(text, RSTART + length(name) + 3, RLENGTH - length(name) - 4) : ""
    }' "$@"
}
