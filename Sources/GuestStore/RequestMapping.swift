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
    case .stopped(let run): self = .stopped(.init(run: run?.bytes))
    case .restarted(let former, let number): self = .restarted(.init(former: former?.bytes, number: number))
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
    case .stopped(let ending): self = .stopped(ending.run.flatMap { RunID($0) })
    case .restarted(let restarting):
      self = .restarted(former: restarting.former.flatMap { RunID($0) }, number: restarting.number)
    case .signaled: self = .signaled
    }
  }
}
