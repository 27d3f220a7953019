public import WireProtocol
public import XDR

extension ServerSession {
  // MARK: Calls in

  mutating func handleCall(_ frame: Frame) -> Event? {
    let header = frame.header
    guard header.status == .ok else {
      link.discard(frame.descriptors)
      link.close(.unexpected("a call with status \(header.status)"))
      return nil
    }
    // A serial identifies a reply, so two open calls cannot share one.
    guard !inFlight.contains(where: { $0.serial == header.serial }),
      !openStreams.contains(where: { $0.call.serial == header.serial })
    else {
      link.discard(frame.descriptors)
      link.close(.unexpected("serial \(header.serial) is used by two open calls"))
      return nil
    }
    let program = configuration.programs.first { $0.number == header.program }
    if header.procedure == 0, let program, refusal == nil {
      link.discard(frame.descriptors)
      return answerHello(frame, program)
    }
    switch admit(frame, program) {
    case .success(let procedure):
      inFlight.append((header.serial, frame.payload.count))
      return .call(
        IncomingCall(
          program: header.program, version: header.version, procedure: procedure, serial: header.serial,
          args: frame.payload, descriptors: frame.descriptors))
    case .failure(let error):
      link.discard(frame.descriptors)
      answer(header, error)
      return nil
    }
  }

  /// The procedure that may be called, or the error to answer with. Nothing of the arguments is looked at.
  private func admit(_ frame: Frame, _ program: ServedProgram?) -> Result<RPCProcedureInfo, RPCErrorBody> {
    let header = frame.header
    if let refusal { return .failure(refusal) }
    guard link.isOpen else { return .failure(RPCErrorBody(.unavailable, "the connection is being closed")) }
    guard let program else {
      return .failure(RPCErrorBody(.unknownProgram, "unknown program 0x\(String(header.program, radix: 16))"))
    }
    guard header.version == program.version else {
      return .failure(
        RPCErrorBody(
          .unknownProgram, "program \(program.name): version \(header.version) is not served, \(program.version) is",
          hint: "use programs of one release on both sides"))
    }
    guard let procedure = program.procedure(header.procedure) else {
      return .failure(
        RPCErrorBody(
          .notSupported, "program \(program.name): unknown procedure: \(header.procedure)",
          hint: "the server is older than the client"))
    }
    if let refusal = admission.refusal(of: procedure) { return .failure(refusal) }
    guard frame.descriptorCount == frame.descriptors.count else {
      return .failure(RPCErrorBody(.notSupported, "\(procedure.name): takes no file descriptors"))
    }
    return .success(procedure)
  }

  /// Procedure 0, in any version of a program: how else would a client find out which one to speak.
  private mutating func answerHello(_ frame: Frame, _ program: ServedProgram) -> Event? {
    let args: Wire.HelloArgs
    do throws(XDRError) {
      args = try Wire.HelloArgs(xdr: frame.payload)
    } catch {
      answer(frame.header, RPCErrorBody(.invalidArgument, "program \(program.name): hello: argument \(error)"))
      return nil
    }
    let reply = Wire.HelloReply(
      server: configuration.serverName.prefixFitting(128), versions: [program.version],
      features: program.features + ["right.\(admission.right)"])
    do throws(XDRError) {
      var header = frame.header
      header.type = .reply
      header.length = UInt32(clamping: FrameHeader.size + reply.xdrSize)
      enqueue(try encodeFrame(header, reply))
      answeredCalls += 1
    } catch {
      answer(frame.header, RPCErrorBody(.internal, "program \(program.name): hello: \(error)"))
    }
    return .hello(client: args.client)
  }

  private mutating func answer(_ header: FrameHeader, _ error: RPCErrorBody) {
    let error = error.sendable()
    let reply = FrameHeader(
      payload: error.xdrSize, program: header.program, version: header.version, procedure: header.procedure,
      type: .reply, serial: header.serial, status: .error)
    // An error that was made sendable breaks no bound.
    if let bytes = try? encodeFrame(reply, error) { enqueue(bytes) }
    answeredCalls += 1
  }

  // MARK: Replies out

  /// Answers a call. A result that breaks a bound of its `.x` or does not fit a frame becomes an error.
  public mutating func reply<Procedure: RPCProcedure>(
    to call: IncomingCall, _ procedure: Procedure.Type, _ result: Procedure.Reply
  ) {
    guard isOpen(call) else { return }
    let size = result.xdrSize
    guard FrameHeader.size + size <= configuration.frameMax else { return fail(call, tooLong(call, size)) }
    do throws(XDRError) {
      let frame = try encodeFrame(call.replyHeader(payload: size), result)
      finish(call)
      enqueue(frame)
    } catch {
      fail(call, RPCErrorBody(.internal, "\(call.procedure.name): reply \(error)"))
    }
  }

  /// Answers a call with a result that is encoded already.
  public mutating func reply(to call: IncomingCall, encoded result: [UInt8]) {
    guard isOpen(call) else { return }
    guard FrameHeader.size + result.count <= configuration.frameMax else {
      return fail(call, tooLong(call, result.count))
    }
    finish(call)
    enqueue(encodeFrame(call.replyHeader(payload: result.count), payload: result))
  }

  /// Answers a call with a result and descriptors, at most 32. The driver sends them and the caller keeps them open
  /// until then.
  public mutating func reply<Procedure: RPCProcedure>(
    to call: IncomingCall, _ procedure: Procedure.Type, _ result: Procedure.Reply, descriptors: [Int32]
  ) {
    precondition(descriptors.count <= RPCLimits.descriptorsMax, "more descriptors than a message may carry")
    guard isOpen(call) else { return }
    do throws(XDRError) {
      let header = call.replyHeader(payload: result.xdrSize, type: .replyWithDescriptors)
      let frame = try encodeFrame(header, descriptors: descriptors.count, result)
      finish(call)
      enqueue(frame, descriptors: descriptors)
    } catch {
      fail(call, RPCErrorBody(.internal, "\(call.procedure.name): reply \(error)"))
    }
  }

  /// Answers a call with an error.
  public mutating func fail(_ call: IncomingCall, _ error: RPCErrorBody) {
    guard isOpen(call) else { return }
    finish(call)
    let error = error.sendable()
    if let frame = try? encodeFrame(call.replyHeader(payload: error.xdrSize, status: .error), error) {
      enqueue(frame)
    }
  }

  /// Whether a call waits for its reply: not after a reply, nor once the connection has ended.
  public func isOpen(_ call: IncomingCall) -> Bool {
    !link.isClosed && inFlight.contains { $0.serial == call.serial }
  }

  mutating func finish(_ call: IncomingCall) {
    guard let index = inFlight.firstIndex(where: { $0.serial == call.serial }) else { return }
    inFlight.swapAt(index, inFlight.count - 1)
    inFlight.removeLast()
    answeredCalls += 1
  }

  private func tooLong(_ call: IncomingCall, _ size: Int) -> RPCErrorBody {
    RPCErrorBody(
      .limitReached,
      "\(call.procedure.name): the result of \(size) bytes does not fit a message of \(configuration.frameMax)")
  }
}
