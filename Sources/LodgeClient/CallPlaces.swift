import RPC

/// Decides which connection takes the next call, and when a connection has served its time.
///
/// The daemon answers `RPCLimits.callsInFlight` calls of a connection at once and reads no further. It does not learn that
/// a client has given a call up: the end of the connection is what ends such a call. So a connection with one takes no
/// new calls, and ends with the last one that somebody still waits for.
struct CallPlaces {
  /// Half of what the daemon reads, so that a short call never stands behind calls that wait for something to happen.
  static let capacity = RPCLimits.callsInFlight / 2

  /// Names a connection. Not used twice.
  typealias ID = UInt64

  private struct Place {
    var id: ID
    /// Calls that wait for their reply.
    var open = 0
    /// It takes no further calls.
    var isRetired = false
  }

  /// In the order in which they were made.
  private var places: [Place] = []
  private var lastID: ID = 0

  /// Connections that exist, or are being made.
  var count: Int { places.count }

  /// Takes a place for a call; the connection is to be made if it is new.
  mutating func take() -> (id: ID, isNew: Bool) {
    if let index = places.firstIndex(where: { !$0.isRetired && $0.open < Self.capacity }) {
      places[index].open += 1
      return (places[index].id, false)
    }
    lastID += 1
    places.append(Place(id: lastID, open: 1))
    return (lastID, true)
  }

  /// A call has got its reply, or was never sent.
  ///
  /// - Returns: whether its connection is to be closed. The oldest one that takes calls is kept.
  mutating func answered(_ id: ID) -> Bool { leave(id, retire: false) }

  /// A call was given up before its reply had come.
  ///
  /// - Returns: whether its connection is to be closed.
  mutating func gaveUp(_ id: ID) -> Bool { leave(id, retire: true) }

  /// A connection has ended, or could not be made.
  mutating func lost(_ id: ID) { places.removeAll { $0.id == id } }

  private mutating func leave(_ id: ID, retire: Bool) -> Bool {
    guard let index = places.firstIndex(where: { $0.id == id }) else { return false }
    places[index].open -= 1
    if retire { places[index].isRetired = true }
    let place = places[index]
    guard place.open == 0, place.isRetired || places.first(where: { !$0.isRetired })?.id != id else { return false }
    places.remove(at: index)
    return true
  }
}
