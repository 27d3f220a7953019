import Guest
import SpecFile

/// The words that may stand next on a command line: asked by the scripts that shells load, each time the key is pressed.
///
/// The scripts know nothing of verbs, so they are as new as the program, and aliases and guests are completed alike in
/// every shell.
enum Completion {
  struct Candidate: Equatable {
    var word: String
    var meaning = ""
  }

  enum Answer: Equatable {
    case words([Candidate])
    /// Names of guests, to be asked of the daemon.
    case guests
    case hooks
    /// Paths, which the shell itself completes.
    case files
    case folders
  }

  /// - Parameter words: what stands after `lodge`, the last one begun or empty.
  static func answer(_ words: [String]) -> Answer {
    let current = words.last ?? ""
    let before = Array(words.dropLast())
    guard !before.contains("--") else { return .files }
    let line = CommandLineWords(before)
    guard let first = line.words.first else {
      return current.hasPrefix("-") ? .words(commonOptions) : .words(verbs)
    }
    let family = VerbTable.all.filter { $0.page.words.count == 2 && $0.page.words[0] == first }
    if !family.isEmpty, line.words.count == 1, !current.hasPrefix("-") {
      return .words(family.map { Candidate(word: $0.page.words[1], meaning: $0.page.abstract) })
    }
    guard let (verb, taken) = try? VerbTable.find(line.words), let info = try? ToolInfo(verb) else { return .words([]) }
    return answer(verb, info, before, current, wordsGiven: line.words.count - taken)
  }

  private static func answer(
    _ verb: any Verb.Type, _ info: ToolInfo, _ before: [String], _ current: String, wordsGiven: Int
  ) -> Answer {
    if let option = info.arguments.first(where: { !$0.isFlag && $0.names.contains(before.last ?? "") }) {
      return answer(option)
    }
    if current.hasPrefix("-") {
      let shown = info.arguments.filter { $0.isShown && !$0.isPositional }
      let left = shown.filter { $0.isRepeating || !$0.names.contains(where: before.contains) }
      var words = left.flatMap { option in
        option.names.map { Candidate(word: $0, meaning: option.abstract) }
      }
      if verb.takesReadOnlySocket { words.append(Candidate(word: "--read-only", meaning: "Use the read-only socket")) }
      return .words(words + [Candidate(word: "--help", meaning: "Explain the verb")])
    }
    let places = info.arguments.filter { $0.isPositional && !$0.isPostTerminator }
    guard let place = places.first(where: { $0.isRepeating }) ?? places.dropFirst(wordsGiven).first else {
      return .words([])
    }
    if verb == HelpVerb.self { return .words(verbs + HelpText.topics.keys.sorted().map { Candidate(word: $0) }) }
    return answer(place)
  }

  private static func answer(_ argument: ToolInfo.Argument) -> Answer {
    switch argument.completion {
    case .guests: .guests
    case .hooks: .hooks
    case .files: .files
    case .folders: .folders
    case .none: .words(argument.values.map { Candidate(word: $0) })
    }
  }

  private static var verbs: [Candidate] {
    var words: [Candidate] = []
    for verb in VerbTable.all {
      let page = verb.page
      if page.words.count == 1 {
        words += ([page.words[0]] + page.aliases).map { Candidate(word: $0, meaning: page.abstract) }
      } else if !words.contains(where: { $0.word == page.words[0] }) {
        words.append(Candidate(word: page.words[0], meaning: VerbTable.families[page.words[0]] ?? ""))
      }
    }
    return words
  }

  private static var commonOptions: [Candidate] {
    guard let info = try? ToolInfo(VersionVerb.self) else { return [] }
    return info.arguments.filter { $0.isShown && !$0.isPositional }.flatMap { option in
      option.names.map { Candidate(word: $0, meaning: option.abstract) }
    } + [Candidate(word: "--read-only", meaning: "Use the read-only socket"), Candidate(word: "--help")]
  }

  /// One candidate a line: the word, a tab, what it means. `:file` and `:folder` leave it to the shell.
  static func lines(_ answer: Answer, current: String, guests: () -> [String], hooks: () -> [String]) -> [String] {
    let candidates: [Candidate]
    switch answer {
    case .words(let words): candidates = words
    case .guests: candidates = guests().map { Candidate(word: $0) }
    case .hooks: candidates = hooks().map { Candidate(word: $0) }
    case .files: return [":file"]
    case .folders: return [":folder"]
    }
    return candidates.filter { $0.word.hasPrefix(current) }.map { candidate in
      candidate.meaning.isEmpty ? candidate.word : "\(candidate.word)\t\(candidate.meaning)"
    }
  }

  /// The script of a shell; nil for one that there is none for.
  static func script(shell: String) -> String? {
    switch shell {
    case "bash":
      """
      # bash completion of lodge; it asks the program itself
      _lodge() {
        local word _
        COMPREPLY=()
        while IFS=$'\\t' read -r word _; do
          case $word in
            :file) mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}") ;;
            :folder) mapfile -t COMPREPLY < <(compgen -d -- "${COMP_WORDS[COMP_CWORD]}") ;;
            *) COMPREPLY+=("$word") ;;
          esac
        done < <(lodge --complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
      }
      complete -F _lodge lodge

      """
    case "zsh":
      """
      #compdef lodge
      # zsh completion of lodge; it asks the program itself
      _lodge() {
        local -a found
        local word meaning
        while IFS=$'\\t' read -r word meaning; do
          case $word in
            :file) _files ;;
            :folder) _files -/ ;;
            *) found+=("${word//:/\\\\:}${meaning:+:$meaning}") ;;
          esac
        done < <(lodge --complete "${(@)words[2,CURRENT]}" 2>/dev/null)
        (( $#found )) && _describe lodge found
      }
      if [[ ${funcstack[1]} == _lodge ]]; then _lodge "$@"; else compdef _lodge lodge; fi

      """
    case "fish":
      """
      # fish completion of lodge; it asks the program itself
      function __lodge_complete
          set -l words (commandline -opc)
          for line in (lodge --complete $words[2..-1] (commandline -ct) 2>/dev/null)
              switch $line
                  case :file :folder
                      __fish_complete_path (commandline -ct)
                  case '*'
                      echo $line
              end
          end
      end
      complete -c lodge -f -a '(__lodge_complete)'

      """
    default: nil
    }
  }
}
