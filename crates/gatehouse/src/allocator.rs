//! The global allocator.

/// Values that cross a component's boundary are many and small, and are freed on another thread than they were made on: glibc's
/// allocator took a seventh of the throughput, and gave memory back only when asked.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
