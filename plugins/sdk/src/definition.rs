//! What a resource type can do and what its schema says of it. The functions given here are the handlers in the schema.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::context::Cx;
use crate::draft::Draft;
use crate::error::{Diagnostic, Error, Failure};
use crate::listing::{ListRequest, Page};
use crate::outcome::{Delete, Resume, Resumed, State, Write};
use crate::planning::Planned;
use crate::pointer;
use crate::prior::{Change, Prior, Target, schema_pointer};
use crate::resource::{Properties, Resource};
use crate::schema;

type Session<R> = <R as Resource>::Session;
pub(crate) type Create<R> = fn(&Cx<Session<R>>, &<R as Resource>::Inputs) -> Result<Write<R>, Failure>;
pub(crate) type Read<R> = fn(&Cx<Session<R>>, &Target<R>) -> Result<Option<State<R>>, Error>;
pub(crate) type Update<R> = fn(&Cx<Session<R>>, &Change<R>) -> Result<Write<R>, Failure>;
pub(crate) type Remove<R> = fn(&Cx<Session<R>>, &Prior<R>) -> Result<Delete, Failure>;
pub(crate) type ResumeWrite<R> = fn(&Cx<Session<R>>, &Resumed<R>) -> Result<Resume<R>, Failure>;
pub(crate) type List<R> = fn(&Cx<Session<R>>, &ListRequest) -> Result<Page, Error>;
pub(crate) type Check<R> = fn(&Cx<Session<R>>, &mut Draft, Option<&Prior<R>>) -> Result<Vec<Diagnostic>, Error>;
pub(crate) type Plan<R> = fn(&Cx<Session<R>>, Option<&Prior<R>>, &Draft, Planned) -> Result<Planned, Error>;
pub(crate) type Migrate = fn(&Origin, Map<String, Value>) -> Result<Map<String, Value>, Error>;

const READ_OPERATION: &str = "x-cofferdam-read-operation";

/// Where an older state came from.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The provider's name.
    pub provider: String,
    /// The resource type there.
    pub resource_type: String,
    /// The version of the type's schema.
    pub schema_version: u32,
}

/// Which half of a replacement comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// Two of these objects can exist at the same time.
    CreateThenDelete,
    /// The new object needs the old one's name or place.
    DeleteThenCreate,
}

/// The definition of one resource type. Properties are named `name`, nested ones `rules/*/port`.
pub struct Definition<R: Resource> {
    pub(crate) create: Create<R>,
    pub(crate) read: Option<Read<R>>,
    pub(crate) update: Option<Update<R>>,
    pub(crate) delete: Option<Remove<R>>,
    pub(crate) resume: Option<ResumeWrite<R>>,
    pub(crate) list: Option<List<R>>,
    pub(crate) check: Option<Check<R>>,
    pub(crate) plan: Option<Plan<R>>,
    pub(crate) migrate: Option<Migrate>,
    pub(crate) identifier: Vec<&'static str>,
    pub(crate) create_only: Vec<&'static str>,
    pub(crate) write_only: Vec<&'static str>,
    pub(crate) sensitive: Vec<&'static str>,
    pub(crate) stable: Vec<&'static str>,
    pub(crate) schema_version: u32,
    deprecated: Vec<&'static str>,
    filter: Option<fn() -> Result<Value, Error>>,
    keywords: BTreeMap<String, Value>,
}

/// Builder methods that only store an operation.
macro_rules! operations {
    ($($(#[$doc:meta])* $name:ident: $kind:ty;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self, function: $kind) -> Self {
            self.$name = Some(function);
            self
        }
    )*};
}

/// Builder methods that only add names of properties.
macro_rules! property_lists {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self, properties: impl IntoIterator<Item = &'static str>) -> Self {
            self.$name.extend(properties);
            self
        }
    )*};
}

impl<R: Resource> Definition<R> {
    /// A type whose objects `create` makes. With an operation id that it has seen before, `create` returns the object
    /// that the earlier attempt made. How far that holds after a crash, [`Definition::create_is_idempotent`] says or
    /// [`Definition::read_finds_operations`] makes unnecessary; with neither, the host leaves a create that was cut off
    /// to the user.
    pub fn new(create: Create<R>) -> Self {
        Self {
            create,
            read: None,
            update: None,
            delete: None,
            resume: None,
            list: None,
            check: None,
            plan: None,
            migrate: None,
            identifier: Vec::new(),
            create_only: Vec::new(),
            write_only: Vec::new(),
            sensitive: Vec::new(),
            stable: Vec::new(),
            schema_version: 1,
            deprecated: Vec::new(),
            filter: None,
            keywords: BTreeMap::new(),
        }
    }

    operations! {
        /// Reads an object as it is now; none where there is no such object.
        read: Read<R>;
        /// Changes an object in place. Without it every change replaces the object.
        update: Update<R>;
        /// Removes an object; one that is already gone is done.
        delete: Remove<R>;
        /// Goes on with a write that answered pending; needed by every type that does.
        resume: ResumeWrite<R>;
        /// Lists objects, a page at a time.
        list: List<R>;
        /// Validates and completes inputs beyond what the schema can say. Places may be unknown.
        check: Check<R>;
        /// Alters the plan that follows from the schema alone. Places may be unknown.
        plan: Plan<R>;
        /// Brings the properties of an older schema version, or of another type, to this one. Pure.
        migrate: Migrate;
    }

    property_lists! {
        /// What names an object, in order.
        identifier;
        /// A change of these replaces the object.
        create_only;
        /// Never kept in the state: passwords that the service does not return.
        write_only;
        /// Never shown.
        sensitive;
        /// Outputs that never change after the create.
        stable;
        /// Still accepted, with a warning.
        deprecated;
    }

    /// The object holds data that nobody can make again: the host asks before it deletes or replaces one.
    #[must_use]
    pub fn stateful(self) -> Self {
        self.keyword("x-cofferdam-stateful", true)
    }

    /// Reading costs nothing and needs no network, so that every refresh includes it.
    #[must_use]
    pub fn read_is_local(self) -> Self {
        self.keyword("x-cofferdam-read", "local")
    }

    /// A create that is made again with the same operation id and inputs, perhaps hours later in another run, makes no
    /// second object: the service keeps idempotency tokens that long, or the object is its own proof, or there is
    /// nothing outside at all. The host then repeats a create that was cut off.
    #[must_use]
    pub fn create_is_idempotent(self) -> Self {
        self.keyword("x-cofferdam-create", "idempotent")
    }

    /// `read` answers [`Target::Operation`] with the object that a create of that operation made, and with none only
    /// where it is certain that it made nothing. An object counts once it is whole. The host then looks up what became
    /// of a create that was cut off.
    #[must_use]
    pub fn read_finds_operations(self) -> Self {
        self.keyword(READ_OPERATION, true)
    }

    /// Which half of a replacement must come first.
    #[must_use]
    pub fn replacement(self, order: Replacement) -> Self {
        let text = match order {
            Replacement::CreateThenDelete => "create_then_delete",
            Replacement::DeleteThenCreate => "delete_then_create",
        };
        self.keyword("replacementStrategy", text)
    }

    /// The version of this schema, from 1. A higher one needs `migrate`.
    #[must_use]
    pub fn schema_version(mut self, version: u32) -> Self {
        self.schema_version = version;
        self
    }

    /// The type of the filter that `list` takes.
    #[must_use]
    pub fn list_filter<F: Properties>(mut self) -> Self {
        self.filter = Some(schema::closed::<F>);
        self
    }

    /// Any other keyword of the schema, such as `additionalIdentifiers` or `tagging`.
    #[must_use]
    pub fn keyword(mut self, keyword: &str, value: impl Into<Value>) -> Self {
        self.keywords.insert(keyword.to_owned(), value.into());
        self
    }

    pub(crate) fn merged() -> Result<schema::Properties, Error> {
        schema::merge::<R::Inputs, R::Outputs>().map_err(|error| error.context(R::TYPE))
    }

    /// The schema's text.
    pub(crate) fn schema(&self) -> Result<Value, Error> {
        let merged = Self::merged()?;
        self.verify(&merged)?;
        let mut text = Map::new();
        text.insert("typeName".to_owned(), R::TYPE.into());
        text.insert("description".to_owned(), merged.description.clone().unwrap_or_default().into());
        text.insert("type".to_owned(), "object".into());
        text.insert("additionalProperties".to_owned(), false.into());
        text.insert("handlers".to_owned(), self.handlers()?);
        text.insert("x-cofferdam-schema-version".to_owned(), self.schema_version.into());
        schema::insert_unless_empty(&mut text, "required", merged.required);
        let lists = [
            ("primaryIdentifier", &self.identifier),
            ("createOnlyProperties", &self.create_only),
            ("writeOnlyProperties", &self.write_only),
            ("deprecatedProperties", &self.deprecated),
            ("x-cofferdam-sensitive", &self.sensitive),
            ("x-cofferdam-stable", &self.stable),
        ];
        for (keyword, names) in lists {
            let pointers = names.iter().map(|name| schema_pointer(&pointer::from_property(name)).into()).collect();
            schema::insert_unless_empty(&mut text, keyword, pointers);
        }
        let read_only = merged.read_only.iter().map(|name| schema_pointer(&pointer::join("", name)).into()).collect();
        schema::insert_unless_empty(&mut text, "readOnlyProperties", read_only);
        for (keyword, present) in
            [("x-cofferdam-check", self.check.is_some()), ("x-cofferdam-plan", self.plan.is_some())]
        {
            if present {
                text.insert(keyword.to_owned(), true.into());
            }
        }
        text.extend(self.keywords.clone());
        text.insert("properties".to_owned(), Value::Object(merged.properties));
        schema::insert_defs(&mut text, merged.defs);
        Ok(Value::Object(text))
    }

    fn handlers(&self) -> Result<Value, Error> {
        let mut handlers = Map::new();
        let present = [
            ("create", true),
            ("read", self.read.is_some()),
            ("update", self.update.is_some()),
            ("delete", self.delete.is_some()),
            ("list", self.list.is_some()),
        ];
        for (name, _) in present.into_iter().filter(|(_, present)| *present) {
            handlers.insert(name.to_owned(), json!({}));
        }
        if let (Some(filter), Some(list)) = (self.filter, handlers.get_mut("list")) {
            *list = json!({ "handlerSchema": filter()? });
        }
        Ok(Value::Object(handlers))
    }

    /// Refuses keywords that contradict the types or each other.
    fn verify(&self, merged: &schema::Properties) -> Result<(), Error> {
        let wrong = |text: String| Err(Error::internal(format!("the definition of `{}` {text}", R::TYPE)));
        let top = |name: &str| pointer::parts(&pointer::from_property(name)).into_iter().next().unwrap_or_default();
        let lists =
            [&self.identifier, &self.create_only, &self.write_only, &self.sensitive, &self.stable, &self.deprecated];
        for name in lists.into_iter().flatten() {
            if !merged.properties.contains_key(&top(name)) {
                return wrong(format!("names `{name}`, which is no property of it"));
            }
        }
        for name in self.create_only.iter().chain(&self.write_only) {
            if merged.read_only.contains(&top(name)) {
                return wrong(format!("says that a user sets `{name}`, which is an output"));
            }
        }
        if let Some(name) = self.stable.iter().find(|name| !merged.read_only.contains(&top(name))) {
            return wrong(format!("calls `{name}` stable, which is no output"));
        }
        if self.keywords.contains_key(READ_OPERATION) && self.read.is_none() {
            return wrong("looks objects up by their operation and has no `read`".to_owned());
        }
        if self.filter.is_some() && self.list.is_none() {
            return wrong("has a filter for a list that it cannot do".to_owned());
        }
        match (self.schema_version, self.migrate) {
            (0, _) => wrong("counts schema versions from 0 instead of 1".to_owned()),
            (2.., None) => wrong("has a schema version above 1 and no `migrate`".to_owned()),
            _ => Ok(()),
        }
    }
}
