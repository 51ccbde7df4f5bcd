internal import Glibc

/// Files that the system writes of a process that crashes, with all that is in its memory.
package enum CoreDumps {
    /// Has none written of this process from now on; what cannot be forbidden is left as it is.
    package static func forbid() {
        var limit = rlimit(rlim_cur: 0, rlim_max: 0)
        _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
    }
}
