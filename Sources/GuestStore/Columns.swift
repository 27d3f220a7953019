internal import Foundation
internal import GRDB

// A row is foreign bytes: SQLite keeps any type in any column, and a disk or a stranger any number. GRDB's subscripts trap on
// what does not fit, so columns of rows are read here only.

/// A value that is not what its column is for.
struct ColumnFault: Error, CustomStringConvertible {
  let column: String

  var description: String { "column \(column) has a value of another kind" }
}

extension Row {
  func value<Value: DatabaseValueConvertible>(_ column: String) throws -> Value {
    guard let value = try optional(column) as Value? else { throw ColumnFault(column: column) }
    return value
  }

  /// Nil for NULL.
  func optional<Value: DatabaseValueConvertible>(_ column: String) throws -> Value? {
    let found: DatabaseValue = self[column]
    if found.isNull { return nil }
    guard let value = Value.fromDatabaseValue(found) else { throw ColumnFault(column: column) }
    return value
  }

  /// A number in the bounds of its type.
  func number<Number: FixedWidthInteger>(_ column: String) throws -> Number {
    guard let number = Number(exactly: try value(column) as Int64) else { throw ColumnFault(column: column) }
    return number
  }

  /// Of a BLOB.
  func bytes(_ column: String) throws -> [UInt8] { Array(try value(column) as Data) }
}
