internal import Guest
internal import LinuxSystem
internal import Supervision

/// The runs of its guests as a daemon that starts finds them, and the plan of `Recovery` for them. Read from the disk once, before
/// anything is changed there.
struct RunSurvey {
  /// Since the state was stored.
  let hostBooted: Bool
  /// The ends of runs that the database does not know, because it is an old copy; their directories stay until these are
  /// stored.
  let unknownEnds: [(event: GuestEvent, directory: String)]
  let plan: Recovery.Plan

  /// - Parameter formerBoot: the boot in which the state was last stored.
  init(of book: GuestBook, formerBoot: BootID?, boot: BootID, _ controllers: Controllers, _ storage: StorageWatch) {
    let hostBooted = formerBoot != boot
    // A folder that is missing later was removed by this daemon.
    controllers.inherited = Set(
      book.all.map(\.current.lifecycle).filter { !controllers.directory($0.name).exists }.compactMap(\.run?.id))
    let unknown = controllers.recordsOnDisk.filter { name, record, _ in
      book[name]?.current.lifecycle.run?.id != record.run && storage.isUnknown(record, of: name)
    }
    let directories = Set(unknown.map(\.path))
    let surveys = book.all.map(\.current.lifecycle).sorted { $0.name < $1.name }.map { lifecycle in
      Recovery.Survey(
        lifecycle, controllers.observe(lifecycle.name, lifecycle.run?.id, hostBooted: hostBooted),
        record: controllers.record(of: lifecycle.name),
        isUnknown: directories.contains(controllers.directory(lifecycle.name).path))
    }
    self.hostBooted = hostBooted
    unknownEnds = unknown.map { name, record, path in
      (Recovery.event(ofUnknown: record, in: book[name]?.current.lifecycle.state ?? .stopped), path)
    }
    plan = Recovery.plan(surveys, now: .now, boot: boot, formerBoot: formerBoot)
  }

  /// For the journal.
  var started: GuestEvent {
    GuestEvent(.daemon, guest: nil, by: .daemon, message: hostBooted ? "started after a boot of the host" : "started")
  }
}
