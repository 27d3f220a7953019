# demo: Lodge in half a minute: a guest that serves a page, and six different ends recorded.

dev_demo() {
  need_root demo
  build_debug --quiet
  local root
  root=$(scratch_folder demo)
  say "a daemon in $root, and a busybox root filesystem"
  busybox_tree "$root/tree"
  echo "<h1>Hello from a guest</h1>" >"$root/tree/srv/www/index.html"
  daemon_start "$root"
  # shellcheck disable=SC2064
  trap "daemon_end '$root'" EXIT

  demo_serve "$root"
  demo_ends "$root"

  say "lodge events"
  scratch_lodge events --since 0
  say "lodge ls"
  scratch_lodge ls
  local guest
  for guest in exit3 lost; do
    say "lodge why $guest"
    scratch_lodge why "$guest"
  done
  demo_verdict

  trap - EXIT
  daemon_end "$root"
  local left
  left=$(leftovers "$root")
  [ -z "$left" ] || {
    echo "$left" >&2
    fail "demo: something was left behind"
  }
  say "nothing was left behind"
}

demo_serve() {
  local root=$1 port page
  port=$(free_port)
  say "a guest that serves a page at http://127.0.0.1:$port/"
  # Returns when the guest's init was executed; the server inside then takes a moment to listen.
  scratch_lodge create web --rootfs "$root/tree" --overlay --network host -- \
    /bin/sh -c "trap 'exit 0' TERM; httpd -f -p 127.0.0.1:$port -h /srv/www & wait"
  scratch_lodge start web
  local deadline=$((SECONDS + 5))
  until page=$(busybox wget -qO- "http://127.0.0.1:$port/" 2>/dev/null); do
    [ $SECONDS -lt $deadline ] || fail "demo: no answer from the guest" "$(scratch_lodge logs web)"
    sleep 0.02
  done
  echo "$page"
  scratch_lodge stop web
}

demo_ends() {
  local root=$1 name
  say "guests end: exit 0, exit 3, killed from outside, power-off and reboot from inside, controller killed"
  demo_guest exit0 /bin/true
  demo_guest exit3 /bin/sh -c 'echo giving up; exit 3'
  demo_guest killed /bin/sleep 1000
  demo_guest poweroff /bin/poweroff -f
  demo_guest reboot /bin/reboot -f
  demo_guest lost /bin/sleep 1000
  for name in exit0 exit3 killed poweroff reboot lost; do scratch_lodge start "$name"; done
  local init
  init=$(init_pid killed)
  kill -KILL "$init"
  init=$(init_pid lost)
  kill -KILL "$(awk '/^PPid:/ { print $2 }' "/proc/$init/status")"
  for name in exit0 exit3 killed poweroff reboot lost; do
    scratch_lodge wait "$name" --for stopped --timeout 10s >/dev/null || true
  done
}

# demo_guest NAME COMMAND...
demo_guest() {
  local name=$1
  shift
  scratch_lodge create "$name" --rootfs "$scratch_root/tree" --overlay --restart never -- "$@" >/dev/null
}

# The pid of a guest's init as the host sees it.
init_pid() { scratch_lodge show "$1" -o json | tr -d ' \n' | sed -n 's/.*"initPid":\([0-9]*\).*/\1/p'; }

# Asks for each end by its kind and compares: the demo must not be able to show something wrong.
demo_verdict() {
  local expected got name wrong=0
  while read -r name expected; do
    got=$(scratch_lodge runs "$name" -o json | tr -d ' \n' | sed -n 's/.*"cause":{"kind":"\([A-Za-z]*\)".*/\1/p')
    [ "$got" = "$expected" ] || { echo "demo: $name ended as '$got', not '$expected'" >&2; wrong=1; }
  done <<'TABLE'
web stopped
exit0 exited
exit3 exited
killed signaled
poweroff powerOff
reboot reboot
lost controllerLost
TABLE
  [ $wrong = 0 ] || fail "demo: an end was not recorded right"
}

free_port() {
  local port
  while :; do
    port=$((20000 + RANDOM % 20000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  echo "$port"
}

# leftovers ROOT: what the daemon of ROOT and its guests could leave: processes, mounts, cgroups, the folder.
leftovers() {
  local root=$1 deadline=$((SECONDS + 3))
  # A controller whose guest has ended is done a moment after its daemon.
  while pgrep -f "lodge.*$root" >/dev/null && [ $SECONDS -lt $deadline ]; do sleep 0.05; done
  pgrep -fa "lodge.*$root" || true
  grep -F "$root" /proc/self/mountinfo || true
  find /sys/fs/cgroup -maxdepth 3 -type d -name "lodge-$(fnv "$root")" 2>/dev/null
  [ ! -e "$root" ] || echo "$root"
}

# FNV-1a, 32 bits: the daemon's cgroup is named after its folder.
fnv() {
  local text=$1 sum=$((0x811c9dc5)) i
  for ((i = 0; i < ${#text}; i++)); do
    sum=$((((sum ^ $(printf '%d' "'${text:i:1}")) * 0x01000193) & 0xffffffff))
  done
  printf '%08x' "$sum"
}
