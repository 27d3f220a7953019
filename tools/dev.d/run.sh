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
  say "lodge speaks to lodged in $root; a busybox tree is at \$TREE; leave with exit"
  if [ $# -gt 0 ]; then
    in_scratch "$root" "$@"
  else
    echo 'try:  lodge run hello --rootfs $TREE --overlay -- /bin/echo hello' >&2
    in_scratch "$root" "${SHELL:-/bin/bash}" || true
  fi
}

in_scratch() {
  local root=$1
  shift
  LODGE_ROOT=$root TREE=$root/tree PATH=$repo/.build/debug:$PATH "$@"
}

scratch_lodge() { LODGE_ROOT=$scratch_root "$repo/.build/debug/lodge" "$@"; }

# daemon_start ROOT: starts lodged there and returns when it accepts connections.
daemon_start() {
  scratch_root=$1
  mkdir -p "$scratch_root"
  "$repo/.build/debug/lodged" --root "$scratch_root" 2>"$scratch_root/lodged.log" &
  daemon_pid=$!
  local deadline=$((SECONDS + 10))
  until scratch_lodge daemon status >/dev/null 2>&1; do
    if ! kill -0 "$daemon_pid" 2>/dev/null || [ $SECONDS -ge $deadline ]; then
      cat "$scratch_root/lodged.log" >&2
      fail "lodged did not come up in $scratch_root"
    fi
    sleep 0.02
  done
}

# daemon_end ROOT: ends its guests, the daemon, and the folder.
daemon_end() {
  local root=$1
  scratch_root=$root
  scratch_lodge rm --force --yes '*' >/dev/null 2>&1 || true
  kill "$daemon_pid" 2>/dev/null || true
  wait "$daemon_pid" 2>/dev/null || true
  rm -rf --one-file-system "$root"
}
