//! The API's document, as far as somebody needs it who asks and judges by it.
//!
//! Owns what an operation is, and how a schema is taken apart: what it refers to is
//! put in its place, and where it allows several forms, each is one.

use aerial::http;
use serde_json::{Map, Value};

/// What may be asked.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) method: String,
    /// With the names of its parameters in braces.
    pub(crate) path: String,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) body: Option<Body>,
    /// By status, or `default`.
    pub(crate) responses: Map<String, Value>,
}

impl Operation {
    /// What the document says of answers of that status. Errors of the server count
    /// only where it names them.
    pub(crate) fn response(&self, status: u16) -> Option<&Value> {
        let named = self.responses.get(&status.to_string());
        named.or_else(|| self.responses.get("default").filter(|_| (400..500).contains(&status)))
    }

    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) in_path: bool,
    pub(crate) required: bool,
    pub(crate) schema: Value,
}

#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub(crate) content_type: String,
    pub(crate) required: bool,
    pub(crate) schema: Value,
}

/// The document.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    whole: Value,
    pub(crate) operations: Vec<Operation>,
}

/// Schemas that hold together for a value: a plain one, or the parts of one.
pub(crate) type Form<'a> = Vec<&'a Value>;

impl Document {
    pub(crate) fn of_the_server() -> Self {
        let whole = http::document();
        let mut operations = Vec::new();
        for (path, methods) in whole["paths"].as_object().unwrap() {
            for (method, told) in methods.as_object().unwrap() {
                operations.push(operation(method, path, told));
            }
        }
        Self { whole, operations }
    }

    /// What the schema stands for, if it refers to another one.
    pub(crate) fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let mut schema = schema;
        while let Some(reference) = schema["$ref"].as_str() {
            let place = reference.trim_start_matches('#');
            schema = self.whole.pointer(place).unwrap_or_else(|| panic!("{reference}"));
        }
        schema
    }

    /// All forms that a value of this schema may have.
    pub(crate) fn forms<'a>(&'a self, schema: &'a Value) -> Vec<Form<'a>> {
        let schema = self.resolved(schema);
        let mut forms: Vec<Form<'a>> = vec![vec![schema]];
        for part in schema["allOf"].as_array().into_iter().flatten() {
            forms = crossed(&forms, &self.forms(part));
        }
        for key in ["oneOf", "anyOf"] {
            if let Some(choices) = schema[key].as_array() {
                let choices: Vec<Form<'a>> =
                    choices.iter().flat_map(|choice| self.forms(choice)).collect();
                forms = crossed(&forms, &choices);
            }
        }
        forms
    }
}

fn crossed<'a>(these: &[Form<'a>], those: &[Form<'a>]) -> Vec<Form<'a>> {
    let pairs = these.iter().flat_map(|this| those.iter().map(move |that| (this, that)));
    pairs.map(|(this, that)| this.iter().chain(that).copied().collect()).collect()
}

fn operation(method: &str, path: &str, told: &Value) -> Operation {
    let parameter = |told: &Value| Parameter {
        name: told["name"].as_str().unwrap().to_owned(),
        in_path: told["in"] == "path",
        required: told["required"] == true,
        schema: told["schema"].clone(),
    };
    let body = told["requestBody"]["content"].as_object().and_then(|content| {
        let (content_type, media) = content.iter().next()?;
        Some(Body {
            content_type: content_type.clone(),
            required: told["requestBody"]["required"] == true,
            schema: media["schema"].clone(),
        })
    });
    Operation {
        method: method.to_uppercase(),
        path: path.to_owned(),
        parameters: told["parameters"].as_array().into_iter().flatten().map(parameter).collect(),
        body,
        responses: told["responses"].as_object().unwrap().clone(),
    }
}
