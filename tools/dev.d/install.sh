# install, uninstall: what ships, into a prefix. What was installed is listed in share/lodge/installed, which is what
# uninstall removes: configuration, guests and logs stay.

install_options() {
  prefix=/usr/local
  while [ $# -gt 0 ]; do
    case $1 in
      --prefix) prefix=${2:?--prefix takes a folder}; shift ;;
      --prefix=*) prefix=${1#*=} ;;
      *) fail "unknown option: $1" "install [--prefix DIR]" ;;
    esac
    shift
  done
  case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
  to=${DESTDIR:-}$prefix
}

dev_install() {
  local prefix to
  install_options "$@"
  need_packages binutils
  build_release
  say "installing into $to"
  local list=$to/share/lodge/installed
  mkdir -p "$to/share/lodge"
  : >"$list"
  place 755 .build-release/release/lodge bin/lodge
  place 755 .build-release/release/lodged sbin/lodged
  place 755 .build-release/release/lodge-controller libexec/lodge/lodge-controller

  local scratch unit page shell
  scratch=$(scratch_folder install)
  for unit in contrib/systemd/*.service contrib/systemd/*.socket; do
    sed "s|@PREFIX@|$prefix|g" "$unit" >"$scratch/unit"
    place 644 "$scratch/unit" "lib/systemd/system/$(basename "$unit")"
  done
  place 644 contrib/systemd/lodge.sysusers lib/sysusers.d/lodge.conf
  place 644 contrib/systemd/lodge.tmpfiles lib/tmpfiles.d/lodge.conf

  for shell in bash:share/bash-completion/completions/lodge zsh:share/zsh/site-functions/_lodge \
    fish:share/fish/vendor_completions.d/lodge.fish; do
    .build-release/release/lodge completion "${shell%%:*}" >"$scratch/completion"
    place 644 "$scratch/completion" "${shell#*:}"
  done
  mkdir "$scratch/man"
  .build-release/release/lodge --generate-man "$scratch/man"
  lodged_page >"$scratch/man/lodged.8"
  for page in "$scratch"/man/*; do
    place 644 "$page" "share/man/man${page##*.}/$(basename "$page")"
  done
  rm -rf "$scratch"
  say "installed; what is left to do, as root:"
  {
    case $prefix in
      /usr | /usr/local)
        echo 'systemd-sysusers'
        echo 'systemd-tmpfiles --create'
        echo 'systemctl daemon-reload'
        ;;
      *)
        # systemd looks in neither of the folders there.
        echo "systemd-sysusers $prefix/lib/sysusers.d/lodge.conf"
        echo "systemd-tmpfiles --create $prefix/lib/tmpfiles.d/lodge.conf"
        echo "systemctl link $prefix/lib/systemd/system/lodge*"
        ;;
    esac
    echo 'systemctl enable --now lodged.socket lodged-ro.socket lodged.service lodge-guests.service'
  } | sed 's/^/    /' >&2
}

# The man page of the daemon; the keys of its configuration are those of docs/operating.md, where a test holds them.
lodged_page() {
  awk -v version="$(.build-release/release/lodge version -q 2>/dev/null | head -n1 | awk '{ print $NF }')" '
    function roff(text) { gsub(/\\/, "\\e", text); gsub(/`/, "", text); gsub(/-/, "\\-", text); return text }
    FNR == NR {
      if (split($0, cell, / *\| */) == 6 && cell[2] ~ /^`[a-zA-Z.]+`$/)
        keys = keys ".TP\n.B " roff(cell[2]) "\n" roff(cell[5]) ". Allowed: " roff(cell[4]) ". Default: " roff(cell[3]) ".\n"
      next
    }
    { sub(/@VERSION@/, version) }
    $0 == "@KEYS@" { printf "%s", keys; next }
    { print }' docs/operating.md contrib/man/lodged.8
}

# place MODE FROM TO
place() {
  install -D -m "$1" "$2" "$to/$3"
  # What a debugger would want stays in the build folder.
  case $3 in bin/* | sbin/* | libexec/*) strip --strip-all "$to/$3" ;; esac
  echo "$3" >>"$list"
}

dev_uninstall() {
  local prefix to
  install_options "$@"
  local list=$to/share/lodge/installed
  [ -f "$list" ] || fail "nothing is installed in $to: $list: no such file"
  # Folders that hold something else stay.
  (
    cd "$to"
    echo share/lodge/installed >>"$list"
    mapfile -t files <"$list"
    rm -f "${files[@]}"
    for file in "${files[@]}"; do dirname "$file"; done | sort -u | while read -r folder; do
      [ ! -d "$folder" ] || rmdir -p --ignore-fail-on-non-empty "$folder"
    done
  )
  say "removed from $to; guests, logs and configuration stay"
}
