//! How many connections and streams there may be.

/// The most connections unless an option says otherwise: an idle one holds about 16 KiB.
pub const DEFAULT_CONNECTIONS: usize = 4_096;

/// How many connections and streams of events are wanted.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// The most connections.
    pub connections: usize,
    /// The most of one address; a quarter of all unless set.
    pub connections_per_address: Option<usize>,
    /// The most streams; half as many as connections unless set.
    pub streams: Option<usize>,
    /// The most of one client's address; half as many as connections of one unless set.
    pub streams_per_address: Option<usize>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { connections: DEFAULT_CONNECTIONS, connections_per_address: None, streams: None, streams_per_address: None }
    }
}

/// How many connections and streams there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections in all.
    pub connections: usize,
    /// Connections of one address; of IPv6, of one /64. Of a trusted proxy's there may be as many as in all.
    pub connections_per_address: usize,
    /// Streams in all.
    pub streams: usize,
    /// Streams of one client's address; of IPv6, of one /64.
    pub streams_per_address: usize,
}

impl Limits {
    /// With so many file descriptors. Unless it is wanted so, one address fills neither all connections nor, with streams, all of its own.
    pub fn new(wanted: &Wanted, descriptors: usize) -> Self {
        let connections = wanted.connections.min(descriptors).max(1);
        let connections_per_address = wanted.connections_per_address.unwrap_or(connections / 4).clamp(1, connections);
        let streams = wanted.streams.unwrap_or(connections / 2).clamp(1, connections);
        let streams_per_address = wanted.streams_per_address.unwrap_or(connections_per_address / 2).clamp(1, streams);
        Self { connections, connections_per_address, streams, streams_per_address }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(wanted: &Wanted, descriptors: usize) -> [usize; 4] {
        let limits = Limits::new(wanted, descriptors);
        [limits.connections, limits.connections_per_address, limits.streams, limits.streams_per_address]
    }

    #[test]
    fn a_few_addresses_do_not_fill_everything_and_options_allow_more() {
        assert_eq!(limits(&Wanted::default(), 100_000), [4_096, 1_024, 2_048, 512]);
        assert_eq!(limits(&Wanted::default(), 768), [768, 192, 384, 96]);
        assert_eq!(limits(&Wanted::default(), 1), [1, 1, 1, 1]);
        let many =
            Wanted { connections: 12_000, connections_per_address: Some(12_000), streams: Some(11_000), streams_per_address: Some(11_000) };
        assert_eq!(limits(&many, 20_000), [12_000, 12_000, 11_000, 11_000]);
    }
}
