//! The findings that rules report.

use std::borrow::Cow;

use crate::annotations::Annotation;

/// The findings of a rule on a target.
#[derive(Debug, Default)]
pub(crate) struct Findings<'t>(Vec<Finding<'t>>);

/// A problem with an annotation.
#[derive(Debug, Clone)]
pub(crate) struct Finding<'t> {
    /// The annotation's key.
    pub(crate) key: Cow<'t, str>,
    /// The full texts that are wrong, each after the respect in which it is wrong. On an update, a finding with
    /// evidence that the old object does not have is new.
    pub(crate) evidence: Vec<(&'static str, &'t str)>,
    /// The extent of the problem, such as a number of pods. On an update, a finding with a greater extent is new.
    pub(crate) extent: u64,
    /// Whether the value could change a manifest into which interLink inserts it. Such a value is refused even at level
    /// `Warn`.
    pub(crate) injection: bool,
    /// Whether only interLink may change or remove the annotation.
    pub(crate) immutable: bool,
    /// Whether the whole object is wrong, and the annotation only an example of those in it.
    pub(crate) about_object: bool,
    /// What is wrong: the rest of a sentence that begins with the annotation.
    pub(crate) problem: Cow<'static, str>,
    pub(crate) fix: Fix,
}

/// What the requester can do about a finding.
#[derive(Debug, Clone)]
pub(crate) enum Fix {
    Text(Cow<'static, str>),
    /// The text that the function returns for the finding's key, followed by a fixed text. The function runs only when
    /// the finding is shown, because its search is expensive and most findings of a large object are never shown.
    OfKey(fn(&str) -> String, Cow<'static, str>),
}

impl From<&'static str> for Fix {
    fn from(text: &'static str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Fix {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl<'t> Findings<'t> {
    /// Adds a finding.
    pub(crate) fn push(&mut self, finding: Finding<'t>) {
        self.0.push(finding);
    }

    /// Returns the findings in the order in which they were added.
    pub(crate) fn into_iter(self) -> impl Iterator<Item = Finding<'t>> {
        self.0.into_iter()
    }
}

impl<'t> Finding<'t> {
    /// Creates a finding about an unknown key.
    pub(crate) fn about_key(key: &'t str, problem: &'static str) -> Self {
        Self::new(key, key, problem.into())
    }

    /// Creates a finding about the object that has an annotation, whatever its value.
    pub(crate) fn about_object(key: &'t str, problem: String) -> Self {
        Self { about_object: true, ..Self::new(key, "", problem.into()).whatever_its_value() }
    }

    fn new(key: &'t str, evidence: &'t str, problem: Cow<'static, str>) -> Self {
        Self {
            key: key.into(),
            evidence: vec![("", evidence)],
            extent: 0,
            injection: false,
            immutable: false,
            about_object: false,
            problem,
            fix: Fix::from(""),
        }
    }

    /// Sets what the requester can do about it.
    pub(crate) fn fix(self, fix: impl Into<Fix>) -> Self {
        Self { fix: fix.into(), ..self }
    }

    /// Writes what the requester can do about it.
    pub(crate) fn fix_text(&self) -> Cow<'_, str> {
        match &self.fix {
            Fix::Text(text) => Cow::Borrowed(text),
            Fix::OfKey(of_key, rest) => Cow::Owned(of_key(&self.key) + rest),
        }
    }

    /// Adds another respect in which the value is wrong.
    pub(crate) fn also_wrong_as(mut self, respect: &'static str, value: &'t str) -> Self {
        self.evidence.push((respect, value));
        self
    }

    /// Marks the annotation as wrong for every value.
    pub(crate) fn whatever_its_value(self) -> Self {
        Self { evidence: Vec::new(), ..self }
    }

    /// Sets the extent of the problem.
    pub(crate) fn extent(self, extent: u64) -> Self {
        Self { extent, ..self }
    }

    /// Sets whether only interLink may change or remove the annotation.
    pub(crate) fn immutable_if(self, immutable: bool) -> Self {
        Self { immutable, ..self }
    }

    /// Sets whether the value could change a manifest into which interLink inserts it.
    pub(crate) fn injection_if(self, injection: bool) -> Self {
        if injection {
            let problem = self.problem + ", and could add a manifest to those that interLink applies";
            Self { injection, problem, ..self }
        } else {
            self
        }
    }

    /// Returns the finding without the target that it is about, and without the evidence in it.
    pub(crate) fn into_owned(self) -> Finding<'static> {
        let Self { key, extent, injection, immutable, about_object, problem, fix, .. } = self;
        let key = Cow::Owned(key.into_owned());
        Finding { key, evidence: Vec::new(), extent, injection, immutable, about_object, problem, fix }
    }

    /// Returns whether another finding has all evidence of this one, and at least the same extent.
    pub(crate) fn is_covered_by(&self, other: &Self) -> bool {
        self.extent <= other.extent && self.evidence.iter().all(|evidence| other.evidence.contains(evidence))
    }
}

impl Annotation<'_> {
    /// Creates a finding about this annotation's value.
    pub(crate) fn finding(&self, problem: impl Into<Cow<'static, str>>) -> Finding<'_> {
        Finding::new(&self.key, &self.value, problem.into())
    }
}
