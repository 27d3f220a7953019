# test --vm: Lodge on a Debian 12 machine of its own (systemd, cgroup v2 with every controller), under qemu without KVM.
# Installed as a user would, then looked at from inside by tools/vm/inside: units, restarts, limits, a host reboot, and
# power loss at random moments. Nothing of the host is touched but a scratch folder.
#
#   LODGE_VM_POWER_LOSSES   how often power goes, 20 if not given
#   LODGE_VM_KEEP           a folder that keeps what the machine's console said, one file a boot
#   LODGE_TEST_SEED         when power goes, and which writes it takes with it

vm_packages=systemd-sysv,dbus,udev,linux-image-cloud-amd64,initramfs-tools,kmod,libsqlite3-0,libyaml-0-2,procps,jq,sqlite3

test_vm() {
  need_root "test --vm"
  need_packages mmdebstrap qemu-system-x86 e2fsprogs busybox-static gcc libc6-dev
  local losses=${LODGE_VM_POWER_LOSSES:-20} begin=$SECONDS folder loss
  folder=$(scratch_folder vm)
  # shellcheck disable=SC2064
  trap "vm_end '$folder'" EXIT
  vm_seed=${LODGE_TEST_SEED:-$((SRANDOM % 32768))}
  RANDOM=$vm_seed
  say "vm: seed $vm_seed (LODGE_TEST_SEED takes it back)"
  vm_image "$folder"
  gcc -std=gnu11 -O2 -Wall -Wextra -o "$folder/powerloss" tools/vm/powerloss.c

  vm_passed=0 vm_failed=0 vm_boots=0
  truncate -s 64M "$folder/acknowledged"
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
  printf '%d power losses survived, %d events acknowledged before them; %d passed, %d failed; %d boots, %d s; seed %d\n' \
    "$losses" "$(wc -l <"$folder/events")" "$vm_passed" "$vm_failed" "$vm_boots" $((SECONDS - begin)) "$vm_seed"
  [ "$vm_failed" = 0 ] || fail "test --vm: see the lines that begin with 'not ok'"
}

vm_end() {
  [ -z "${vm_pid:-}" ] || kill -KILL "$vm_pid" 2>/dev/null || true
  rm -rf --one-file-system "$1"
}

# The disk: a Debian tree, Lodge installed into it, and the checks.
vm_image() {
  local folder=$1 base tree=$1/tree
  base=${LODGE_TEST_CACHE:-/var/tmp/lodge-test-cache}/vm-debian-12-$(cksum <<<"$vm_packages" | cut -d' ' -f1).tar
  if [ ! -f "$base" ]; then
    say "vm: a Debian 12 tree for $base"
    mkdir -p "$(dirname "$base")"
    mmdebstrap --quiet --variant=minbase --aptopt='APT::Install-Recommends "false"' --include="$vm_packages" \
      bookworm "${base%.tar}.new.tar"
    mv "${base%.tar}.new.tar" "$base"
  fi
  say "vm: installing Lodge into the image"
  mkdir "$tree"
  tar -xpf "$base" -C "$tree"
  DESTDIR=$tree dev_install --prefix /usr/local
  busybox_tree "$tree/srv/trees/busybox"
  install -m 755 tools/vm/inside "$tree/usr/local/sbin/vm-inside"
  install -m 644 tools/vm/vm-inside.service "$tree/etc/systemd/system/vm-inside.service"
  ln -sf ../vm-inside.service "$tree/etc/systemd/system/multi-user.target.wants/vm-inside.service"
  # A login prompt would hang up on those who write to the console (vhangup(2)).
  ln -sf /dev/null "$tree/etc/systemd/system/serial-getty@ttyS0.service"
  cp "$tree"/boot/vmlinuz-* "$folder/vmlinuz"
  cp "$tree"/boot/initrd.img-* "$folder/initrd"
  mke2fs -q -t ext4 -d "$tree" "$folder/disk" 2G
  rm -rf --one-file-system "$tree"
}

# vm_boot FOLDER PHASE UNTIL SECONDS [WAIT]: runs until its console says UNTIL; then, given WAIT, waits so long and pulls
# the plug, and otherwise lets it power off.
#
# Power takes with it what the guest's kernel had not written, and of what the disk had not been told to flush whatever
# it likes: every write is logged, and the image is made anew from the log (tools/vm/powerloss.c).
vm_boot() {
  local folder=$1 phase=$2 until=$3 seconds=$4 wait=${5:-} deadline
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
  qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 1024 -display none -monitor none -nic none \
    -serial "file:$folder/console" -kernel "$folder/vmlinuz" -initrd "$folder/initrd" \
    -append "root=/dev/vda rw console=ttyS0 loglevel=1 systemd.show_status=false lodge.phase=$phase" \
    -blockdev "driver=raw,node-name=file,file.driver=file,file.filename=$folder/$drive,file.cache.no-flush=on" \
    "${log[@]}" -device "virtio-blk-pci,drive=$([ -n "$wait" ] && echo root || echo file),write-cache=on" \
    -drive "file=$folder/acknowledged,if=virtio,format=raw,read-only=on" &
  vm_pid=$! deadline=$((SECONDS + seconds))
  until grep -qs "^$until" "$folder/console"; do
    if [ $SECONDS -ge $deadline ] || ! kill -0 "$vm_pid" 2>/dev/null; then
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
  # What a subscriber has seen has to be there for ever. The last line may have been cut off.
  sed -n 's/^VM: event \(\[.*\]\)$/\1/p' "$folder/console.text" >>"$folder/events"
  { cat "$folder/events"; } | dd of="$folder/acknowledged" conv=notrunc status=none
  grep -E '^(ok|not ok|#) ' "$folder/console.text" || true
  vm_passed=$((vm_passed + $(grep -c '^ok - ' "$folder/console.text" || true)))
  vm_failed=$((vm_failed + $(grep -c '^not ok - ' "$folder/console.text" || true)))
}
