//! Suggestions for a mistyped name.

/// The least similarity of a name that is suggested, as for the command's own flags.
const MIN_SIMILARITY: f64 = 0.7;

/// Returns the name that is most similar to a text, if any is similar enough. Case, `-` and `_` make no difference.
pub fn closest<'n>(text: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let text = simplified(text);
    let similar = names.into_iter().map(|name| (strsim::jaro(&text, &simplified(name)), name));
    let best = similar.filter(|(similarity, _)| *similarity > MIN_SIMILARITY).max_by(|(a, _), (b, _)| a.total_cmp(b));
    best.map(|(_, name)| name)
}

fn simplified(name: &str) -> String {
    name.to_lowercase().replace(['-', '_'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_the_most_similar_name() {
        let names = ["job-id", "pod-ip", "pod-ip-conflict"];
        for (text, expected) in
            [("JobID", Some("job-id")), ("job_id", Some("job-id")), ("pod-pi", Some("pod-ip")), ("x", None)]
        {
            assert_eq!(closest(text, names), expected, "{text}");
        }
    }
}
