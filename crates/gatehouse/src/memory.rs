//! Giving memory back to the system.

/// Returns what the allocator holds but does not use: after compiling, or a burst of requests, that is most of it.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "glibc has no safe interface for it")]
pub fn give_back() {
    unsafe extern "C" {
        fn malloc_trim(pad: usize) -> i32;
    }
    // SAFETY: it takes the allocator's own locks, and touches nothing that is in use.
    unsafe { malloc_trim(0) };
}

/// Other allocators do it by themselves.
#[cfg(not(target_env = "gnu"))]
pub fn give_back() {}
