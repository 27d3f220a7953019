# attack floods: hostile clients of ten users against a scratch daemon, and how a neighbour that behaves fares meanwhile.
#
# LODGE_FLOOD_SECONDS (10) is the length of each attack, LODGE_EARLY_CLOSES (20000) how often each waiting procedure is
# left early with 1, 63 and 64 open calls; with 1,000 open calls a quarter of that. LODGE_FLOOD_ATTACKS
# names some of them: pings,log,start,stop,restart.

attack_floods() {
  build_debug --build-tests
  test_prepare
  export LODGE_FLOOD_SECONDS=${LODGE_FLOOD_SECONDS:-10} LODGE_EARLY_CLOSES=${LODGE_EARLY_CLOSES:-20000}
  local log
  log=$(mktemp)
  swift_test --filter 'IntegrationTests.Floods' | grep --line-buffered -E '^flood|✘|error:|Test run' | tee "$log"
  # A filter that selects nothing is no error to the test runner.
  grep -q '^flood | ' "$log" || fail "attack floods: no flood was tried"
  rm -f "$log"
}
