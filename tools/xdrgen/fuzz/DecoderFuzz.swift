import KitchenSink
import XDR
import XDRTesting

/// The first byte chooses the type; what is accepted must be encoded again to the same bytes.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOne(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  guard count > 0 else { return 0 }
  let types = kitchenSinkTypes + growableTypes
  let type = types[Int(start[0]) % types.count]
  let bytes = Array(UnsafeBufferPointer(start: start + 1, count: count - 1))
  if let again = try? type.recode(bytes) {
    if type.canGrow {
      precondition((try? type.recode(again)) == again, "\(type.name) refuses what it sends")
    } else {
      precondition(again == bytes, "\(type.name) accepts bytes that it would not send")
    }
  }
  return 0
}
