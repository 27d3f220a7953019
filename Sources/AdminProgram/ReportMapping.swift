import Guest
import GuestWire
public import Operations
public import RPC
import WireProtocol
import XDR

// Reports become messages here.

extension EventPlace {
  init(_ wire: Wire.EventSince) {
    switch wire {
    case .now: self = .now
    case .sequence(let sequence): self = .sequence(sequence)
    case .time(let nanoseconds): self = .time(Timestamp(nanoseconds: nanoseconds))
    case .boot: self = .boot
    }
  }
}

extension EventDelivery {
  /// The message to a subscription of the admin program.
  ///
  /// - Throws: where something is beyond a bound of admin.x, which is a fault of the daemon.
  public func frame(for subscription: UInt32) throws -> EncodedFrame {
    switch self {
    case .guests(let guests, let sequence, let isLast):
      return try .event(
        Admin.EventSnapshot.self,
        .init(subscription: subscription, sequence: sequence, guests: guests.map { .init($0) }, more: !isLast))
    case .row(let encoded):
      // `event_message` is the number of the subscription, then the row as it is stored.
      var payload = XDRWriter(capacity: 4 + encoded.count)
      payload.writeUInt32(subscription)
      payload.writeRaw(encoded)
      return .event(Admin.Event.self, payload: payload.finish())
    case .gap(let range):
      return try .event(
        Admin.EventGap.self, .init(subscription: subscription, from: range.lowerBound, to: range.upperBound))
    case .tick(let newest, let time):
      return try .event(
        Admin.EventTick.self, .init(subscription: subscription, newest: newest, time: time.nanoseconds))
    }
  }
}

extension Wire.GuestSummary {
  init(_ guest: GuestSummary) {
    self.init(
      name: guest.name.value, state: .init(guest.state), runs: guest.runs, restarts: guest.restarts,
      run: guest.run?.bytes, startedAt: guest.launched?.at.nanoseconds ?? 0, upNanos: guest.launched?.upNanos ?? 0,
      initPid: guest.launched?.initPID ?? 0, last: guest.last.map { .init($0) },
      restartAt: guest.pending?.at.nanoseconds ?? 0, restartInMillis: guest.pending?.inMillis ?? 0,
      restartAttempt: guest.pending?.attempt ?? 0, restartLimit: guest.pending?.limit ?? 0,
      autostart: guest.autostart, degraded: guest.isDegraded, stuckTasks: guest.stuckTasks, note: guest.note,
      labels: guest.labels.map { .init($0) })
  }
}

extension Wire.GuestEndedReply {
  init(_ result: (guest: GuestSummary, ended: RunRecord?)) {
    self.init(guest: .init(result.guest), ended: result.ended.map { .init($0) })
  }
}

extension Wire.GuestDetails {
  init(_ guest: GuestReport) {
    self.init(
      summary: .init(guest.summary), defined: .init(guest.defined), running: guest.running.map { .init($0) },
      createdAt: guest.createdAt.nanoseconds, runDirectory: guest.runDirectory, logPath: guest.logPath,
      cgroup: guest.cgroup, usage: guest.usage.measures)
  }
}

extension Wire.HookStatus {
  init(_ hook: HookReport) {
    self.init(
      spec: .init(hook.hook), position: hook.position, runs: hook.runs, failures: hook.failures,
      lastError: hook.lastError)
  }
}

extension Wire.HostInfoReply {
  init(_ host: HostAbilities) {
    self.init(
      hostname: String(host.hostname.prefix(64)), kernel: host.kernel, architecture: host.architecture,
      cpus: host.cpus, memoryBytes: host.memoryBytes, boot: host.boot.bytes, cgroupMode: host.cgroupMode,
      features: host.features.prefix(64).map {
        .init(name: $0.name, available: $0.isAvailable, reason: $0.reason)
      })
  }
}

extension Wire.DaemonStatusReply {
  init(_ status: DaemonStatus) {
    self.init(
      version: status.version, pid: status.pid, startedAt: status.startedAt.nanoseconds, root: status.root,
      database: status.database, storage: status.storageFault, guests: UInt32(clamping: status.guests),
      running: UInt32(clamping: status.running), connections: UInt32(clamping: status.connections),
      subscriptions: UInt32(clamping: status.subscriptions), journalOldest: status.journalOldest,
      journalNewest: status.journalNewest, journalBytes: status.journalBytes, logLevel: status.logLevel)
  }
}

extension Wire.ClientInfo {
  init(_ client: ClientReport) {
    self.init(
      id: client.id, uid: client.uid, pid: client.pid, name: client.name, readOnly: client.isReadOnly,
      since: client.since.nanoseconds, calls: client.calls, bytesIn: client.bytesIn, bytesOut: client.bytesOut,
      queuedBytes: UInt64(clamping: client.queuedBytes), subscriptions: UInt32(clamping: client.subscriptions))
  }
}

extension Wire.DaemonLimit {
  init(_ limit: LimitReport) {
    self.init(name: limit.name, value: limit.value, used: limit.used, meaning: limit.meaning)
  }
}
