# test --vm: Lodge on a Debian 12 machine of its own (systemd, cgroup v2 with every controller), under qemu without KVM.
# Installed as a user would, then looked at from inside by tools/vm/inside. Nothing of the host is touched but a scratch
# folder. Phases, each with a disk of its own:
#
#   lodge      units, restarts, limits, a host reboot, and power loss at random moments
#   package    the Debian packages: install, upgrade while a guest runs, remove, purge
#   attacks    the kits of `tools/dev attack` on cgroup v2 alone, and podman beside them (only where asked for)
#   units      no test: which sandbox options of systemd a guest would notice, as a table (only where asked for)
#
#   LODGE_VM_OLD_PROGRAMS   a folder with the programs of an older release, which the package then is upgraded from; without
#                           it, from a package of this version's programs with a lower number
#   LODGE_VM_PROGRAMS       a folder with the programs to install, if not those of a release build made first
#   LODGE_VM_KITS           the kits of phase attacks with their arguments, split by commas: "walls,ends 200,floods,podman"
#   LODGE_VM_POWER_LOSSES   how often power goes, 20 if not given
#   LODGE_VM_KEEP           a folder that keeps what the machine's console said, one file a boot
#   LODGE_VM_PATIENCE       how many times as long as usual a boot may take, on a busy host
#   LODGE_TEST_SEED         when power goes, and which writes it takes with it

vm_debian=systemd-sysv,dbus,udev,linux-image-cloud-amd64,initramfs-tools,kmod,libsqlite3-0,libyaml-0-2,procps,jq,sqlite3
# What the kits and their tests use on any host, the libraries of debug programs, and the engine to compare with.
vm_debian_attacks=$vm_debian,gcc,libc6-dev,busybox-static,podman,crun,libstdc++6
vm_memory=1024

test_vm() {
  need_root "test --vm"
  need_packages mmdebstrap qemu-system-x86 e2fsprogs busybox-static gcc libc6-dev
  local begin=$SECONDS folder
  folder=$(scratch_folder vm)
  # shellcheck disable=SC2064
  trap "vm_end '$folder'" EXIT
  vm_seed=${LODGE_TEST_SEED:-$((SRANDOM % 32768))}
  RANDOM=$vm_seed
  say "vm: seed $vm_seed (LODGE_TEST_SEED takes it back)"
  vm_passed=0 vm_failed=0 vm_boots=0
  truncate -s 64M "$folder/acknowledged"
  : >"$folder/events"
  case ${1:-} in
    '') vm_packages "$folder"; vm_lodge "$folder" ;;
    lodge) vm_lodge "$folder" ;;
    package) vm_packages "$folder" ;;
    units) vm_units "$folder" ;;
    attacks) vm_attacks "$folder" ;;
    *) fail "test --vm: there is no phase $1" "lodge, package, attacks or units" ;;
  esac
  printf '%d passed, %d failed; %d boots, %d s; seed %d\n' \
    "$vm_passed" "$vm_failed" "$vm_boots" $((SECONDS - begin)) "$vm_seed"
  [ "$vm_failed" = 0 ] || fail "test --vm: see the lines that begin with 'not ok'"
}

vm_lodge() {
  local folder=$1 losses=${LODGE_VM_POWER_LOSSES:-20} loss
  vm_tree "$folder"
  say "vm: installing Lodge into the image"
  [ -n "${LODGE_VM_PROGRAMS:-}" ] || build_release
  stage "$folder/stage" "${LODGE_VM_PROGRAMS:-.build-release/release}"
  DESTDIR=$folder/tree "$folder/stage/install" --prefix /usr/local
  rm -r "$folder/stage"
  vm_disk "$folder"
  gcc -std=gnu11 -O2 -Wall -Wextra -o "$folder/powerloss" tools/vm/powerloss.c
  say "vm: install, socket activation, restarts, limits, reboot"
  vm_boot "$folder" first 'VM: done' 900
  for ((loss = 1; loss <= losses; loss++)); do
    say "vm: power loss $loss of $losses"
    vm_boot "$folder" power 'VM: busy' 300 "$((1 + RANDOM % 12)).$((RANDOM % 10))"
  done
  if [ "$losses" -gt 0 ]; then
    say "vm: after the last one"
    vm_boot "$folder" verify 'VM: done' 300
  fi
  printf '%d power losses survived, %d events acknowledged before them\n' "$losses" "$(wc -l <"$folder/events")"
}

vm_packages() {
  vm_packaged "$1"
  say "vm: the packages: install, upgrade, remove, purge"
  vm_boot "$1" package 'VM: done' 1200
}

vm_units() {
  vm_packaged "$1"
  say "vm: sandbox options of lodged.service"
  vm_boot "$1" units 'VM: done' 1800
  grep ' | ' "$1/console.text"
}

# The working copy as far as the kits need it, at its own place, with the debug programs and tests, which are dynamic and
# slow to start on such a machine, and beside them the programs as they ship.
vm_attacks() {
  local folder=$1 tree=$1/tree library
  build_debug --build-tests
  [ -n "${LODGE_VM_PROGRAMS:-}" ] || build_release
  vm_debian=$vm_debian_attacks vm_tree "$folder"
  mkdir -p "$tree$repo/.build/debug" "$tree$repo/Tests"
  cp -r "$repo/tools" "$tree$repo/tools"
  rm -rf "$tree$repo"/tools/*/.build
  cp -r "$repo/Tests/Programs" "$tree$repo/Tests/"
  # The named points at which programs can be killed are read from them.
  cp -r "$repo/Sources" "$tree$repo/Sources"
  for library in lodge lodged lodge-controller lodgePackageTests.xctest; do
    strip_to "$repo/.build/debug/$library" "$tree$repo/.build/debug/$library"
  done
  for library in lodge lodged lodge-controller; do
    strip_to "${LODGE_VM_PROGRAMS:-.build-release/release}/$library" "$tree/srv/programs/$library"
  done
  cp -r "$repo"/.build/debug/*.resources "$tree$repo/.build/debug/"
  ldd "$repo/.build/debug/lodgePackageTests.xctest" | sed -n 's/.*=> \(.*\/swift\/.*\) (.*/\1/p' |
    while read -r library; do install -D -m 755 "$library" "$tree$library"; done
  printf '%s\n' "$repo" >"$tree/srv/repo"
  tr , '\n' <<<"${LODGE_VM_KITS:-walls,ends 100,floods,podman}" >"$tree/srv/kits"
  vm_disk "$folder" 4G
  say "vm: the kits on cgroup v2 alone: $(paste -sd, <<<"${LODGE_VM_KITS:-walls,ends 100,floods,podman}")"
  vm_memory=4096 vm_boot "$folder" attacks 'VM: done' 3600
}

# Two versions of the packages lie in the image; the checks install them.
vm_packaged() {
  local folder=$1 version programs=${LODGE_VM_PROGRAMS:-.build-release/release}
  version=$(lodge_version)
  # For tests only: nothing is gained by squeezing them.
  (
    export LODGE_PACKAGE_COMPRESSION=-Zgzip\ -z1
    [ -n "${LODGE_VM_PROGRAMS:-}" ] || build_release
    dev_package --quick --output "$folder/packages/new" --programs "$programs"
    dev_package --quick --output "$folder/packages/old" --as-version "0.0.9~before-$version" \
      --programs "${LODGE_VM_OLD_PROGRAMS:-$programs}"
  )
  vm_tree "$folder"
  mkdir -p "$folder/tree/srv/packages"
  cp -r "$folder"/packages/* "$folder/tree/srv/packages/"
  vm_disk "$folder"
}

vm_end() {
  [ -z "${vm_pid:-}" ] || kill -KILL "$vm_pid" 2>/dev/null || true
  rm -rf --one-file-system "$1"
}

# A Debian tree, with guests' root file system and the checks, into FOLDER/tree.
vm_tree() {
  local folder=$1 base tree=$1/tree
  base=${LODGE_TEST_CACHE:-/var/tmp/lodge-test-cache}/vm-debian-12-$(cksum <<<"$vm_debian" | cut -d' ' -f1).tar
  if [ ! -f "$base" ]; then
    say "vm: a Debian 12 tree for $base"
    mkdir -p "$(dirname "$base")"
    mmdebstrap --quiet --variant=minbase --aptopt='APT::Install-Recommends "false"' --include="$vm_debian" \
      bookworm "${base%.tar}.new.tar"
    mv "${base%.tar}.new.tar" "$base"
  fi
  mkdir "$tree"
  tar -xpf "$base" -C "$tree"
  busybox_tree "$tree/srv/trees/busybox"
  install -m 755 tools/vm/inside "$tree/usr/local/sbin/vm-inside"
  install -m 755 tools/vm/unit-options "$tree/usr/local/sbin/vm-unit-options"
  install -m 644 tools/vm/vm-inside.service "$tree/etc/systemd/system/vm-inside.service"
  ln -sf ../vm-inside.service "$tree/etc/systemd/system/multi-user.target.wants/vm-inside.service"
  # A login prompt would hang up on those who write to the console (vhangup(2)).
  ln -sf /dev/null "$tree/etc/systemd/system/serial-getty@ttyS0.service"
}

# vm_disk FOLDER [SIZE]: the disk made of FOLDER/tree.
vm_disk() {
  local folder=$1 size=${2:-2G} tree=$1/tree
  cp "$tree"/boot/vmlinuz-* "$folder/vmlinuz"
  cp "$tree"/boot/initrd.img-* "$folder/initrd"
  rm -f "$folder/disk"
  mke2fs -q -t ext4 -d "$tree" "$folder/disk" "$size"
  rm -rf --one-file-system "$tree"
}

# vm_boot FOLDER PHASE UNTIL SECONDS [WAIT]: runs until its console says UNTIL; then, given WAIT, waits so long and pulls
# the plug, and otherwise lets it power off.
#
# The loss of power takes all that the guest's kernel had not written, and any part of the writes that were not flushed:
# every write is logged, and the image is made anew from the log (tools/vm/powerloss.c).
vm_boot() {
  local folder=$1 phase=$2 until=$3 seconds=$(($4 * ${LODGE_VM_PATIENCE:-1})) wait=${5:-} deadline
  vm_boots=$((vm_boots + 1))
  : >"$folder/console"
  local drive=disk log=()
  if [ -n "$wait" ]; then
    drive=running
    cp --sparse=always "$folder/disk" "$folder/running"
    # The log is sparse and new: beyond its last entry there are zeros.
    rm -f "$folder/log"
    truncate -s 16G "$folder/log"
    log=(-blockdev "driver=blklogwrites,node-name=root,file=file,log.driver=file,log.filename=$folder/log,log.cache.no-flush=on")
  fi
  # On a busy host the emulated timer comes late, for which the kernel would panic if it looked (no_timer_check).
  qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m "$vm_memory" -display none -monitor none -nic none \
    -serial "file:$folder/console" -kernel "$folder/vmlinuz" -initrd "$folder/initrd" \
    -append "root=/dev/vda rw console=ttyS0 loglevel=1 no_timer_check systemd.show_status=false lodge.phase=$phase" \
    -blockdev "driver=raw,node-name=file,file.driver=file,file.filename=$folder/$drive,file.cache.no-flush=on" \
    "${log[@]}" -device "virtio-blk-pci,drive=$([ -n "$wait" ] && echo root || echo file),write-cache=on" \
    -drive "file=$folder/acknowledged,if=virtio,format=raw,read-only=on" &
  vm_pid=$! deadline=$((SECONDS + seconds))
  until grep -qs "^$until" "$folder/console"; do
    if [ $SECONDS -ge $deadline ] || grep -qs 'Kernel panic' "$folder/console" || ! kill -0 "$vm_pid" 2>/dev/null; then
      kill -KILL "$vm_pid" 2>/dev/null || true
      tail -n 60 "$folder/console" >&2
      fail "vm: '$until' was not said within $seconds s (phase $phase)"
    fi
    sleep 0.1
  done
  if [ -n "$wait" ]; then
    sleep "$wait"
    kill -KILL "$vm_pid"
    wait "$vm_pid" 2>/dev/null || true
    local losing=$RANDOM
    echo "after $wait s, seed $losing: $("$folder/powerloss" "$folder/log" "$folder/disk" $losing)"
  else
    wait "$vm_pid" || true
  fi
  vm_pid=
  tr -d '\r' <"$folder/console" >"$folder/console.text"
  if [ -n "${LODGE_VM_KEEP:-}" ]; then
    mkdir -p "$LODGE_VM_KEEP"
    cp "$folder/console.text" "$LODGE_VM_KEEP/boot-$vm_boots-$phase"
  fi
  # An event that a subscriber has seen must be kept. The last line may have been cut off.
  sed -n 's/^VM: event \(\[.*\]\)$/\1/p' "$folder/console.text" >>"$folder/events"
  { cat "$folder/events"; } | dd of="$folder/acknowledged" conv=notrunc status=none
  grep -E '^(ok|not ok|#) ' "$folder/console.text" || true
  vm_passed=$((vm_passed + $(grep -c '^ok - ' "$folder/console.text" || true)))
  vm_failed=$((vm_failed + $(grep -c '^not ok - ' "$folder/console.text" || true)))
}
