//! What ties places and rates together: parking once, at a site or on its spaces of a kind.

use domain::spot::Kind;

use super::model::{
    Eligibility, Meta, Qualification, RateEligibility, RightSpecification, RightSpecificationList, Validity, VersionedReference,
};
use super::places::{site_reference, space_reference, text};
use super::rates;
use crate::prices::{self, Prices};
use crate::publisher::Publisher;
use crate::scope::{Scope, Site, version};

/// One for each site, and one for each kind of its spaces with rates of their own.
pub fn list(scope: &Scope, publisher: &Publisher) -> RightSpecificationList {
    let mut data = Vec::new();
    for site in &scope.sites {
        let prices = prices::of_site(&site.tariff);
        if prices.is_empty() {
            data.extend(specification(site, None, publisher));
        }
        data.extend(prices.iter().filter_map(|prices| specification(site, Some(prices), publisher)));
    }
    RightSpecificationList { meta: Meta::new(scope.changed_at, data.len()), data }
}

/// The specification of a site, or of a kind of its spaces.
pub fn reference(site: &Site, kind: Option<Kind>) -> VersionedReference {
    let suffix = kind.map(|kind| format!("/{}", kind.into_str())).unwrap_or_default();
    VersionedReference { id: format!("right:{}{suffix}", site.slug), version: version(site.updated_at), class_name: "RightSpecification" }
}

/// None for a kind that no space is told of.
fn specification(site: &Site, prices: Option<&Prices<'_>>, publisher: &Publisher) -> Option<RightSpecification> {
    let kind = prices.and_then(|prices| prices.kind);
    let VersionedReference { id, version, .. } = reference(site, kind);
    let hierarchy_elements: Vec<_> = match kind {
        None => vec![site_reference(site)],
        Some(kind) => {
            let spaces = site.zones.iter().flat_map(|zone| &zone.spaces);
            spaces.filter(|space| space.kind == kind).map(space_reference).collect()
        }
    };
    if hierarchy_elements.is_empty() {
        return None;
    }
    let eligibility = Eligibility {
        id: format!("{id}#anybody"),
        version,
        qualifications: vec![Qualification { free_to_park: prices.is_none(), with_reservation: false }],
    };
    let rate_eligibility = RateEligibility {
        id: format!("{id}#rates"),
        version,
        priority: 1,
        combinable: false,
        rate_table: prices.map(|prices| rates::reference(site, prices)),
        eligibility,
    };
    let suffix = prices.map(Prices::suffix).unwrap_or_default();
    Some(RightSpecification {
        description: text(&format!("{}{suffix}", site.name), publisher),
        kind: "oneTimeUseParking",
        transferable: false,
        issuer: VersionedReference { id: publisher.identifier.clone(), version: 1, class_name: "Organisation" },
        validity: Validity::since(site.updated_at),
        hierarchy_elements,
        rate_eligibility: vec![rate_eligibility],
        id,
        version,
    })
}
