//! Loads stacks from texts, without a disk.
#![expect(dead_code, clippy::panic, reason = "no test file uses all of it; a failed expectation ends the test")]

use std::collections::BTreeMap;
use std::sync::Arc;

use cofferdam_model::program::{Known, Program};
use cofferdam_model::{Address, Diagnostic, SecretName, Value};
use cofferdam_stack::{
    FoundSecret, InputValue, LoadError, LoadOptions, ReadFile, ReadFileError, ReadSecret, ReadSecretError, Sources,
    Stack, VariableInput, VariableSource,
};

/// Files in memory.
struct Files(BTreeMap<String, Vec<u8>>);

impl ReadFile for Files {
    fn read(&self, path: &str, _limit: usize) -> Result<Vec<u8>, ReadFileError> {
        self.0.get(path).cloned().ok_or(ReadFileError::NotFound)
    }
}

/// Secrets in memory: one, one that nobody may read, and one that nobody looked at.
struct Secrets;

impl ReadSecret for Secrets {
    fn read(&self, name: &SecretName) -> Result<FoundSecret, ReadSecretError> {
        match name.as_str() {
            "db" => Ok(FoundSecret::Value("hunter2-db".into())),
            "later" => Ok(FoundSecret::Withheld),
            "closed" => Err(ReadSecretError { text: "no key opens it".to_owned(), hint: Some("find one".to_owned()) }),
            _ => Ok(FoundSecret::Missing),
        }
    }
}

/// What resources are known.
#[derive(Default)]
pub struct Resources(pub BTreeMap<Address, Value>);

impl Known for Resources {
    fn resource(&self, address: &Address) -> Option<&Value> {
        self.0.get(address)
    }
}

/// Knows resources by address and JSON.
pub fn known(resources: &[(&str, &str)]) -> Resources {
    let parse = |(address, json): &(&str, &str)| {
        (address.parse().expect("an address"), cofferdam_model::document::parse(json).expect("JSON"))
    };
    Resources(resources.iter().map(parse).collect())
}

/// A stack to load.
pub struct Case {
    pub files: Vec<(Arc<str>, String)>,
    pub options: LoadOptions,
}

impl Case {
    /// One file without a `stack` block; that is added at its end, so that places stay.
    pub fn new(text: &str) -> Self {
        Self::whole(&format!("{text}\nstack \"test\" {{}}\n"))
    }

    /// One file as it is.
    pub fn whole(text: &str) -> Self {
        let bundled = [("null", "null"), ("random", "local"), ("local", "local"), ("tls", "local"), ("time", "local")];
        let bundled = bundled.map(|(prefix, plugin)| (prefix.to_owned(), plugin.to_owned()));
        let files = [("message.txt".to_owned(), b"hello".to_vec()), ("binary".to_owned(), vec![0xff])];
        Self {
            files: vec![("stack.hcl".into(), text.to_owned())],
            options: LoadOptions {
                bundled: bundled.into(),
                stage: "dev".parse().expect("a stage"),
                variables: Vec::new(),
                variable_files: Vec::new(),
                read_file: Arc::new(Files(files.into())),
                read_secret: Arc::new(Secrets),
            },
        }
    }

    pub fn file(mut self, name: &str, text: &str) -> Self {
        self.files.push((name.into(), text.to_owned()));
        self
    }

    pub fn var(self, name: &str, text: &str) -> Self {
        self.input(name, text, VariableSource::Cli)
    }

    pub fn env(self, name: &str, text: &str) -> Self {
        self.input(name, text, VariableSource::Env)
    }

    pub fn var_file(mut self, name: &str, text: &str) -> Self {
        self.options.variable_files.push((name.into(), text.to_owned()));
        self
    }

    fn input(mut self, name: &str, text: &str, source: VariableSource) -> Self {
        let value = InputValue::Text(text.to_owned());
        self.options.variables.push(VariableInput { name: name.to_owned(), source, value });
        self
    }

    pub fn load(self) -> Result<(Stack, Vec<Diagnostic>), LoadError> {
        Stack::load(Sources { files: self.files }, self.options)
    }

    /// The stack; panics with what is wrong.
    pub fn stack(self) -> Stack {
        match self.load() {
            Ok((stack, warnings)) => {
                assert!(warnings.is_empty(), "{warnings:#?}");
                stack
            }
            Err(error) => panic!("{:#?}", error.diagnostics),
        }
    }

    /// What is wrong: the summary, and the text that its place covers.
    pub fn errors(self) -> Vec<(String, String)> {
        let error = self.load().expect_err("the stack is wrong");
        let place = |found: &Diagnostic| {
            let span = found.span.clone().unwrap_or_else(|| panic!("`{}` has no place", found.summary));
            let text = error.texts.text(&span.file).unwrap_or_else(|| panic!("there is no text `{}`", span.file));
            text.get(span.range.clone()).unwrap_or_else(|| panic!("{span:?} is no place")).to_owned()
        };
        error.diagnostics.iter().map(|found| (found.summary.clone(), place(found))).collect()
    }
}

/// The value of an output named `x` with nothing known.
pub fn value(expression: &str) -> Value {
    value_with(&format!("output \"x\" {{\n  value = {expression}\n}}\n"), &Resources::default())
}

/// The value of the output `x` of a stack.
pub fn value_with(text: &str, known: &Resources) -> Value {
    Case::new(text).stack().output("x", known).unwrap_or_else(|findings| panic!("{findings:#?}"))
}

/// The same as JSON; secret and unknown places as the texts that people read.
pub fn json(expression: &str) -> String {
    cofferdam_model::document::to_shown_json(&value(expression)).to_string()
}

/// The only error of an expression, and the text that its place covers.
pub fn error(expression: &str) -> (String, String) {
    let errors = Case::new(&format!("output \"x\" {{\n  value = {expression}\n}}\n")).errors();
    assert_eq!(errors.len(), 1, "{errors:#?}");
    errors.into_iter().next().expect("one")
}
