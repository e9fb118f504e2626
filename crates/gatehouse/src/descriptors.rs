//! File descriptors: how many this process may open, and how many of them are for connections.

/// Kept for databases, their logs, outbound requests and files.
const RESERVED: usize = 256;

/// Raises the soft limit of this process to the hard one, and returns how many of them connections may have. Systems start programs with
/// 1,024, for the sake of `select(2)`, which nothing here calls.
pub fn raise() -> usize {
    let limit = rlimit::increase_nofile_limit(u64::MAX).or_else(|error| {
        tracing::warn!("the limit of file descriptors cannot be raised: {error}");
        rlimit::getrlimit(rlimit::Resource::NOFILE).map(|(soft, _)| soft)
    });
    let limit = limit.map_or(1_024, |it| usize::try_from(it).unwrap_or(usize::MAX));
    // Where there are few, half of them.
    limit - RESERVED.min(limit / 2)
}
