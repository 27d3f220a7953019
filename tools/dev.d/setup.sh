# Needs of every command: messages, Debian packages, the toolchain, scratch folders.

say() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }

# fail WHAT [HINT]
fail() {
  printf 'tools/dev: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2
  exit 1
}

# Installs those of the named Debian packages that are missing.
need_packages() {
  local missing=() package
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "$(id -u)" = 0 ] || fail "missing Debian packages: ${missing[*]}" "as root: apt-get install ${missing[*]}"
  say "installing ${missing[*]}"
  local options=(-y -qq --no-install-recommends)
  # The lists may be older than the archive: only then is updating them worth its time.
  DEBIAN_FRONTEND=noninteractive apt-get install "${options[@]}" "${missing[@]}" >/dev/null 2>&1 || {
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install "${options[@]}" "${missing[@]}" >/dev/null
  }
}

need_root() { [ "$(id -u)" = 0 ] || fail "$1 needs root: it makes namespaces, mounts and cgroups"; }

# The toolchain, and the C libraries that Package.swift names.
need_build() {
  command -v swift >/dev/null || fail "no swift in PATH" "install a Swift 6.3 toolchain: https://www.swift.org/install/linux/"
  local version
  version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n1)
  case $version in
    [0-5].* | 6.[01]) fail "Swift $version is too old" "Lodge needs Swift 6.2 or newer; 6.3 is what CI uses" ;;
  esac
  need_packages libyaml-dev libsqlite3-dev pkg-config
}

# A folder under /tmp with a short name: a Unix socket's name is limited to 107 bytes (unix(7)).
scratch_folder() { mktemp -d "${TMPDIR:-/tmp}/lodge-$1.XXXXXX"; }

# busybox_tree DIR: a small root filesystem from Debian's busybox-static.
busybox_tree() {
  need_packages busybox-static
  local tree=$1 applet
  mkdir -p "$tree"/{bin,sbin,etc,root,tmp,proc,sys,dev,run,var/log,srv/www,usr}
  cp "$(command -v busybox)" "$tree/bin/busybox"
  for applet in $("$tree/bin/busybox" --list); do
    [ "$applet" = busybox ] || ln -sf busybox "$tree/bin/$applet"
  done
  ln -sfn ../bin "$tree/usr/bin"
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$tree/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$tree/etc/group"
  printf '127.0.0.1 localhost\n' >"$tree/etc/hosts"
  chmod 1777 "$tree/tmp"
}
