# build, format, generate, xdrgen.
#
# Two build folders, because their flags differ and SwiftPM would rebuild everything at each change of flags:
#   .build           debug, for tests, demo and run
#   .build-release   as it ships: lodged with the standard library linked in, lodge, lodge-controller and lodge-convert fully static,
#                    as Package.swift says

# A target may import only what Package.swift says it depends on: the arrows of docs/architecture.md.
debug_flags=(--explicit-target-dependency-import-check error)

dev_build() {
  case ${1:-} in
    '') build_debug ;;
    --release) build_release ;;
    *) fail "build: unknown option: $1" "tools/dev build [--release]" ;;
  esac
}

# LODGE_BUILT=yes: what is built already is used as it is, where there is no toolchain (test --vm attacks).
build_debug() {
  [ -z "${LODGE_BUILT:-}" ] || return 0
  need_build
  say "debug build"
  swift build "${debug_flags[@]}" "$@"
}

build_release() { build_shipped lodge lodge-controller lodge-convert lodged; }

# Those that are held to be lean.
build_static() { build_shipped lodge lodge-controller lodge-convert; }

# Compilers write the folder they work in into debug information, from which the linker makes the build id, and C's
# __FILE__ into strings: two working copies would give two different programs.
release_flags() {
  printf '%s\n' -c release --scratch-path .build-release --static-swift-stdlib \
    -Xswiftc -file-prefix-map -Xswiftc "$repo=/usr/src/lodge" -Xcc "-ffile-prefix-map=$repo=/usr/src/lodge"
}

build_shipped() {
  need_build
  local product flags
  mapfile -t flags < <(release_flags)
  for product in "$@"; do
    say "release build of $product"
    swift build "${flags[@]}" --product "$product"
  done
}

# Swift files that people write: all but the generated ones.
swift_files() {
  git ls-files -co --exclude-standard -- '*.swift' | grep -v '/Generated/' | while read -r file; do
    [ ! -f "$file" ] || printf '%s\n' "$file"
  done
}

dev_format() {
  need_build
  swift_files | xargs swift format format --in-place --parallel
}

build_xdrgen() {
  need_build
  swift build --package-path tools/xdrgen --quiet "$@" >&2
}

dev_xdrgen() {
  build_xdrgen
  "$(swift build --package-path tools/xdrgen --show-bin-path)/xdrgen" "$@"
}

# Options go to the compiler: --check writes nothing and fails where files are stale.
# Services are async and have a module of their own: the controller and the CLI do without the concurrency runtime.
dev_generate() {
  dev_xdrgen generate --namespace Wire --no-services --output Sources/WireProtocol/Generated "$@" protocol/*.x &&
    dev_xdrgen generate --namespace Wire --services-above WireProtocol --output Sources/WireServices/Generated "$@" protocol/*.x &&
    dev_xdrgen generate --namespace WireV1 --no-services --output Sources/FormerProtocol/Generated "$@" protocol/v1/*.x &&
    dev_xdrgen generate --language python --output contrib/python/lodge/__init__.py "$@" \
      protocol/rpc.x protocol/guest.x protocol/settings.x protocol/ends.x protocol/keepalive.x protocol/admin.x &&
    dev_xdrgen generate --borrowed --inline-opaque 32 --output tools/benchmarks/codec/Sources/codec "$@" \
      tools/benchmarks/codec/records.x
}
