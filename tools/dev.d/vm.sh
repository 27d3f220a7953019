# test --vm: Lodge on a Debian 12 machine of its own (systemd, cgroup v2 with every controller), under qemu without KVM.
# Installed as a user would, then looked at from inside by tools/vm/inside: units, restarts, limits, a host reboot, and
# power loss at random moments. Nothing of the host is touched but a scratch folder.

vm_power_losses=${LODGE_VM_POWER_LOSSES:-20}

test_vm() {
  need_root "test --vm"
  need_packages mmdebstrap qemu-system-x86 e2fsprogs busybox-static
  local folder
  folder=$(scratch_folder vm)
  # shellcheck disable=SC2064
  trap "rm -rf --one-file-system '$folder'" EXIT
  vm_image "$folder"

  vm_passed=0 vm_failed=0
  say "vm: first boot: install, socket activation, restarts, limits, reboot"
  vm_boot "$folder" first 600 'VM: done'
  local loss acknowledged=0
  for ((loss = 1; loss <= vm_power_losses; loss++)); do
    say "vm: power loss $loss of $vm_power_losses"
    vm_boot "$folder" "power lodge.acknowledged=$acknowledged" 300 'VM: busy' "0.$((RANDOM % 10))$((RANDOM % 10))" $((RANDOM % 4))
    acknowledged=$(sed -n 's/^VM: acknowledged \([0-9]*\)$/\1/p' "$folder/console" | tail -n1)
    acknowledged=${acknowledged:-0}
  done
  say "vm: after the last one"
  vm_boot "$folder" "verify lodge.acknowledged=$acknowledged" 300 'VM: done'
  printf '%d passed, %d failed\n' "$vm_passed" "$vm_failed"
  [ "$vm_failed" = 0 ] || fail "test --vm: see the lines that begin with 'not ok'"
}

# The disk: a Debian tree, Lodge installed into it, and the checks.
vm_image() {
  local folder=$1 base=${LODGE_TEST_CACHE:-/var/tmp/lodge-test-cache}/vm-debian-12.tar
  if [ ! -f "$base" ]; then
    say "vm: a Debian 12 tree for $base"
    mkdir -p "$(dirname "$base")"
    mmdebstrap --quiet --variant=minbase --aptopt='APT::Install-Recommends "false"' \
      --include=systemd-sysv,dbus,udev,linux-image-cloud-amd64,initramfs-tools,kmod,libsqlite3-0,libyaml-0-2,procps,jq \
      bookworm "${base%.tar}.new.tar"
    mv "${base%.tar}.new.tar" "$base"
  fi
  say "vm: installing Lodge into the image"
  local tree=$folder/tree
  mkdir "$tree"
  tar -xpf "$base" -C "$tree"
  DESTDIR=$tree dev_install --prefix /usr/local
  busybox_tree "$tree/srv/trees/busybox"
  install -m 755 tools/vm/inside "$tree/usr/local/sbin/vm-inside"
  install -m 644 tools/vm/vm-inside.service "$tree/etc/systemd/system/vm-inside.service"
  ln -sf ../vm-inside.service "$tree/etc/systemd/system/multi-user.target.wants/vm-inside.service"
  cp "$tree"/boot/vmlinuz-* "$folder/vmlinuz"
  cp "$tree"/boot/initrd.img-* "$folder/initrd"
  mke2fs -q -t ext4 -d "$tree" "$folder/disk" 2G
  rm -rf --one-file-system "$tree"
}

# vm_boot FOLDER PHASE SECONDS UNTIL [WAIT...]: runs until its console says UNTIL; then, given WAIT, waits so long and
# pulls the plug, and otherwise lets it power off. What was not flushed inside is lost, as when power goes.
vm_boot() {
  local folder=$1 phase=$2 seconds=$3 until=$4
  shift 4
  : >"$folder/console"
  qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 1024 -display none -monitor none \
    -serial "file:$folder/console" -kernel "$folder/vmlinuz" -initrd "$folder/initrd" \
    -append "root=/dev/vda rw console=ttyS0 quiet lodge.phase=$phase" \
    -drive "file=$folder/disk,if=virtio,format=raw" &
  local qemu=$! deadline=$((SECONDS + seconds))
  until grep -qs "^$until" "$folder/console"; do
    if [ $SECONDS -ge $deadline ] || ! kill -0 $qemu 2>/dev/null; then
      kill -KILL $qemu 2>/dev/null || true
      tail -n 40 "$folder/console" >&2
      fail "vm: '$until' was not said within $seconds s (phase $phase)"
    fi
    sleep 0.1
  done
  if [ $# -gt 0 ]; then
    local wait
    for wait in "$@"; do sleep "$wait"; done
    kill -KILL $qemu
    wait $qemu 2>/dev/null || true
  else
    wait $qemu || true
  fi
  tr -d '\r' <"$folder/console" >"$folder/console.text"
  mv "$folder/console.text" "$folder/console"
  grep -E '^(ok|not ok) - ' "$folder/console" || true
  vm_passed=$((vm_passed + $(grep -c '^ok - ' "$folder/console" || true)))
  vm_failed=$((vm_failed + $(grep -c '^not ok - ' "$folder/console" || true)))
}
