# bench: the figures of docs/benchmarks.md.

dev_bench() {
  need_root bench
  need_packages gcc libc6-dev busybox-static util-linux rpcsvc-proto libtirpc-dev
  need_build
  # The codec needs no daemon.
  [ "$*" = codec ] || build_release
  tools/benchmarks/run "$@"
}
