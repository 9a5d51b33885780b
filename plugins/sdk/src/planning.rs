//! Plans of types that plan for themselves, beginning with what the host would plan from the schema alone.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::bindings::exports::cofferdam::provider::provider::{self as exports, ReplaceOrder};
use crate::draft::Draft;
use crate::error::{Diagnostic, Severity};
use crate::pointer;

/// What a change will do. A `plan` function gets the plan that follows from the schema, and alters it.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Every property after the deploy.
    pub after: Draft,
    replace: Vec<(String, String)>,
    order: ReplaceOrder,
    diagnostics: Vec<Diagnostic>,
    changed: bool,
}

/// The schema's part in planning: names of top-level properties.
pub(crate) struct Rules<'a> {
    pub(crate) read_only: &'a [String],
    pub(crate) computed: &'a [String],
    pub(crate) stable: Vec<&'a str>,
    pub(crate) create_only: Vec<&'a str>,
    pub(crate) write_only: Vec<&'a str>,
    pub(crate) updatable: bool,
}

impl Planned {
    /// What follows from the schema: a new object has unknown outputs; a changed one keeps its stable outputs only; an
    /// unchanged one keeps everything.
    pub(crate) fn from_schema(rules: &Rules<'_>, prior: Option<&Value>, inputs: Draft) -> Self {
        let mut planned = Self {
            after: inputs,
            replace: Vec::new(),
            order: ReplaceOrder::Either,
            diagnostics: Vec::new(),
            changed: true,
        };
        let absent = |draft: &Draft, name: &String| !draft.is_set(&pointer::join("", name));
        let computed: Vec<_> = rules.computed.iter().filter(|name| absent(&planned.after, name)).cloned().collect();
        let Some(prior) = prior else {
            planned.forget(rules.read_only);
            planned.forget(&computed);
            return planned;
        };
        for name in computed {
            // The service filled it in, and the user still leaves that to the service.
            prior.get(&name).into_iter().for_each(|value| planned.after.set(&pointer::join("", &name), value.clone()));
        }
        let changes = changes(rules, prior, &planned.after);
        planned.changed = !changes.is_empty();
        for name in &changes {
            let reason = match (rules.create_only.contains(&name.as_str()), rules.updatable) {
                (true, _) => "cannot be changed in place",
                (false, false) => "this type cannot be changed in place",
                (false, true) => continue,
            };
            planned.replace.push((pointer::join("", name), reason.to_owned()));
        }
        for name in rules.read_only {
            let kept = !planned.changed || (planned.replace.is_empty() && rules.stable.contains(&name.as_str()));
            match prior.get(name).filter(|_| kept) {
                Some(value) => planned.after.set(&pointer::join("", name), value.clone()),
                None if planned.changed => planned.after.set_unknown(&pointer::join("", name)),
                None => {}
            }
        }
        planned
    }

    fn forget(&mut self, outputs: &[String]) {
        for name in outputs {
            self.after.set_unknown(&pointer::join("", name));
        }
    }

    /// True where the inputs alone make a difference, or the object is new.
    #[must_use]
    pub fn is_change(&self) -> bool {
        self.changed
    }

    /// Says that the deploy changes these properties to something it alone can tell.
    pub fn set_unknown<'a>(&mut self, properties: impl IntoIterator<Item = &'a str>) {
        for property in properties {
            self.after.set_unknown(property);
        }
        self.changed = true;
    }

    /// Says that the change of a property forces a replacement, and why.
    pub fn replace(&mut self, property: &str, reason: impl Into<String>) {
        self.replace.push((pointer::from_property(property), reason.into()));
    }

    /// Says that the old object must be deleted before the new one is made.
    pub fn delete_first(&mut self) {
        self.order = ReplaceOrder::DeleteFirst;
    }

    /// Says that the new object must be made before the old one is deleted.
    pub fn create_first(&mut self) {
        self.order = ReplaceOrder::CreateFirst;
    }

    /// Adds a warning about a property.
    pub fn warn(&mut self, property: &str, summary: impl Into<String>) {
        let at = Some(pointer::from_property(property));
        self.diagnostics.push(Diagnostic { severity: Severity::Warning, summary: summary.into(), detail: None, at });
    }
}

impl From<Planned> for exports::Planned {
    fn from(planned: Planned) -> Self {
        Self {
            after: planned.after.into_document(),
            replace: planned.replace,
            order: planned.order,
            diagnostics: planned.diagnostics,
        }
    }
}

/// The inputs that differ from the prior state, or may.
fn changes(rules: &Rules<'_>, prior: &Value, inputs: &Draft) -> BTreeSet<String> {
    let members = |value: &Value| value.as_object().cloned().unwrap_or_default();
    let mut before = members(prior);
    let mut after = members(inputs.value());
    before.retain(|name, value| !value.is_null() && !rules.read_only.contains(name));
    after.retain(|name, value| {
        !rules.write_only.contains(&name.as_str()) && (!value.is_null() || inputs.is_unknown(name))
    });
    let may_differ = |name: &String| {
        let at = pointer::join("", name);
        before.get(name) != after.get(name) || inputs.unknown().iter().any(|unknown| pointer::is_within(unknown, &at))
    };
    before.keys().chain(after.keys()).filter(|name| may_differ(name)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn plan(prior: Option<&Value>, inputs: Draft) -> Planned {
        let read_only = ["id".to_owned(), "size".to_owned()];
        let computed = ["zone".to_owned()];
        let rules = Rules {
            read_only: &read_only,
            computed: &computed,
            stable: vec!["id"],
            create_only: vec!["name"],
            write_only: vec!["key"],
            updatable: true,
        };
        Planned::from_schema(&rules, prior, inputs)
    }

    #[test]
    fn a_new_object_has_unknown_outputs() {
        let planned = plan(None, Draft::known(json!({"name": "a"})));
        assert_eq!(planned.after.unknown(), ["/id", "/size", "/zone"]);
    }

    #[test]
    fn an_unchanged_object_keeps_everything() {
        let prior = json!({"name": "a", "note": null, "id": "1", "size": 2});
        let planned = plan(Some(&prior), Draft::known(json!({"name": "a", "key": "secret"})));
        assert!(!planned.is_change() && planned.after.is_known());
        assert_eq!(planned.after.value()["size"], 2);
    }

    #[test]
    fn a_change_keeps_stable_outputs_and_a_replacement_none() {
        let prior = json!({"name": "a", "note": "x", "id": "1", "size": 2});
        let planned = plan(Some(&prior), Draft::known(json!({"name": "a"})));
        assert_eq!((planned.after.unknown(), planned.replace.len()), (&["/size".to_owned()][..], 0));
        let planned = plan(Some(&prior), Draft::known(json!({"name": "b", "note": "x"})));
        assert_eq!(planned.after.unknown(), ["/id", "/size"]);
        assert_eq!(planned.replace[0].0, "/name");
    }

    #[test]
    fn what_the_service_filled_in_is_no_change() {
        let prior = json!({"name": "a", "id": "1", "size": 2, "zone": "z"});
        let planned = plan(Some(&prior), Draft::known(json!({"name": "a"})));
        assert!(!planned.is_change());
        assert_eq!(planned.after.value()["zone"], "z");
        assert!(plan(None, Draft::known(json!({"name": "a"}))).after.is_unknown("zone"));
        assert!(plan(Some(&prior), Draft::known(json!({"name": "a", "zone": "y"}))).is_change());
    }

    #[test]
    fn an_unknown_input_may_change() {
        let mut inputs = Draft::known(json!({"name": "a"}));
        inputs.set_unknown("note");
        let planned = plan(Some(&json!({"name": "a", "id": "1", "size": 2})), inputs);
        assert!(planned.is_change());
    }
}
