# check: what a compiler does not see. Each check says what it found wrong; all run before the verdict.

# Symbols CContainerInit may need: async-signal-safe calls (signal-safety(7)), memory and string functions that do not
# allocate, and raw syscall(2). Wrappers that signal other threads (setuid, setgroups) are not among them.
child_symbols='_exit abort access bind chdir chmod chown chroot close close_range dup dup2 dup3 execve execveat
 faccessat fchdir fchmod fchmodat fchown fchownat fcntl fstat fstatat fstatfs fstatvfs getpid getppid ioctl kill link
 linkat lseek lstat mkdir mkdirat mknod mknodat mount open open64 openat openat64 pipe pipe2 poll prctl prlimit prlimit64
 read readlink readlinkat sched_yield sendmsg recvmsg setdomainname sethostname setpgid setrlimit setrlimit64 setsid
 sigaction sigaddset sigdelset sigemptyset sigfillset sigprocmask socket stat statfs statfs64 fstatfs64 symlink symlinkat
 syscall umask umount umount2 uname unlink unlinkat unshare wait4 waitid waitpid write
 gnu_dev_major gnu_dev_minor socketpair
 clone mmap munmap send shutdown
 memchr memcmp memcpy memmove memset strchr strcmp strcpy strlen strncmp strncpy strnlen strrchr
 __errno_location __stack_chk_fail __memcpy_chk __memset_chk _GLOBAL_OFFSET_TABLE_ environ'

# The controller is paid once per guest: this bounds its code and data, and with them what can be paged in.
controller_size_budget=$((12 * 1024 * 1024))

# dev_check [PART]: all of it, or one part alone.
dev_check() {
  need_build
  case ${1:-} in
    '') ;;
    format | paths | packaging | promises) need_packages python3; "check_$1"; return ;;
    *) fail "check: there is no part $1" "tools/dev check [format | paths | packaging | promises]" ;;
  esac
  need_packages python3
  local failed=0
  check_format || failed=1
  check_paths || failed=1
  tools/changed-tests --self-test || failed=1
  check_packaging || failed=1
  check_promises || failed=1
  build_debug --quiet || failed=1
  check_child_symbols || failed=1
  check_generated || failed=1
  check_protocol || failed=1
  build_static || failed=1
  check_lean || failed=1
  [ $failed = 0 ] || fail "check: not all is well: see above"
  say "check: all is well"
}

check_format() {
  say "check: format"
  swift_files | xargs swift format lint --strict --parallel || {
    echo "check: format: tools/dev format puts it right" >&2
    return 1
  }
}

# Nothing committed may depend on where this working copy happens to be.
check_paths() {
  say "check: no path of this machine in committed files"
  local found=0
  git grep -nIF -- "$repo/" && found=1
  case $HOME in / | /root) ;; *) git grep -nIF -- "$HOME/" && found=1 ;; esac
  git grep -nIE '/(home|Users)/[a-z][a-z0-9_-]*/' && found=1
  [ $found = 0 ] || {
    echo "check: committed files name folders of this machine" >&2
    return 1
  }
}

# A test that was renamed or removed would leave a promise that nothing holds.
check_promises() {
  say "check: tests that docs/promises.md and docs/security.md name"
  tools/promised-tests docs/promises.md docs/security.md
}

# Scripts that run as root on other people's machines. The packages themselves are built by tools/dev package, with lintian, and
# installed by tools/dev test --vm package.
check_packaging() {
  say "check: maintainer scripts, install script, list of parts"
  need_packages shellcheck
  local wrong=0
  shellcheck contrib/install contrib/subordinate-ids contrib/debian/lodge.p* || wrong=1
  tools/test-subordinate-ids || wrong=1
  tools/sbom --self-test || wrong=1
  [[ $(lodge_version) =~ ^[0-9][A-Za-z0-9.+~]*$ ]] || {
    echo "check: the version in Sources/Guest/LodgeVersion.swift is none that a Debian package can have: $(lodge_version)" >&2
    wrong=1
  }
  return $wrong
}

# Between clone3 and execve only async-signal-safe calls are allowed: a lock another thread held is held for ever.
check_child_symbols() {
  say "check: CContainerInit is async-signal-safe"
  local objects wrong
  objects=$(find -L .build/debug/CContainerInit.build -name '*.o')
  [ -n "$objects" ] || {
    echo "check: no object of CContainerInit under .build/debug" >&2
    return 1
  }
  # shellcheck disable=SC2086
  wrong=$(nm -u $objects | awk '$1 == "U" { sub(/@.*/, "", $2); print $2 }' | sort -u |
    grep -vxF -f <(printf '%s\n' $child_symbols) |
    # Symbols that the objects define for each other.
    grep -vxF -f <(nm --defined-only $objects | awk 'NF == 3 { print $3 }') || true)
  [ -z "$wrong" ] || {
    echo "check: CContainerInit calls what is not async-signal-safe:" $wrong >&2
    return 1
  }
}

check_generated() {
  say "check: generated code is fresh"
  dev_generate --check || {
    echo "check: tools/dev generate puts it right" >&2
    return 1
  }
}

# The .x files: their form, what could be better, what would break peers that are out there, the page about them.
check_protocol() {
  say "check: protocol/ is in form and keeps what was released"
  local wrong=0
  dev_xdrgen fmt --check protocol/*.x || { echo "check: tools/dev xdrgen fmt protocol/*.x puts it right" >&2; wrong=1; }
  # Both unions over open enums refuse what they do not know on purpose: an end without its facts would be a lie.
  dev_xdrgen lint --allow lint-open-union --message-limit 4194304 protocol/*.x || wrong=1
  # Against the newest release that this history has, and where there is none (or no tags came with the clone) against
  # protocol/released/, its copy.
  local released
  released=$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null || true)
  if [ -n "$released" ]; then released=$released:protocol; else released=protocol/released; fi
  dev_xdrgen breaking "$released" protocol || wrong=1
  dev_xdrgen docs --check --title "The protocol" --output docs/protocol.md protocol/*.x || {
    echo "check: tools/dev xdrgen docs --title 'The protocol' --output docs/protocol.md protocol/*.x puts it right" >&2
    wrong=1
  }
  return $wrong
}

# Lean: no shared library, no Foundation, no NIO, within the size budget.
check_lean() {
  say "check: the controller and the CLI are lean"
  local bin product wrong=0 needed foreign size
  bin=.build-release/release
  for product in lodge-controller lodge lodge-convert; do
    needed=$(readelf -d "$bin/$product" | awk '/NEEDED/ { print $NF }')
    [ -z "$needed" ] || { echo "check: $product needs shared libraries:" $needed >&2; wrong=1; }
    # ArgumentParser brings FoundationEssentials into the CLI; the controller has none of it.
    local banned='10Foundation|7NIOCore|8NIOPosix|4GRDB'
    [ $product = lodge ] || banned+='|20FoundationEssentials'
    foreign=$(nm "$bin/$product" 2>/dev/null | awk '{ print $NF }' | grep -E "^\\\$s($banned)" | head -n 3 || true)
    [ -z "$foreign" ] || { echo "check: $product links Foundation, NIO or GRDB:" $foreign >&2; wrong=1; }
  done
  size=$(size "$bin/lodge-controller" | awk 'NR == 2 { print $1 + $2 }')
  [ "$size" -le "$controller_size_budget" ] || {
    echo "check: lodge-controller has $size bytes, more than its budget of $controller_size_budget" >&2
    wrong=1
  }
  printf 'lodge-controller %s bytes, lodge %s bytes\n' "$size" "$(size "$bin/lodge" | awk 'NR == 2 { print $1 + $2 }')" >&2
  return $wrong
}
