# package: Debian packages, or a tarball for other distributions. What the Debian packages are made of is in contrib/debian.

dev_package() {
  local tarball= twice= quick= output=.build-packages version bin= begin=$SECONDS
  version=$(lodge_version)
  while [ $# -gt 0 ]; do
    case $1 in
      --tarball) tarball=yes ;;
      --twice) twice=yes ;;
      --output) output=${2:?--output takes a folder}; shift ;;
      # For tests of upgrades: another version's name, or its programs; and what was looked at need not be again.
      --quick) quick=yes ;;
      --as-version) version=${2:?--as-version takes a version}; shift ;;
      --programs) bin=${2:?--programs takes a folder}; shift ;;
      *) fail "package: unknown option: $1" "tools/dev package [--tarball] [--twice] [--output DIR]" ;;
    esac
    shift
  done
  [ -n "$bin" ] || build_release
  # All times in what is made are the last commit's, unless the caller has reproducible ideas of his own.
  export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
  mkdir -p "$output"
  local scratch round
  scratch=$(scratch_folder package)
  # Each round in a folder of another name, so that a name that got into what is made is seen.
  for round in first ${twice:+second-in-a-folder-of-another-name}; do
    mkdir "$scratch/$round"
    if [ -n "$tarball" ]; then
      package_tarball "$scratch/$round" "$version" "$bin"
    else
      package_debian "$scratch/$round" "$version" "$bin"
    fi
  done
  if [ -n "$twice" ]; then
    say "package: comparing the two"
    diff <(cd "$scratch/first/made" && sha256sum -- *) <(cd "$scratch"/second-*/made && sha256sum -- *) >&2 ||
      fail "package: two builds give different bytes; see $scratch"
  fi
  if [ -z "$tarball$quick" ]; then
    package_lint "$scratch/first/made"
    package_try_client "$scratch/first"
  fi
  local file
  for file in "$scratch"/first/made/*; do
    mv "$file" "$output/"
    printf '%s  %s\n' "$(sha256sum <"$output/$(basename "$file")" | cut -c1-16)" "$output/$(basename "$file")"
  done
  rm -rf "$scratch"
  say "package: done in $((SECONDS - begin)) s"
}

# package_debian FOLDER VERSION BIN: into FOLDER/made. LODGE_PACKAGE_COMPRESSION is an option of dpkg-deb(1) for those in haste.
package_debian() {
  local folder=$1 version=$2 bin=$3 tree file
  need_packages debhelper dpkg-dev lintian rpcsvc-proto libtirpc-dev gcc libc6-dev
  tree=$folder/lodge-$version
  stage "$tree/stage" "$bin"

  say "package: sorting into Debian packages"
  cp -r contrib/debian "$tree/debian"
  rm "$tree"/debian/{README.md,c-client.mk}
  sed -i "s|@MAINTAINER@|$(package_maintainer)|" "$tree/debian/control"
  package_changelog "$version" >"$tree/debian/changelog"
  echo "lodge:Built-Using=$(package_built_using)" >"$tree/debian/lodge.substvars"

  # The files of lodge-dev and lodge-doc, from the commit.
  mkdir -p "$tree"/dev/{include/lodge,protocol,c,examples} "$tree"/doc/protocol
  cp protocol/*.x protocol/README.md "$tree/dev/protocol/"
  cp examples/c-client/lodge.x "$tree/dev/c/"
  install -D -m 644 contrib/python/lodge/__init__.py "$tree/dev/python/lodge/__init__.py"
  install -D -m 644 contrib/python/examples/bad_ends.py "$tree/dev/examples/python/bad_ends.py"
  # rpcgen names its input in what it writes, and the includes after it.
  (
    cd "$tree/dev/c"
    rpcgen -N -M -h -o lodge.h lodge.x
    rpcgen -N -M -c -o lodge_xdr.c lodge.x
    sed -i 's|#include "lodge.h"|#include <lodge/lodge.h>|' lodge_xdr.c
    mv lodge.h ../include/lodge/
  )
  for file in $(git ls-files examples | grep -v '/\(test\|\.gitignore\|lodge\.x\|c-client/README\.md\)$'); do
    install -D -m 644 "$file" "$tree/dev/$file"
  done
  sed -i 's|#include "lodge.h"|#include <lodge/lodge.h>|' "$tree/dev/examples/c-client/client.c"
  cp contrib/debian/c-client.mk "$tree/dev/examples/c-client/Makefile"
  cp README.md docs/*.md "$tree/doc/"
  cp protocol/README.md "$tree/doc/protocol/"

  (
    cd "$tree"
    umask 022
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/nonexistent LC_ALL=C.UTF-8 TZ=UTC \
      SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" LODGE_PACKAGE_COMPRESSION="${LODGE_PACKAGE_COMPRESSION:--Zxz}" \
      dpkg-buildpackage --build=binary --no-sign -d >"$folder/log" 2>&1
  ) || { tail -n 30 "$folder/log" >&2; fail "package: dpkg-buildpackage failed"; }
  mkdir "$folder/made"
  mv "$folder"/*.deb "$folder/made/"
}

# The time and author of the last commit, so that the same commit gives the same bytes.
package_changelog() {
  printf 'lodge (%s) unstable; urgency=medium\n\n  * Built from commit %s.\n\n -- Lodge maintainers <%s>  %s\n' \
    "$1" "$(git rev-parse --short=12 HEAD)" "$(package_maintainer)" "$(date -u -R -d "@$SOURCE_DATE_EPOCH")"
}

package_maintainer() { echo "${LODGE_MAINTAINER:-$(git log -1 --format=%ae)}"; }

# The source packages whose static libraries are in the two static programs (Debian policy 7.8).
package_built_using() {
  local package
  for package in libc6-dev libyaml-dev libstdc++-12-dev; do
    dpkg-query -W -f='${source:Package} (= ${source:Version})\n' "$package"
  done | sort -u | paste -sd, | sed 's/,/, /g'
}

# Errors end it; warnings are shown.
package_lint() {
  say "package: lintian"
  lintian --allow-root --tag-display-limit 0 --fail-on error "$1"/*.deb >&2 || fail "package: lintian has found errors"
}

# The example of lodge-dev compiles with what the package has, and nothing else.
package_try_client() {
  say "package: the C example against lodge-dev"
  local root=$1/client
  dpkg-deb -x "$1"/made/lodge-dev_*.deb "$root"
  make -s -C "$root/usr/share/doc/lodge-dev/examples/c-client" \
    CPPFLAGS="-I$root/usr/include -I/usr/include/tirpc" LODGE_XDR="$root/usr/share/lodge/c/lodge_xdr.c" >&2
  rm -rf "$root"
}

# package_tarball FOLDER VERSION BIN
package_tarball() {
  local folder=$1 version=$2 bin=$3 name
  name=lodge-$version-linux-$(uname -m)
  stage "$folder/$name" "$bin"
  cp docs/operating.md "$folder/$name/share/doc/lodge/"
  mkdir "$folder/made"
  # Sorted, owned by root and without the time of packing: the same tree gives the same archive (gzip(1) -n).
  tar --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime="@$SOURCE_DATE_EPOCH" \
    --format=gnu -C "$folder" -cf - "$name" | gzip -n9 >"$folder/made/$name.tar.gz"
}
