/// The one place where the version stands.
public enum LodgeVersion {
  public static let current = "0.2.0"
}
