//! Whether a value is what its schema says, strictly: a field that the schema does not
//! name is a fault too, since nobody who reads the document could know of it.

use serde_json::Value;

use crate::document::{Document, Form};

/// What is not as the schema says, each with its place in the value.
pub(crate) fn faults(document: &Document, schema: &Value, value: &Value) -> Vec<String> {
    at(document, schema, value, "$")
}

fn at(document: &Document, schema: &Value, value: &Value, place: &str) -> Vec<String> {
    // Of several forms the one that fits best tells what is wrong.
    let forms = document.forms(schema);
    let told = forms.iter().map(|form| of_form(document, form, value, place));
    told.min_by_key(Vec::len).unwrap_or_default()
}

fn of_form(document: &Document, form: &Form<'_>, value: &Value, place: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for part in form {
        of_part(part, value, place, &mut faults);
    }
    match value {
        Value::Object(_) => of_object(document, form, value, place, &mut faults),
        Value::Array(items) => {
            for schema in form.iter().filter_map(|part| part.get("items")) {
                for (n, item) in items.iter().enumerate() {
                    faults.extend(at(document, schema, item, &format!("{place}[{n}]")));
                }
            }
        }
        _ => {}
    }
    faults
}

fn of_part(part: &Value, value: &Value, place: &str, faults: &mut Vec<String>) {
    let mut fault = |what: String| faults.push(format!("{place}: {what}"));
    if let Some(allowed) = part["enum"].as_array()
        && !allowed.contains(value)
    {
        fault(format!("{value} is none of {}", part["enum"]));
    }
    let types: Vec<&str> = match &part["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|kind| is_of(value, kind)) {
        return fault(format!("{value} is not of type {}", part["type"]));
    }
    if let Some(number) = value.as_f64() {
        let below = part["minimum"].as_f64().is_some_and(|least| number < least);
        let above = part["maximum"].as_f64().is_some_and(|most| number > most);
        let wide = part["format"] == "int32" && i32::try_from(number as i64).is_err();
        if below || above || wide {
            fault(format!("{value} is out of its range"));
        }
    }
    if let Some(text) = value.as_str() {
        match part["format"].as_str() {
            Some("uuid") if uuid(text).is_none() => fault(format!("{text:?} is no UUID")),
            Some("date-time") if !is_instant(text) => {
                fault(format!("{text:?} is no instant in UTC with milliseconds"));
            }
            _ => {}
        }
    }
}

fn of_object(
    document: &Document,
    form: &Form<'_>,
    value: &Value,
    place: &str,
    faults: &mut Vec<String>,
) {
    let fields = value.as_object().unwrap();
    let required = form.iter().filter_map(|part| part["required"].as_array()).flatten();
    for name in required.filter_map(Value::as_str).filter(|name| !fields.contains_key(*name)) {
        faults.push(format!("{place}.{name}: is not there"));
    }
    let known = |name: &str| form.iter().find_map(|part| part["properties"].get(name));
    let other = form.iter().find_map(|part| part.get("additionalProperties"));
    let open = form.iter().all(|part| part.get("properties").is_none());
    for (name, value) in fields {
        let place = format!("{place}.{name}");
        match (known(name), other) {
            (Some(schema), _) => faults.extend(at(document, schema, value, &place)),
            (None, Some(schema)) if schema.is_object() => {
                faults.extend(at(document, schema, value, &place));
            }
            (None, Some(Value::Bool(true))) => {}
            (None, None) if open => {}
            _ => faults.push(format!("{place}: the document does not name this field")),
        }
    }
}

fn is_of(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the document has a type {other}"),
    }
}

pub(crate) fn uuid(text: &str) -> Option<uuid::Uuid> {
    uuid::Uuid::try_parse(text).ok().filter(|_| text.len() == 36)
}

/// `2026-12-24T18:00:00.000Z`
fn is_instant(text: &str) -> bool {
    let shape = |byte: u8| if byte.is_ascii_digit() { b'0' } else { byte };
    let shape: Vec<u8> = text.bytes().map(shape).collect();
    shape == b"0000-00-00T00:00:00.000Z" && text.parse::<jiff::Timestamp>().is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(schema: Value, value: Value) -> Vec<String> {
        faults(&Document::of_the_server(), &schema, &value)
    }

    #[test]
    fn what_is_missing_odd_or_not_named_is_seen() {
        let schema = json!({ "$ref": "#/components/schemas/Problem" });
        let problem = json!({ "type": "a", "title": "b", "status": 404, "detail": "c" });
        assert!(told(schema.clone(), problem.clone()).is_empty());
        for (field, value) in [
            ("status", json!("404")),
            ("status", json!(-1)),
            ("more", json!(1)),
            ("errors", json!([{}])),
        ] {
            let mut odd = problem.clone();
            odd[field] = value;
            assert!(!told(schema.clone(), odd).is_empty(), "{field}");
        }
        let mut short = problem;
        short.as_object_mut().unwrap().remove("detail");
        assert_eq!(told(schema, short), ["$.detail: is not there"]);
    }

    #[test]
    fn one_of_several_forms_is_enough() {
        let schema =
            json!({ "oneOf": [{ "type": "null" }, { "type": "string", "format": "uuid" }] });
        assert!(told(schema.clone(), Value::Null).is_empty());
        assert!(told(schema.clone(), json!("0198c0de-0000-7000-8000-000000000000")).is_empty());
        assert!(!told(schema.clone(), json!("0198c0de")).is_empty());
        assert!(!told(schema, json!(3)).is_empty());
        let both = json!({ "allOf": [
            { "type": "object", "properties": { "a": { "type": "integer" } }, "required": ["a"] },
            { "type": "object", "properties": { "b": { "type": "integer" } }, "required": ["b"] },
        ] });
        assert!(told(both.clone(), json!({ "a": 1, "b": 2 })).is_empty());
        assert!(!told(both.clone(), json!({ "a": 1 })).is_empty());
        assert!(!told(both, json!({ "a": 1, "b": 2, "c": 3 })).is_empty());
    }

    #[test]
    fn instants_are_in_utc_with_milliseconds() {
        assert!(is_instant("2026-12-24T18:00:00.000Z"));
        for odd in
            ["2026-12-24T18:00:00Z", "2026-12-24T18:00:00.000+01:00", "2026-13-24T18:00:00.000Z"]
        {
            assert!(!is_instant(odd), "{odd}");
        }
    }
}
