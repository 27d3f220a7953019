import Guest
import Testing

@testable import CLICore

@Suite struct ExitStatusTests {
  @Test func guestsEndAsAShellWouldSeeThem() {
    let codes = Samples.causes.map(\.exitCode)
    #expect(codes == [0, 3, 137, 139, 137, 137, 137, 0, 0, 0, 0, 137, 125, 127, 125, 125, 125])
    func start(_ step: String, _ errno: Int32) -> Int32 {
      EndCause.startFailed(StartFailure(step: step, errno: errno, message: "")).exitCode
    }
    #expect(start("exec /bin/x", 13) == 126)
    #expect(start("exec /bin/x", 8) == 126)
    #expect(start("mount /proc", 2) == 125)
  }

  @Test func errorsHaveTheirCodes() {
    func status(_ code: GuestError.Code) -> Int32 { code.exitStatus.rawValue }
    #expect(status(.notFound) == 3)
    #expect(status(.alreadyExists) == 4)
    #expect(status(.wrongState) == 4)
    #expect(status(.denied) == 5)
    #expect(status(.unavailable) == 6)
    #expect(status(.timedOut) == 7)
    #expect(status(.notSupported) == 8)
    #expect(status(.invalidArgument) == 64)
    #expect(status(.startFailed) == 1)
  }

  @Test func wordsOfCodesAreUnique() {
    let words = GuestError.Code.allCases.map(\.word)
    #expect(Set(words).count == words.count)
  }

  @Test func severalTargets() {
    #expect(ExitStatus.combined([]) == .done)
    #expect(ExitStatus.combined([.notFound]) == .notFound)
    #expect(ExitStatus.combined([.notFound, .notFound]) == .notFound)
    #expect(ExitStatus.combined([.notFound, .done]) == .failed)
    #expect(ExitStatus.combined([.notFound, .conflict]) == .failed)
  }

  @Test(
    arguments: [
      (ColorChoice.auto, [:], true, true), (.auto, [:], false, false), (.auto, ["NO_COLOR": "1"], true, false),
      (.auto, ["NO_COLOR": ""], true, true), (.auto, ["CLICOLOR_FORCE": "1"], false, true),
      (.auto, ["CLICOLOR_FORCE": "0"], false, false), (.auto, ["TERM": "dumb"], true, false),
      (.always, ["NO_COLOR": "1"], false, true), (.never, ["CLICOLOR_FORCE": "1"], true, false),
      (.auto, ["NO_COLOR": "1", "CLICOLOR_FORCE": "1"], true, false),
    ] as [(ColorChoice, [String: String], Bool, Bool)])
  func colourByChoiceAndSurroundings(choice: ColorChoice, environment: [String: String], terminal: Bool, isOn: Bool) {
    #expect(Style.decide(choice: choice, environment: environment, isTerminal: terminal).isOn == isOn)
  }
}
