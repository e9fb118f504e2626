use proptest::prelude::*;

use super::line::DEGREE_M;
use super::*;

const NOW: i64 = 1_770_201_000_000;

fn place(lat: f64, lng: f64) -> Place {
    Place { lat, lng }
}

/// About 1,112 m to the north, then as far east as 0.01 degrees are.
fn bend(is_loop: bool) -> Line {
    Line::new(vec![place(20.0, 70.0), place(20.01, 70.0), place(20.01, 70.01)], is_loop).unwrap()
}

/// Fixes on the bend's first leg: seconds before now, metres from its start.
fn fixes(points: &[(i64, f64)]) -> Vec<Fix> {
    points.iter().map(|(ago, metres)| (NOW - ago * 1000, place(20.0 + metres / DEGREE_M, 70.0))).collect()
}

#[test]
fn places_are_found_along_the_line() {
    let line = bend(false);
    assert!((line.length() - 1111.9 - 1044.8).abs() < 1.0, "{}", line.length());
    let here = line.project(place(20.005, 70.001), 0.0);
    assert!((here.along_m - 556.0).abs() < 1.0 && (here.off_m - 104.5).abs() < 1.0, "{here:?}");
    assert!(line.project(place(20.5, 70.0), 0.0).off_m > OFF_ROUTE_M);
    assert!(Line::new(vec![place(1.0, 1.0)], false).is_none());
    assert!(Line::new(vec![place(1.0, 1.0), place(1.0, 1.0)], false).is_none());
}

#[test]
fn a_way_there_and_back_is_told_apart_by_where_the_shuttle_was() {
    let line = Line::new(vec![place(20.0, 70.0), place(20.01, 70.0), place(20.0, 70.0)], false).unwrap();
    assert!((line.project(place(20.005, 70.0), 0.0).along_m - 556.0).abs() < 1.0);
    assert!((line.project(place(20.005, 70.0), 900.0).along_m - 1668.0).abs() < 1.0);
}

#[test]
fn on_the_way_back_over_the_same_street_a_shuttle_comes_from_the_far_end() {
    let line = Line::new(vec![place(20.0, 70.0), place(20.01, 70.0), place(20.0, 70.0)], true).unwrap();
    // It comes back towards the start, 5 m/s, in small steps.
    let back = fixes(&[(60, 700.0), (57, 685.0), (40, 600.0), (20, 500.0), (16, 480.0), (0, 400.0)]);
    let approach = Approach::from_fixes(&line, &back, 20.0, NOW).unwrap();
    assert!((approach.along_m - (line.length() - 400.0)).abs() < 1.0, "{approach:?}");
    assert!((approach.speed - 5.0).abs() < 0.1, "{approach:?}");
    // And goes out again.
    let out = fixes(&[(40, 100.0), (20, 200.0), (0, 300.0)]);
    assert!((Approach::from_fixes(&line, &out, 20.0, NOW).unwrap().along_m - 300.0).abs() < 1.0);
}

#[test]
fn on_a_loop_noise_is_not_a_whole_round() {
    let round = bend(true);
    let standing = fixes(&[(90, 500.0), (60, 440.0), (30, 510.0), (0, 450.0)]);
    let approach = Approach::from_fixes(&round, &standing, 36.0, NOW).unwrap();
    assert_eq!(approach.basis, Basis::TypicalSpeed, "{approach:?}");
}

#[test]
fn a_leap_is_no_ride() {
    let (here, there) = (place(20.0, 70.0), place(20.01, 70.0));
    assert!(is_plausible(here, place(20.002, 70.0), 0), "noise, and clocks that run wrong");
    assert!(!is_plausible(here, there, 1_000));
    assert!(is_plausible(here, there, 30_000) && is_plausible(here, there, -30_000), "112 km/h");
    assert!(!is_plausible(here, place(0.0, 0.0), 600_000));
    assert!(is_plausible(here, place(0.0, 0.0), 600_001) && is_plausible(here, place(-80.0, -170.0), i64::MIN));
}

#[test]
fn the_recent_speed_gives_the_arrival() {
    let line = bend(false);
    let moving = fixes(&[(60, 0.0), (30, 150.0), (0, 300.0)]);
    let approach = Approach::from_fixes(&line, &moving, 20.0, NOW).unwrap();
    assert_eq!(approach.basis, Basis::RecentSpeed);
    assert!((approach.speed - 5.0).abs() < 0.01);
    let estimate = approach.arrival(&line, 800.0, NOW).unwrap();
    assert!((estimate.distance_m - 500.0).abs() < 0.5 && (estimate.at - NOW - 100_000).abs() < 200, "{estimate:?}");
    // Passed is passed, except on a loop.
    assert_eq!(approach.arrival(&line, 100.0, NOW), None);
    let round = bend(true);
    let estimate = Approach::from_fixes(&round, &moving, 20.0, NOW).unwrap().arrival(&round, 100.0, NOW).unwrap();
    assert!((estimate.distance_m - (round.length() - 200.0)).abs() < 0.5);
}

#[test]
fn a_shuttle_that_drives_away_from_the_last_stop_does_not_come_to_it() {
    // One way to the north, its last stop at its end.
    let line = Line::new(vec![place(20.0, 70.0), place(20.01, 70.0)], false).unwrap();
    let last = line.length();
    let arrival = |fixes: &[Fix], stop_m| Approach::from_fixes(&line, fixes, 20.0, NOW).and_then(|way| way.arrival(&line, stop_m, NOW));
    assert!(arrival(&fixes(&[(60, 500.0), (30, 700.0), (0, 900.0)]), last).is_some());
    assert!(arrival(&fixes(&[(60, 900.0), (30, 1112.0), (0, 1112.0)]), last).is_some(), "it stands there");
    // Straight on, round the corner, and back on the street that it came by.
    assert_eq!(arrival(&fixes(&[(60, 900.0), (30, 1112.0), (0, 1180.0)]), last), None);
    let aside = [(NOW - 30_000, place(20.01, 70.0)), (NOW, place(20.01, 70.001))];
    assert_eq!(arrival(&aside, last), None);
    for back in [&[(60, 1112.0), (40, 1020.0), (0, 820.0)][..], &[(60, 1112.0), (50, 1090.0), (40, 1070.0), (30, 1050.0), (0, 1050.0)]] {
        assert_eq!(arrival(&fixes(back), last), None, "{back:?}");
        assert_eq!(arrival(&fixes(back), 400.0), None, "{back:?}");
    }
    // It has turned at the start and comes again; one that waits before the start has come from nowhere.
    let again = fixes(&[(250, 800.0), (200, 400.0), (150, 0.0), (60, 0.0), (30, 100.0), (0, 200.0)]);
    assert!(arrival(&again, last).is_some() && arrival(&again, 100.0).is_none());
    let before = arrival(&fixes(&[(30, -200.0), (0, -200.0)]), 0.0).unwrap();
    assert!((before.distance_m - 175.0).abs() < 1.0, "{before:?}");
    // Noise is no turn.
    assert!(arrival(&fixes(&[(60, 500.0), (40, 520.0), (20, 480.0), (0, 490.0)]), last).is_some());
}

#[test]
fn a_shuttle_that_stands_or_is_new_goes_at_the_typical_speed() {
    let line = bend(false);
    for fixes in
        [fixes(&[(0, 300.0)]), fixes(&[(60, 300.0), (0, 301.0)]), fixes(&[(5, 280.0), (0, 300.0)]), fixes(&[(60, 900.0), (0, 300.0)])]
    {
        let approach = Approach::from_fixes(&line, &fixes, 36.0, NOW).unwrap();
        assert_eq!((approach.basis, approach.speed), (Basis::TypicalSpeed, 10.0));
    }
    assert_eq!(Approach::from_fixes(&line, &fixes(&[(121, 300.0)]), 36.0, NOW), None);
    assert_eq!(Approach::from_fixes(&line, &[(NOW, place(21.0, 70.0))], 36.0, NOW), None);
    assert_eq!(Approach::from_fixes(&line, &[], 36.0, NOW), None);
}

proptest! {
    #[test]
    fn what_is_nearer_comes_first(start in 0.0..1000.0_f64, speed in 1.0..20.0_f64, a in 0.0..2000.0_f64, b in 0.0..2000.0_f64) {
        let line = bend(true);
        let approach = Approach { along_m: start, goes_back: false, at: NOW, speed, basis: Basis::RecentSpeed };
        let (near, far) = (approach.arrival(&line, a, NOW).unwrap(), approach.arrival(&line, b, NOW).unwrap());
        prop_assert_eq!(near.distance_m < far.distance_m, near.at < far.at || near.distance_m < far.distance_m);
        prop_assert!(near.at >= NOW && near.distance_m <= line.length());
    }

    #[test]
    fn no_position_panics(
        points in prop::collection::vec((-90.0..=90.0_f64, -180.0..=180.0_f64), 0..10), is_loop: bool,
        fixes in prop::collection::vec((any::<i64>(), -90.0..=90.0_f64, -180.0..=180.0_f64), 0..10), now: i64,
    ) {
        let fixes: Vec<Fix> = fixes.into_iter().map(|(at, lat, lng)| (at, place(lat, lng))).collect();
        if let Some(line) = Line::new(points.into_iter().map(|(lat, lng)| place(lat, lng)).collect(), is_loop)
            && let Some(approach) = Approach::from_fixes(&line, &fixes, 20.0, now)
        {
            approach.arrival(&line, line.length() / 2.0, now);
        }
    }

    #[test]
    fn a_point_of_the_line_lies_on_it(part in 0.0..=1.0_f64) {
        let here = bend(false).project(place(20.0 + 0.01 * part, 70.0), 0.0);
        prop_assert!(here.off_m < 0.5);
        prop_assert!((here.along_m - part * 0.01 * DEGREE_M).abs() < 0.5);
    }
}
