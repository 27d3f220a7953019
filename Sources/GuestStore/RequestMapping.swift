internal import Guest
internal import GuestWire
internal import Supervision
internal import WireProtocol

// Requests as the database keeps them (`protocol/store.x`).

extension Wire.StoredRequest {
  init(_ record: RequestLedger.Record) {
    self.init(
      format: UInt32(Wire.storedFormat), digest: record.digest, guest: record.guest.value,
      at: record.at.nanoseconds, sequel: .init(record.sequel))
  }

  func restored(uid: UInt32, id: [UInt8], bootAt: BootTime?) throws -> RequestLedger.Record {
    guard format == UInt32(Wire.storedFormat) else {
      throw GuestError(.storage, "a request's record has format \(format), which is unknown")
    }
    guard let id = RequestID(id) else { throw GuestError(.storage, "the id of a request is not 16 bytes long") }
    return RequestLedger.Record(
      key: .init(uid: uid, id: id), digest: digest, guest: try GuestName(guest), sequel: .init(sequel),
      at: Timestamp(nanoseconds: at), bootAt: bootAt)
  }
}

extension Wire.StoredSequel {
  fileprivate init(_ sequel: RequestLedger.Sequel) {
    switch sequel {
    case .defined(let atNextStart): self = .defined(atNextStart)
    case .removed(let run): self = .removed(.init(run: run?.bytes))
    case .started(let run): self = .started(run.bytes)
    case .stopped(let end):
      if let end, let order = end.order {
        self = .orderedStop(.init(run: end.run.bytes, order: order))
      } else {
        self = .stopped(.init(run: end?.run.bytes))
      }
    case .restarted(let former, let number):
      if let former, let order = former.order {
        self = .orderedRestart(.init(former: .init(run: former.run.bytes, order: order), number: number))
      } else {
        self = .restarted(.init(former: former?.run.bytes, number: number))
      }
    case .signaled: self = .signaled
    }
  }
}

extension RequestLedger.Sequel {
  fileprivate init(_ wire: Wire.StoredSequel) {
    switch wire {
    case .defined(let atNextStart): self = .defined(atNextStart: atNextStart)
    case .removed(let ending): self = .removed(ending.run.flatMap { RunID($0) })
    case .started(let run): self = .started(RunID(run) ?? .zero)
    case .stopped(let ending): self = .stopped(.init(ending.run, order: nil))
    case .restarted(let restarting):
      self = .restarted(former: .init(restarting.former, order: nil), number: restarting.number)
    case .orderedStop(let stop): self = .stopped(.init(stop.run, order: stop.order))
    case .orderedRestart(let restart):
      self = .restarted(former: .init(restart.former.run, order: restart.former.order), number: restart.number)
    case .signaled: self = .signaled
    }
  }
}

extension RequestLedger.OrderedEnd {
  fileprivate init?(_ run: [UInt8]?, order: UInt32?) {
    guard let run = run.flatMap({ RunID($0) }) else { return nil }
    self.init(run: run, order: order)
  }
}
