public import Guest

/// A guest spec as a file lays it out: mounts of memory have a list of their own.
public struct SpecForm: Sendable, Hashable {
  /// Its mounts are kept in step with `mounts` and `tmpfs`.
  public internal(set) var spec: GuestSpec
  var mounts: [MountForm] = [] { didSet { joinMounts() } }
  var tmpfs: [TmpfsForm] = [] { didSet { joinMounts() } }

  public init(_ spec: GuestSpec) {
    self.spec = spec
    let forms = spec.mounts.map(MountForm.init)
    // The short list comes after the long one, so only the tail of the spec's mounts can go there.
    let tail = forms.reversed().prefix { $0.isTmpfs && !$0.readOnly }.count
    mounts = Array(forms.dropLast(tail))
    tmpfs = forms.suffix(tail).map { TmpfsForm(target: $0.target, options: $0.options) }
  }

  private mutating func joinMounts() {
    spec.mounts = mounts.map(\.spec) + tmpfs.map { MountSpec(.tmpfs($0.options), at: $0.target) }
  }
}

/// An element that may be a memory file system.
protocol TmpfsHolder: Sendable {
  var options: TmpfsOptions { get set }
}

/// One element of `mounts`.
struct MountForm: TmpfsHolder, Hashable {
  var isTmpfs = false
  var source: String?
  var target = ""
  var readOnly = false
  /// Of a tmpfs.
  var options = TmpfsOptions()

  init() {}

  init(_ mount: MountSpec) {
    switch mount.source {
    case .bind(let path): source = path
    case .tmpfs(let options): (isTmpfs, self.options) = (true, options)
    }
    target = mount.target
    readOnly = mount.readOnly
  }

  /// A bind mount without a source keeps an empty one, which the rules of a spec refuse.
  var spec: MountSpec {
    MountSpec(isTmpfs ? .tmpfs(options) : .bind(source ?? ""), at: target, readOnly: readOnly)
  }
}

/// One element of `tmpfs`.
struct TmpfsForm: TmpfsHolder, Hashable {
  var target = ""
  var options = TmpfsOptions()
}
