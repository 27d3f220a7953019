# run: a scratch daemon, and a shell in which `lodge` speaks to it.

dev_run() {
  need_root run
  build_debug --quiet
  local root
  root=$(scratch_folder run)
  daemon_start "$root"
  # shellcheck disable=SC2064
  trap "daemon_end '$root'" EXIT
  busybox_tree "$root/tree"
  say "lodge speaks to lodged in $root; a busybox tree is at \$TREE; leave with exit, which ends its guests too"
  if [ $# -gt 0 ]; then
    in_scratch "$root" "$@"
  else
    echo 'try:  lodge run hello --rootfs $TREE --overlay -- /bin/echo hello' >&2
    echo '      pkill -KILL -f "lodged --root $LODGE_ROOT"; lodged --root $LODGE_ROOT &   # guests run on' >&2
    in_scratch "$root" "${SHELL:-/bin/bash}" || true
  fi
}

in_scratch() {
  local root=$1
  shift
  LODGE_ROOT=$root TREE=$root/tree PATH=$scratch_programs:$PATH "$@"
}

# As in the tests: LODGE_TEST_BIN is the folder of the programs, if not that of the debug build.
scratch_programs=${LODGE_TEST_BIN:-$repo/.build/debug}

scratch_lodge() { LODGE_ROOT=$scratch_root "$scratch_programs/lodge" "$@"; }

# daemon_start ROOT: starts lodged there and returns when it accepts connections.
daemon_start() {
  scratch_root=$1
  mkdir -p "$scratch_root"
  # A session of its own: Ctrl-C is for what runs in front of it.
  setsid "$scratch_programs/lodged" --root "$scratch_root" </dev/null >>"$scratch_root/lodged.log" 2>&1 &
  daemon_pid=$!
  local deadline=$((SECONDS + 30)) answer
  until answer=$(scratch_lodge daemon status 2>&1); do
    if ! kill -0 "$daemon_pid" 2>/dev/null || [ $SECONDS -ge $deadline ]; then
      { cat "$scratch_root/lodged.log"; printf '%s\n' "$answer"; } >&2
      kill "$daemon_pid" 2>/dev/null || true
      fail "lodged did not come up in $scratch_root"
    fi
    sleep 0.02
  done
}

# daemon_end ROOT: ends its guests, the daemon, and the folder.
daemon_end() {
  local root=$1 pid deadline
  scratch_root=$root
  kill -CONT "$daemon_pid" 2>/dev/null || true
  # Not always the one that was started here. If it was killed, it comes back once more: guests outlive it.
  pid=$(scratch_pid)
  if [ -z "$pid" ]; then
    daemon_start "$root"
    pid=$daemon_pid
  fi
  scratch_lodge rm --force --yes '*' >/dev/null 2>&1 || true
  kill "$pid" 2>/dev/null || true
  deadline=$((SECONDS + 10))
  wait "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null && [ $SECONDS -lt $deadline ]; do sleep 0.02; done
  rm -rf --one-file-system "$root"
}

scratch_pid() { scratch_lodge daemon status -o json 2>/dev/null | sed -n 's/^ *"pid": \([0-9]*\).*/\1/p' || true; }
