//! The systemd unit.

use std::process::Command;

use gatehouse_tests::tools::output;

use super::{assert_command_line, path, replaced, text};

fn has_systemd_analyze() -> bool {
    let there = Command::new("systemd-analyze").arg("--version").output().is_ok_and(|output| output.status.success());
    if !there {
        eprintln!("skipped: this test needs systemd-analyze");
    }
    there
}

/// The values of a directive.
fn directive<'a>(unit: &'a str, name: &str) -> Vec<&'a str> {
    unit.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('=')).collect()
}

#[test]
fn the_units_exposure_is_at_most_2() {
    if !has_systemd_analyze() {
        return;
    }
    let unit = path("systemd/gatehouse.service");
    let report = output(Command::new("systemd-analyze").args(["security", "--no-pager", "--offline=yes"]).arg(unit));
    let level = report.lines().find_map(|line| line.split_once("Overall exposure level for gatehouse.service:")).expect("a level").1;
    let level: f64 = level.split_whitespace().next().unwrap().parse().unwrap();
    assert!(level <= 2.0, "{report}");
}

#[test]
fn the_unit_has_no_directive_that_systemd_does_not_know() {
    if !has_systemd_analyze() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let unit = directory.path().join("gatehouse.service");
    // The program itself has to be there.
    std::fs::write(&unit, replaced(&text("systemd/gatehouse.service"), "ExecStart=/opt/gatehouse/gatehouse ", "ExecStart=/bin/true "))
        .unwrap();
    let checked = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    let about_it: Vec<_> = said.lines().filter(|line| line.contains("gatehouse.service")).collect();
    assert!(checked.status.success() && about_it.is_empty(), "{said}");
}

#[test]
fn the_unit_starts_the_program_within_limits_and_as_nobody_else_reads() {
    let unit = text("systemd/gatehouse.service");
    let [command] = directive(&unit, "ExecStart")[..] else { panic!("one command") };
    assert_command_line(&command.split_whitespace().collect::<Vec<_>>());
    assert!(command.contains(" --state-dir /var/lib/gatehouse ") && directive(&unit, "StateDirectory") == ["gatehouse"]);
    assert_eq!((directive(&unit, "UMask"), directive(&unit, "StateDirectoryMode")), (vec!["0077"], vec!["0700"]));
    let descriptors: u32 = directive(&unit, "LimitNOFILE")[0].parse().unwrap();
    assert!(descriptors >= 16_384);
    assert_eq!(directive(&unit, "MemoryMax").len(), 1);
    // Longer than the program takes to finish what is under way.
    let stop: u32 = directive(&unit, "TimeoutStopSec")[0].parse().unwrap();
    assert!(stop > 10);
}
