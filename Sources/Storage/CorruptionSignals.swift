internal import Glibc

/// Turns the deaths that damaged pages can cause inside LMDB into an explanation.
package enum CorruptionSignals {
    /// The exit code of a process that ended because of suspected corruption.
    package static let exitCode: Int32 = 5

    /// From now on SIGSEGV, SIGBUS and SIGABRT say "corruption suspected" and exit with 5.
    ///
    /// For processes of the command line, not for those that embed the log.
    package static func install() {
        var action = sigaction()
        unsafe action.__sigaction_handler.sa_handler = { _ in
            // Only calls that are safe in a signal handler.
            let message: StaticString = "corruption suspected: run ascolto check\n"
            unsafe _ = Glibc.write(2, message.utf8Start, message.utf8CodeUnitCount)
            _exit(CorruptionSignals.exitCode)
        }
        for signal in [SIGSEGV, SIGBUS, SIGABRT] { unsafe sigaction(signal, &action, nil) }
    }
}
