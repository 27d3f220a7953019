# attack ends: guests that mark what they are about to do and then end in that way; every field of each record is held
# against the mark. How many ends in all: the first argument, 1,000 unless given.

attack_ends() {
  local ends=${1:-1000} log
  [[ $ends =~ ^[0-9]+$ ]] || fail "attack ends: \"$ends\" is no number of ends"
  log=$(mktemp)
  build_debug --build-tests --quiet
  echo "| series | ends | right | wrong | not known |"
  echo "| --- | --- | --- | --- | --- |"
  LODGE_TRUTH_ENDS=$ends swift_test --filter 'IntegrationTests.Truth' >"$log" 2>&1 && status=0 || status=1
  grep -q '^truth | ' "$log" || status=1
  sed -n 's/^truth | /| /p' "$log"
  awk -F'|' '/^truth \| / { for (i = 3; i <= 6; i++) sum[i] += $i }
    END {
      printf "| all | %d | %d | %d | %d |\n", sum[3], sum[4], sum[5], sum[6]
      if (sum[3]) printf "not known, because nothing could see it: %.1f %%\n", 100 * sum[6] / sum[3]
    }' "$log"
  sed -n 's/^truth: //p' "$log"
  if [ "$status" != 0 ]; then
    grep -E 'recorded an issue|error:' "$log" | head -20 >&2 || tail -n 20 "$log" >&2
    echo "the whole output: $log" >&2
  else
    rm -f "$log"
  fi
  return "$status"
}
