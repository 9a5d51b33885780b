//! Walks expressions without evaluating them: finds what each one refers to, and reports names that nothing declares,
//! functions that do not exist and wrong numbers of arguments, in branches that never run too.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use hcl_edit::expr::{Expression, ForExpr, FuncCall, ObjectKey, Traversal, TraversalOperator};
use hcl_edit::template::{Directive, Element, Template};
use hcl_edit::{Decorated, Ident, Span};

use crate::declare::Declarations;
use crate::findings::{Findings, quoted, suggestion};
use crate::functions;
use crate::graph::Node;
use crate::source::span;

/// The first names of the language that this version does not serve.
const LATER: [&str; 6] = ["count", "data", "each", "module", "self", "terraform"];
/// The most splats in one traversal: each is a level of recursion.
pub(crate) const MAX_SPLATS: usize = 16;
/// Beyond this many errors nothing is suggested any more: each suggestion looks at every name.
const MAX_SUGGESTIONS: usize = 50;

/// What an expression may refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// Nothing, functions neither: defaults and values of variables.
    Nothing,
    /// Variables and locals, but no resource: settings, grants.
    Constants,
    /// Everything.
    Everything,
}

/// A reference and its first place.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    pub(crate) target: Node,
    pub(crate) range: Range<usize>,
}

/// A walk over the expressions of one block.
pub(crate) struct Walk<'a> {
    declarations: &'a Declarations,
    file: &'a Arc<str>,
    allowed: Allowed,
    bound: Vec<&'a str>,
    seen: HashSet<Node>,
    found: Vec<Reference>,
    findings: &'a mut Findings,
    suggestions: &'a mut usize,
}

impl<'a> Walk<'a> {
    /// A walk over expressions of one file. `suggestions` counts over all walks.
    pub(crate) fn new(
        declarations: &'a Declarations,
        file: &'a Arc<str>,
        allowed: Allowed,
        findings: &'a mut Findings,
        suggestions: &'a mut usize,
    ) -> Self {
        Self {
            declarations,
            file,
            allowed,
            bound: Vec::new(),
            seen: HashSet::new(),
            found: Vec::new(),
            findings,
            suggestions,
        }
    }

    /// What the expressions so far refer to, each target once.
    pub(crate) fn into_references(self) -> Vec<Reference> {
        self.found
    }

    /// Walks one expression. Its depth is bounded by the parser.
    pub(crate) fn expression(&mut self, expression: &'a Expression) {
        match expression {
            Expression::Null(_) | Expression::Bool(_) | Expression::Number(_) | Expression::String(_) => {}
            Expression::Array(items) => items.iter().for_each(|item| self.expression(item)),
            Expression::Object(object) => {
                for (key, value) in object.iter() {
                    if let ObjectKey::Expression(key) = key {
                        self.expression(key);
                    }
                    self.expression(value.expr());
                }
            }
            Expression::StringTemplate(template) => self.template(template),
            Expression::HeredocTemplate(heredoc) => self.template(&heredoc.template),
            Expression::Parenthesis(inner) => self.expression(inner.inner()),
            Expression::Variable(name) => self.bare(name),
            Expression::Conditional(conditional) => {
                self.expression(&conditional.cond_expr);
                self.expression(&conditional.true_expr);
                self.expression(&conditional.false_expr);
            }
            Expression::FuncCall(call) => self.call(call),
            Expression::Traversal(traversal) => self.traversal(traversal),
            Expression::UnaryOp(operation) => self.expression(&operation.expr),
            Expression::BinaryOp(operation) => {
                self.expression(&operation.lhs_expr);
                self.expression(&operation.rhs_expr);
            }
            Expression::ForExpr(expression) => self.for_expression(expression),
        }
    }

    /// Walks a `depends_on`: a list of resources.
    pub(crate) fn depends_on(&mut self, expression: &'a Expression) {
        let Expression::Array(items) = expression else {
            let at = expression.span().unwrap_or_default();
            return self.error(
                at,
                "`depends_on` is a list of resources",
                Some("write `depends_on = [type.name]`".into()),
            );
        };
        for item in items.iter() {
            self.expression(item);
            if !is_whole_resource(item) {
                let at = item.span().unwrap_or_default();
                let hint = "write `depends_on = [type.name]`, without quotes and attributes";
                self.error(at, "`depends_on` names whole resources", Some(hint.into()));
            }
        }
    }

    fn template(&mut self, template: &'a Template) {
        for element in template.iter() {
            match element {
                Element::Literal(_) => {}
                Element::Interpolation(interpolation) => self.expression(&interpolation.expr),
                Element::Directive(directive) => match &**directive {
                    Directive::If(directive) => {
                        self.expression(&directive.if_expr.cond_expr);
                        self.template(&directive.if_expr.template);
                        if let Some(other) = &directive.else_expr {
                            self.template(&other.template);
                        }
                    }
                    Directive::For(directive) => {
                        let intro = &directive.for_expr;
                        self.expression(&intro.collection_expr);
                        let outer = self.bind(intro.key_var.as_ref(), &intro.value_var);
                        self.template(&intro.template);
                        self.bound.truncate(outer);
                    }
                },
            }
        }
    }

    fn for_expression(&mut self, expression: &'a ForExpr) {
        let intro = &expression.intro;
        self.expression(&intro.collection_expr);
        let outer = self.bind(intro.key_var.as_ref(), &intro.value_var);
        if let Some(key) = &expression.key_expr {
            self.expression(key);
        }
        self.expression(&expression.value_expr);
        if let Some(condition) = &expression.cond {
            self.expression(&condition.expr);
        }
        self.bound.truncate(outer);
    }

    fn bind(&mut self, key: Option<&'a Decorated<Ident>>, value: &'a Decorated<Ident>) -> usize {
        let outer = self.bound.len();
        self.bound.extend(key.map(|key| key.as_str()));
        self.bound.push(value.as_str());
        outer
    }

    fn call(&mut self, call: &'a FuncCall) {
        let at = call.name.name.span().unwrap_or_default();
        let name = call.name.name.as_str();
        if self.allowed == Allowed::Nothing {
            self.error(at, "no function may be called here: the value is a constant", None);
        } else if call.name.is_namespaced() {
            self.error(at, "functions of providers are not supported by this version", None);
        } else if let Some(arity) = functions::arity(name) {
            let given = call.args.len();
            if !call.args.expand_final() && !arity.allows(given) {
                self.error(at, &format!("`{name}` takes {arity}, and {given} are given"), None);
            }
        } else {
            let hint = self.suggest(name, functions::names());
            self.error(at, &format!("there is no function `{}`", quoted(name)), hint);
        }
        call.args.iter().for_each(|argument| self.expression(argument));
    }

    fn traversal(&mut self, traversal: &'a Traversal) {
        let mut splats = 0;
        for operator in &traversal.operators {
            match operator.value() {
                TraversalOperator::Index(index) => self.expression(index),
                TraversalOperator::AttrSplat(_) | TraversalOperator::FullSplat(_) => splats += 1,
                TraversalOperator::GetAttr(_) | TraversalOperator::LegacyIndex(_) => {}
            }
        }
        if splats > MAX_SPLATS {
            let at = traversal.span().unwrap_or_default();
            self.error(at, &format!("one reference has at most {MAX_SPLATS} splats"), None);
        }
        let Expression::Variable(root) = &traversal.expr else { return self.expression(&traversal.expr) };
        if self.bound.contains(&root.as_str()) {
            return;
        }
        let first = traversal.operators.first().map(|operator| operator.value());
        let Some(TraversalOperator::GetAttr(name)) = first else { return self.bare(root) };
        let start = root.span().unwrap_or_default().start;
        let range = start..name.span().unwrap_or_default().end.max(start);
        self.reference(root.as_str(), name.as_str(), range);
    }

    fn reference(&mut self, root: &str, name: &str, at: Range<usize>) {
        let declarations = self.declarations;
        if self.allowed == Allowed::Nothing {
            return self.error(at, "nothing may be referred to here: the value is a constant", None);
        }
        match root {
            "var" => {
                if !declarations.variable_index.contains_key(name) {
                    let hint = self.suggest(name, declarations.variable_index.keys().map(String::as_str));
                    let hint = hint.unwrap_or_else(|| format!("declare it: `variable \"{name}\" {{ type = string }}`"));
                    self.error(at, &format!("there is no variable `{name}`"), Some(hint));
                }
            }
            "local" => match declarations.local_index.get(name) {
                Some(index) => self.add(Node::Local(*index), at),
                None => {
                    let hint = self.suggest(name, declarations.local_index.keys().map(String::as_str));
                    let hint = hint.unwrap_or_else(|| format!("declare it: `locals {{ {name} = … }}`"));
                    self.error(at, &format!("there is no `local.{name}`"), Some(hint));
                }
            },
            "stack" if matches!(name, "name" | "stage") => {}
            "path" if name == "stack" => {}
            "stack" | "path" => {
                let known: &[&str] = if root == "stack" { &["name", "stage"] } else { &["stack"] };
                let hint = self.suggest(name, known.iter().copied());
                self.error(at, &format!("there is no `{root}.{name}`"), hint);
            }
            _ if !declarations.resource_index.contains_key(root) && LATER.contains(&root) => {
                self.error(at, &format!("`{root}.{name}` is not supported by this version"), None);
            }
            _ => self.resource(root, name, at),
        }
    }

    fn resource(&mut self, ty: &str, name: &str, at: Range<usize>) {
        let declarations = self.declarations;
        if let Some(index) = declarations.resource(ty, name) {
            if self.allowed == Allowed::Everything {
                return self.add(Node::Resource(index), at);
            }
            let summary = format!("`{ty}.{name}` is not known here: only variables and constant locals are");
            return self.error(at, &summary, None);
        }
        let summary = format!("there is no resource `{ty}.{name}`");
        let hint = match declarations.resource_index.get(ty) {
            Some(names) => {
                let hint = self.suggest(name, names.keys().map(String::as_str));
                hint.unwrap_or_else(|| format!("there are {} other resources of type `{ty}`", names.len()))
            }
            None => {
                let roots = ["var", "local", "stack", "path"].into_iter();
                let types = declarations.resource_index.keys().map(String::as_str);
                let hint = self.suggest(ty, roots.chain(types));
                hint.unwrap_or_else(|| format!("declare it: `resource \"{ty}\" \"{name}\" {{ … }}`"))
            }
        };
        self.error(at, &summary, Some(hint));
    }

    /// A name that stands alone.
    fn bare(&mut self, ident: &'a Decorated<Ident>) {
        let name = ident.as_str();
        if self.bound.contains(&name) {
            return;
        }
        let at = ident.span().unwrap_or_default();
        if matches!(name, "var" | "local" | "stack" | "path") {
            let summary = format!("`{name}` is no value by itself");
            return self.error(at, &summary, Some(format!("write `{name}.NAME`")));
        }
        if self.declarations.resource_index.contains_key(name) {
            let summary = format!("`{name}` is a resource type, and a reference names a resource");
            return self.error(at, &summary, Some(format!("write `{name}.NAME`")));
        }
        let hint = format!("a text is written in quotes, `\"{name}\"`; a variable is `var.{name}`");
        self.error(at, &format!("there is nothing called `{name}` here"), Some(hint));
    }

    fn add(&mut self, target: Node, range: Range<usize>) {
        if self.seen.insert(target) {
            self.found.push(Reference { target, range });
        }
    }

    fn suggest<'n>(&mut self, name: &str, known: impl IntoIterator<Item = &'n str> + Clone) -> Option<String> {
        *self.suggestions += 1;
        (*self.suggestions <= MAX_SUGGESTIONS).then(|| suggestion(name, known)).flatten()
    }

    fn error(&mut self, at: Range<usize>, summary: &str, hint: Option<String>) {
        let at = span(self.file, at);
        match hint {
            Some(hint) => self.findings.error_with_hint(at, summary, hint),
            None => self.findings.error(at, summary),
        }
    }
}

fn is_whole_resource(expression: &Expression) -> bool {
    let Expression::Traversal(traversal) = expression else { return false };
    let Expression::Variable(root) = &traversal.expr else { return false };
    let [operator] = traversal.operators.as_slice() else { return false };
    matches!(operator.value(), TraversalOperator::GetAttr(_))
        && !matches!(root.as_str(), "var" | "local" | "stack" | "path")
}
