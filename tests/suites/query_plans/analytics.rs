//! What operators ask of the time that is past.

use gatehouse_tests::App;
use serde_json::json;

/// Asks for it, of one site and of all.
pub async fn look_back(app: &App, site: &str) {
    let (operator, admin) = (app.operator().await, app.admin().await);
    for route in ["occupancy", "trends", "predictions", "footfall", "peak-hours", "emergencies", "revenue", "devices"] {
        operator.get(&format!("/api/analytics/{route}")).await.expect(200);
        operator.get(&format!("/api/analytics/{route}?site={site}")).await.expect(200);
    }
    for query in ["by=site", "by=kind", "by=zone_kind&kind=ev", "zone=B1&period=month"] {
        operator.get(&format!("/api/analytics/occupancy?site={site}&{query}")).await.expect(200);
    }
    operator.get(&format!("/api/analytics/devices?site={site}&zone=B1")).await.expect(200);
    let holiday = format!("/api/sites/{site}/holidays/2026-12-25");
    admin.put(&holiday, json!({"name": "Christmas"})).await.expect(200);
    operator.get(&format!("/api/sites/{site}/holidays?from=2026-01-01&to=2027-01-01")).await.expect(200);
    operator.get(&holiday).await.expect(200);
    admin.delete(&holiday).await.expect(204);
}
