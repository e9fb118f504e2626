//! Who publishes, as the standards want it said.

use kit::{Answer, config};

/// Who publishes.
#[derive(Clone, Debug)]
pub struct Publisher {
    /// ISO 3166-1, two capital letters.
    pub country: String,
    /// Who that is in the country.
    pub identifier: String,
    /// The language that names are in, ISO 639-1.
    pub language: String,
}

/// What is said when nobody has said otherwise.
const UNKNOWN: &str = "gatehouse";

impl Publisher {
    /// From the variables.
    pub async fn read() -> Answer<Self> {
        let (country, identifier) = (config::get("export_country").await?, config::get("export_publisher").await?);
        Ok(Self::new(&country, &identifier, &config::get("export_language").await?))
    }

    /// What is no code of a country or a language counts as not said.
    pub fn new(country: &str, identifier: &str, language: &str) -> Self {
        let two =
            |text: &str| Some(text.trim()).filter(|it| it.len() == 2 && it.bytes().all(|b| b.is_ascii_alphabetic())).map(str::to_owned);
        let identifier = Some(identifier.trim()).filter(|it| !it.is_empty() && it.len() <= 200);
        Self {
            country: two(country).map_or_else(|| "IN".to_owned(), |it| it.to_ascii_uppercase()),
            identifier: identifier.unwrap_or(UNKNOWN).to_owned(),
            language: two(language).map_or_else(|| "en".to_owned(), |it| it.to_ascii_lowercase()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_two_letters() {
        let said = Publisher::new(" de ", "parken-bonn", "DE");
        assert_eq!((said.country.as_str(), said.identifier.as_str(), said.language.as_str()), ("DE", "parken-bonn", "de"));
        let unsaid = Publisher::new("Germany", " ", "1x");
        assert_eq!((unsaid.country.as_str(), unsaid.identifier.as_str(), unsaid.language.as_str()), ("IN", "gatehouse", "en"));
    }
}
