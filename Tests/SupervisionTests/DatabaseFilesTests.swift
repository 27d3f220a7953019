import Supervision
import Testing

@Suite struct DatabaseFilesTests {
  private typealias Part = DatabaseFiles.Part
  private typealias Look = DatabaseFiles.Look

  private static func look(_ inode: UInt64, size: Int64 = 1, at time: Int64 = 1) -> Look {
    Look(.init(device: 1, inode: inode), size: size, modified: time, changed: time)
  }

  private static func open() -> DatabaseFiles {
    var files = DatabaseFiles()
    files.opened([.database: look(1).identity, .log: look(2).identity])
    files.leave([.database: look(1), .log: look(2)])
    return files
  }

  @Test func ourOwnWritesAreNoNews() {
    var files = Self.open()
    #expect(files.finding([.database: Self.look(1), .log: Self.look(2)]) == .asLeft)
    files.leave([.database: Self.look(1, size: 5, at: 9), .log: Self.look(2, at: 9)])
    #expect(files.finding([.database: Self.look(1, size: 5, at: 9), .log: Self.look(2, at: 9)]) == .asLeft)
  }

  @Test func beforeTheFirstWriteNothingIsCompared() {
    #expect(DatabaseFiles().finding([.database: Self.look(1)]) == .asLeft)
  }

  @Test(arguments: DatabaseFiles.Part.allCases) func anotherWriterIsFound(_ part: DatabaseFiles.Part) {
    let files = Self.open()
    for other in [Self.look(0, size: 2), Self.look(0, at: 2)] {
      var now: [Part: Look] = [.database: Self.look(1), .log: Self.look(2)]
      now[part] = Look(now[part]!.identity, size: other.size, modified: other.modified, changed: other.changed)
      #expect(files.finding(now) == .touched)
    }
  }

  /// With and without a write of ours that ends after it.
  @Test(arguments: DatabaseFiles.Part.allCases, [false, true])
  func aFileThatIsNotOursIsNeverTakenOver(_ part: DatabaseFiles.Part, writing: Bool) {
    for stranger in [nil, Self.look(7), Look(.init(device: 2, inode: 1), size: 1, modified: 1, changed: 1)] {
      var files = Self.open()
      var now: [Part: Look] = [.database: Self.look(1), .log: Self.look(2)]
      now[part] = stranger
      if writing { files.leave(now) }
      #expect(files.finding(now) == .replaced)
    }
  }

  @Test func whatIsOpenStaysOpen() {
    var files = DatabaseFiles()
    #expect(files.unknown == Part.allCases)
    files.opened([.database: Self.look(1).identity])
    #expect(files.unknown == [.log])
    files.opened([.database: Self.look(7).identity, .log: Self.look(2).identity])
    files.leave([.database: Self.look(7), .log: Self.look(2)])
    #expect(files.finding([.database: Self.look(7), .log: Self.look(2)]) == .replaced)
  }
}
