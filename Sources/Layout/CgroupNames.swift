/// Names of groups below an instance's parent group, the same in every hierarchy: `<parent>/controllers` for its
/// controllers, `<parent>/guests/<run>/init` for its guests.
public enum CgroupNames {
  public static let guests = "guests"
  public static let controllers = "controllers"
  /// The guest's own group, below the one that has its limits.
  public static let own = "init"
  /// The extended attribute of a run's group that holds the run's id, 16 bytes.
  public static let runAttribute = "trusted.lodge.run"

  /// The group of a run.
  ///
  /// - Parameter id: the first eight digits of the run's id.
  public static func run(_ guest: String, _ id: String) -> String { guest + "." + id }
}
