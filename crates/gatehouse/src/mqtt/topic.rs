//! Topics, and the filters that they match.

/// Whether a topic matches a filter (MQTT 5.0 §4.7): `+` stands for one level, `#` for all further ones, neither for a first level with `$`.
pub fn matches(filter: &str, topic: &str) -> bool {
    let filter = filter.strip_prefix("$share/").and_then(|shared| shared.split_once('/')).map_or(filter, |(_, filter)| filter);
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = topic.split('/');
    for wanted in filter.split('/') {
        match (wanted, levels.next()) {
            ("#", _) => return true,
            ("+", Some(_)) => {}
            (wanted, Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

/// What messages are handled one after another: those whose topics differ in nothing but the last level are of one thing, and what it says last is
/// to be heard last.
pub fn lane(topic: &str) -> &str {
    topic.rsplit_once('/').map_or(topic, |(lane, _)| lane)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_stand_for_levels() {
        for (filter, topic, is_match) in [
            ("gatehouse/+/telemetry", "gatehouse/a/telemetry", true),
            ("gatehouse/+/telemetry", "gatehouse/a/b/telemetry", false),
            ("gatehouse/+/telemetry", "gatehouse/a/status", false),
            ("gatehouse/+/telemetry", "gatehouse/a/telemetry/x", false),
            ("gatehouse/+/telemetry", "gatehouse/a", false),
            ("$share/group/gatehouse/+/telemetry", "gatehouse/a/telemetry", true),
            ("gatehouse/#", "gatehouse/a/telemetry", true),
            ("gatehouse/#", "gatehouse", true),
            ("gatehouse/#", "other/a", false),
            ("#", "a", true),
            ("#", "$SYS/broker", false),
            ("+/broker", "$SYS/broker", false),
            ("+", "", true),
            ("a", "a", true),
            ("a", "a/", false),
        ] {
            assert_eq!(matches(filter, topic), is_match, "{filter} {topic}");
        }
    }

    #[test]
    fn what_one_device_says_is_one_lane() {
        assert_eq!(lane("gatehouse/a/telemetry"), lane("gatehouse/a/status"));
        assert_ne!(lane("gatehouse/a/telemetry"), lane("gatehouse/b/telemetry"));
        assert_eq!(lane("alone"), "alone");
    }
}
