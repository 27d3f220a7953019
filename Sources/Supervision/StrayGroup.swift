/// The cgroup of a run that no guest has, and what is done about it.
///
/// A database that does not know a run is no evidence against it: the folders of the run's guest may have been put aside, or
/// their mount may be missing. A run whose controller lives is supervised, so it is left alone. A controller never dies
/// alone, because the kernel kills its guest with it; so processes without one are what is left of a run.
public struct StrayGroup: Sendable, Hashable {
  /// A controller that lives.
  public struct Controller: Sendable, Hashable {
    public var pid: Int32
    /// The run directory whose lock it holds, by the path that leads there now; nil where none does.
    public var runDirectory: String?

    public init(pid: Int32, runDirectory: String?) {
      self.pid = pid
      self.runDirectory = runDirectory
    }
  }

  public enum Verdict: Sendable, Hashable {
    /// Nothing lives in it: a leak.
    case remove
    /// It is what is left of a run: it is killed and removed.
    case end
    /// It is a guest that is looked after.
    case leave(Controller)
  }

  /// guest.run
  public var name: String
  public var isPopulated: Bool
  /// The parent of a process in it.
  public var controller: Controller?

  public init(name: String, isPopulated: Bool, controller: Controller?) {
    self.name = name
    self.isPopulated = isPopulated
    self.controller = controller
  }

  public var verdict: Verdict {
    guard isPopulated else { return .remove }
    return controller.map(Verdict.leave) ?? .end
  }

  private var guest: Substring { name.lastIndex(of: ".").map { name[..<$0] } ?? name[...] }

  /// The one sentence about those that are left alone, with the next step; nil where there are none.
  public static func notice(of strays: [StrayGroup]) -> String? {
    let left = strays.filter { stray in
      switch stray.verdict {
      case .leave: true
      case .remove, .end: false
      }
    }
    guard !left.isEmpty else { return nil }
    let named = left.prefix(mostNamed).map { stray in
      var text = "\(stray.guest)"
      guard let controller = stray.controller else { return text }
      text += " (controller \(controller.pid)"
      if let path = controller.runDirectory, path.utf8.count <= longestPath { text += ", run directory \(path)" }
      return text + ")"
    }
    let more = left.count - named.count
    return "the database does not know guests that run, and they are left alone: "
      + named.joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
      + "; put back the folders that they were started from and restart lodged, or kill a controller to end its guest"
  }

  private static let mostNamed = 5
  /// In bytes: the notice has to fit into one text of the protocol (TEXT_MAX).
  private static let longestPath = 200
}
