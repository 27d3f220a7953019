# test: everything the project has.

dev_test() {
  local kind=all filter=() soak= since= phase=
  while [ $# -gt 0 ]; do
    case $1 in
      --unit) kind=unit ;;
      --integration) kind=integration ;;
      --filter) kind=filter filter=(--filter "${2:?--filter takes a regular expression}"); shift ;;
      --soak) kind=soak soak=${2:?--soak takes minutes}; shift ;;
      --vm)
        kind=vm
        case ${2:-} in '' | --*) ;; *) phase=$2; shift ;; esac
        ;;
      --changed)
        kind=changed
        case ${2:-} in '' | --*) ;; *) since=$2; shift ;; esac
        ;;
      *) fail "test: unknown option: $1" "tools/dev alone lists them" ;;
    esac
    shift
  done
  case $kind in
    vm) test_vm "$phase"; return ;;
    changed) test_changed "$since"; return ;;
  esac
  build_debug --build-tests
  case $kind in
    all)
      test_prepare
      swift_test --skip IntegrationTests
      test_xdrgen
      test_clients
      swift_test --filter IntegrationTests
      dev_check
      ;;
    unit) swift_test --skip IntegrationTests ;;
    integration)
      need_root "test --integration"
      test_prepare
      swift_test --filter IntegrationTests
      ;;
    filter)
      test_prepare
      swift_test "${filter[@]}"
      ;;
    soak)
      need_root "test --soak"
      test_prepare
      LODGE_SOAK_SECONDS=$((soak * 60)) swift_test --filter SoakTests
      ;;
  esac
}

# The test targets that a change since a revision can have touched, uncommitted files included. The integration tests come
# last; without root they are left out, as in a full run they would skip.
test_changed() {
  local since=${1:-} words word filter= xdrgen=
  [ -n "$since" ] || since=$(git rev-parse --verify --quiet origin/main || git rev-parse HEAD)
  need_packages python3
  need_build
  words=$({ git diff --name-only "$since"; git ls-files -o --exclude-standard; } | sort -u |
    tools/changed-tests <(swift package describe --type json 2>/dev/null))
  [ -n "$words" ] || { say "no test is touched by what has changed since ${since:0:12}"; return; }
  say "touched:" $words
  for word in $words; do
    case $word in
      all) filter=. xdrgen=yes ;;
      xdrgen) xdrgen=yes ;;
      *) filter+=${filter:+|}"^$word\\." ;;
    esac
  done
  [ -z "$filter" ] || {
    build_debug --build-tests
    test_prepare
    swift_test --filter "$filter"
  }
  [ -z "$xdrgen" ] || test_xdrgen
  ! grep -qxE 'all|LodgeClientTests' <<<"$words" || test_clients
}

# Programs that the tests use when they are there; without them they skip and say so.
test_prepare() {
  [ "$(id -u)" = 0 ] || return 0
  [ -z "${LODGE_BUILT:-}" ] || return 0
  need_packages busybox-static mmdebstrap
}

swift_test() {
  if [ -n "${LODGE_BUILT:-}" ]; then
    "$repo/.build/debug/lodgePackageTests.xctest" --testing-library swift-testing "$@"
  else
    swift test --skip-build --disable-xctest "${debug_flags[@]}" "$@"
  fi
}

test_xdrgen() {
  say "tests of the .x compiler"
  need_packages rpcsvc-proto libtirpc-dev gcc
  # The compiler comes before its tests.
  [ ! -d tools/xdrgen/Tests ] || swift test --package-path tools/xdrgen --disable-xctest
  say "the .x compiler and its decoders against random bytes"
  tools/xdrgen/fuzz/run ci
  say "the README of the .x compiler, as it stands there"
  tools/xdrgen/try-readme
}

# The clients of examples/, against a daemon of their own: in C, made by stock rpcgen, and in Swift, a package outside ours.
test_clients() {
  say "the clients of examples/"
  need_packages rpcsvc-proto libtirpc-dev gcc
  build_xdrgen
  local root xdrgen
  xdrgen=$(swift build --package-path tools/xdrgen --show-bin-path)/xdrgen
  if [ "$(id -u)" != 0 ]; then
    examples/c-client/test "$xdrgen"
    examples/swift-client/test
    return
  fi
  root=$(scratch_folder clients)
  busybox_tree "$root/tree"
  daemon_start "$root"
  local failed=0
  examples/c-client/test "$xdrgen" "$root" && examples/swift-client/test "$root" "$root/tree" || failed=1
  daemon_end "$root"
  return $failed
}
