import CLICore
import Glibc
import LinuxSystem

StandardStreams.open(.nothing)
exit(LodgeProgram.run(Array(CommandLine.arguments.dropFirst())))
