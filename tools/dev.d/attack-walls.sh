# attack walls: a guest program tries to get past each wall between a guest and its host, as root and as a user.
#
#   tools/dev attack walls             this host's table beside the expected one; fails where they differ
#   tools/dev attack walls --update    writes the expected table anew
#
# tools/attack/walls.c is the guest. tools/attack/walls.expected is what Lodge holds, tools/attack/walls.podman what podman
# gave the same program; with -v2 behind it, on a host with cgroup v2 alone (tools/dev test --vm attacks), and without, on
# one that has version 1, too. Rows with a number are those of docs/security.md.

attack_walls() {
  local update=0
  case ${1:-} in
    '') ;;
    --update) update=1 ;;
    *) fail "attack walls: unknown option: $1" "tools/dev attack walls [--update]" ;;
  esac
  need_packages gcc libc6-dev
  build_debug --quiet
  local root expected=$repo/tools/attack/walls.expected
  [ "$(stat -f -c %T /sys/fs/cgroup)" != cgroup2fs ] || expected+=-v2
  root=$(scratch_folder walls)
  daemon_start "$root"
  # shellcheck disable=SC2064
  trap "daemon_end '$root'" EXIT
  busybox_tree "$root/tree"
  mkdir -p "$root/tree/mnt"
  cc -O1 -static -Wall -o "$root/tree/bin/walls" "$repo/tools/attack/walls.c"
  local before
  before=$(walls_host_objects)
  {
    walls_inside root 0
    walls_inside user 1000
    walls_host "$before"
    walls_start
    walls_flood
    walls_tie
  } | awk -F '\t' '{ printf "%-46s %s\n", $1, $2 }' >"$root/table"
  if [ $update = 1 ]; then cp "$root/table" "$expected"; fi
  cat "$root/table"
  # Which errno a refusal has depends on the kernel: a file that it does not have cannot be opened either.
  diff -u <(sed 's/refused E[A-Z]*$/refused/' "$expected") <(sed 's/refused E[A-Z]*$/refused/' "$root/table") \
    >"$root/difference" || {
    cat "$root/difference" >&2
    fail "attack walls: this host does not keep what is expected" "the lines above with + are what was got"
  }
  say "attack walls: all walls stand"
}

# The tries of the program inside, by a user there.
walls_inside() {
  scratch_lodge run "walls-$1" --rootfs "$scratch_root/tree" --user "$2" -- /bin/walls 2>&1 |
    tr -d '\r' | sed "s/^/$1: /"
}

walls_host_objects() { stat -c '%n %a %u' /dev/null /dev/zero /dev/full /dev/random /dev/tty /proc/version /proc/cpuinfo; }

walls_host() {
  local outcome='as before'
  [ "$(walls_host_objects)" = "$1" ] || outcome=changed
  printf "host: D5 modes of its devices and of /proc\t%s\n" "$outcome"
}

# Settings that must be refused before a program runs.
walls_start() {
  local user
  for user in 4294967295 1000:4294967295; do
    printf "start: D6 --user %s\t%s\n" "$user" \
      "$(walls_refused --rootfs "$scratch_root/tree" --user "$user" -- /bin/busybox id)"
  done
  ln -s "$scratch_root/tree" "$scratch_root/link"
  chown -h 65534 "$scratch_root/link"
  printf "start: D9 a tree behind another user's link\t%s\n" "$(walls_refused --rootfs "$scratch_root/link" -- /bin/busybox id)"
  local folder
  for folder in dev proc sys; do
    rm -rf "$scratch_root/hostile"
    cp -a "$scratch_root/tree" "$scratch_root/hostile"
    rmdir "$scratch_root/hostile/$folder"
    ln -s ../../../../../../../../tmp "$scratch_root/hostile/$folder"
    printf "start: 32 a tree whose /%s is a link\t%s\n" "$folder" \
      "$(walls_refused --rootfs "$scratch_root/hostile" -- /bin/busybox id)"
  done
}

walls_refused() {
  if scratch_lodge run walls-start "$@" >/dev/null 2>&1; then echo started; else echo refused; fi
  scratch_lodge rm --force --yes walls-start >/dev/null 2>&1 || true
}

# 64 MB without a newline, with bytes that terminals act on, and no reader.
walls_flood() {
  local code=0 bytes
  scratch_lodge run walls-flood --rootfs "$scratch_root/tree" -- /bin/walls flood >/dev/null 2>&1 || code=$?
  bytes=$(find "$scratch_root" -name 'walls-flood.log*' -printf '%s\n' | awk '{ sum += $1 } END { print sum + 0 }')
  printf "host: 35 exit code after 64 MB without a newline\t%s\n" "$code"
  printf "host: 35 the log of it\t%s\n" "$([ "$bytes" -gt 0 ] && [ "$bytes" -le $((32 << 20)) ] && echo bounded || echo "$bytes bytes")"
}

# D7: init has changed its user and cleared its death signal; then daemon and controller are killed together.
walls_tie() {
  scratch_lodge create walls-tie --rootfs "$scratch_root/tree" -- /bin/walls cut >/dev/null
  scratch_lodge start walls-tie >/dev/null
  local init controller deadline=$((SECONDS + 10))
  init=$(scratch_lodge show walls-tie -o json | sed -n 's/^ *"initPid": \([0-9]*\).*/\1/p' | head -1)
  controller=$(awk '/^PPid:/ { print $2 }' "/proc/$init/status")
  until [ "$(awk '/^Uid:/ { print $2 }' "/proc/$init/status" 2>/dev/null)" = 1000 ] || [ $SECONDS -ge $deadline ]; do
    sleep 0.02
  done
  kill -KILL "$daemon_pid" "$controller"
  deadline=$((SECONDS + 5))
  while [ -d "/proc/$init" ] && [ $SECONDS -lt $deadline ]; do sleep 0.02; done
  printf "host: D7 init after a kill of daemon and controller\t%s\n" "$([ -d "/proc/$init" ] && echo 'lives on' || echo ended)"
}
