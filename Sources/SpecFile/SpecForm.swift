import Guest

/// A guest spec as a file lays it out: mounts of memory have a list of their own.
struct SpecForm: Sendable, Hashable {
  /// Its mounts are kept in step with `mounts` and `tmpfs`.
  var spec: GuestSpec
  var mounts: [MountForm] = [] { didSet { joinMounts() } }
  var tmpfs: [TmpfsForm] = [] { didSet { joinMounts() } }

  init(_ spec: GuestSpec) {
    self.spec = spec
    let forms = spec.mounts.map(MountForm.init)
    // The short list comes after the long one, so only the tail of the spec's mounts can go there.
    let tail = forms.reversed().prefix { $0.isTmpfs && !$0.readOnly }.count
    mounts = Array(forms.dropLast(tail))
    tmpfs = forms.suffix(tail).map { TmpfsForm(target: $0.target, size: $0.size) }
  }

  private mutating func joinMounts() {
    spec.mounts =
      mounts.map(\.spec) + tmpfs.map { MountSpec(.tmpfs(bytes: $0.size), at: $0.target) }
  }

  /// The name in the file of a key as `GuestSpec.problems` names it.
  func fileKey(_ key: String) -> String {
    guard key.hasPrefix("mounts["), let end = key.firstIndex(of: "]"),
      let index = Int(key.dropFirst("mounts[".count).prefix { $0 != "]" }), index >= mounts.count
    else { return key }
    return "tmpfs[\(index - mounts.count)]" + key[key.index(after: end)...]
  }
}

/// One element of `mounts`.
struct MountForm: Sendable, Hashable {
  var isTmpfs = false
  var source: String?
  var target = ""
  var readOnly = false
  var size: UInt64?

  init() {}

  init(_ mount: MountSpec) {
    switch mount.source {
    case .bind(let path): source = path
    case .tmpfs(let options): (isTmpfs, size) = (true, options.bytes)
    }
    target = mount.target
    readOnly = mount.readOnly
  }

  /// A bind mount without a source keeps an empty one, which the rules of a spec refuse.
  var spec: MountSpec {
    MountSpec(isTmpfs ? .tmpfs(bytes: size) : .bind(source ?? ""), at: target, readOnly: readOnly)
  }
}

/// One element of `tmpfs`.
struct TmpfsForm: Sendable, Hashable {
  var target = ""
  var size: UInt64?
}
