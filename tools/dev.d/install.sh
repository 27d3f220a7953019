# install, uninstall: what ships, into a prefix.
#
# A stage is a folder with everything that ships, for no prefix in particular, and the script that puts it into one
# (contrib/install). The tarball is a stage; the Debian packages are made of one.

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
  local prefix to scratch
  install_options "$@"
  build_release
  scratch=$(scratch_folder install)
  stage "$scratch/stage"
  say "installing into $to"
  "$scratch/stage/install" --prefix "$prefix"
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
    echo "$prefix/libexec/lodge/subordinate-ids --add"
    echo 'systemctl enable --now lodged.socket lodged-ro.socket lodged.service lodge-guests.service'
  } | sed 's/^/    /' >&2
}

dev_uninstall() {
  local prefix to
  install_options "$@"
  contrib/install --uninstall --prefix "$prefix"
  say "removed from $to; guests, logs and configuration stay"
}

lodge_version() { sed -n 's/.*static let current = "\(.*\)"$/\1/p' Sources/Guest/LodgeVersion.swift; }

# stage FOLDER [BIN]: what ships, with the programs of BIN (where they were built, if not given).
stage() {
  local stage=$1 bin=${2:-.build-release/release} unit shell page man
  need_packages binutils python3
  say "staging what ships"
  # Debug information stays in the build folder.
  strip_to "$bin/lodge" "$stage/bin/lodge"
  strip_to "$bin/lodged" "$stage/sbin/lodged"
  strip_to "$bin/lodge-controller" "$stage/libexec/lodge/lodge-controller"
  strip_to "$bin/lodge-convert" "$stage/libexec/lodge/lodge-convert"
  install -m 755 contrib/subordinate-ids "$stage/libexec/lodge/subordinate-ids"

  for unit in contrib/systemd/*.service contrib/systemd/*.socket; do
    install -D -m 644 "$unit" "$stage/lib/systemd/system/$(basename "$unit")"
  done
  install -D -m 644 contrib/systemd/lodge.sysusers "$stage/lib/sysusers.d/lodge.conf"
  install -D -m 644 contrib/systemd/lodge.tmpfiles "$stage/lib/tmpfiles.d/lodge.conf"

  for shell in bash:share/bash-completion/completions/lodge zsh:share/zsh/site-functions/_lodge \
    fish:share/fish/vendor_completions.d/lodge.fish; do
    mkdir -p "$(dirname "$stage/${shell#*:}")"
    # Shells read these files, they do not run them.
    "$bin/lodge" completion "${shell%%:*}" | sed '1{/^#!/d}' >"$stage/${shell#*:}"
  done

  for page in contrib/schema/*.json; do
    install -D -m 644 "$page" "$stage/share/lodge/schema/$(basename "$page")"
  done

  man=$stage/man
  mkdir "$man"
  "$bin/lodge" --generate-man "$man"
  lodged_page >"$man/lodged.8"
  for page in "$man"/*; do
    install -D -m 644 "$page" "$stage/share/man/man${page##*.}/$(basename "$page")"
  done
  rm -r "$man"

  install -D -m 644 LICENSE "$stage/share/doc/lodge/LICENSE"
  install -m 644 README.md "$stage/share/doc/lodge/README.md"
  tools/sbom "$(lodge_version)" >"$stage/share/doc/lodge/sbom.spdx.json"
  tools/sbom --notices >"$stage/share/doc/lodge/NOTICE"
  install -m 755 contrib/install "$stage/install"
}

# strip_to FROM TO
strip_to() {
  install -D -m 755 "$1" "$2"
  strip --strip-all "$2"
}

# The man page of the daemon; the keys of its configuration are those of docs/operating.md, where a test holds them.
lodged_page() {
  awk -v version="$(lodge_version)" '
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
