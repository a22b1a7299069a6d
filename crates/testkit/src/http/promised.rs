//! Whether an answer is one that the OpenAPI document promises: its status, its headers, its media type, the shape of its body and, of
//! a problem, its code.
//!
//! Knows the words of JSON Schema that the documents use, and fails on others. Patterns are left to schemathesis (`tests/interop/schemathesis.rs`).

use axum::http::HeaderMap;
use serde_json::{Map, Value};

/// Fails when `document` has this operation and does not promise this answer. What is on no path of the document, or another method of
/// one, says nothing about it.
#[track_caller]
pub(super) fn assert_promised(
    document: &Value,
    method: &str,
    path: &str,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
) {
    let Some(operation) = operation(document, method, path) else { return };
    let name = format!("{method} {path} answered {status}, and the OpenAPI document");
    let Some(promised) = operation["responses"].get(status.to_string()) else {
        panic!("{name} does not know this status: {}", String::from_utf8_lossy(body));
    };
    for (header, schema) in promised["headers"].as_object().unwrap_or(&Map::new()) {
        let required = resolve(document, schema)["required"] == true;
        assert!(!required || headers.contains_key(header.as_str()), "{name} promises {header}");
    }
    let Some(content) = promised["content"].as_object().filter(|content| !content.is_empty()) else {
        assert!(body.is_empty(), "{name} promises no body");
        return;
    };
    let media_type = headers.get("content-type").map(|value| value.to_str().unwrap()).unwrap_or_default();
    let essence = media_type.split(';').next().unwrap();
    let schema = content.get(essence).unwrap_or_else(|| panic!("{name} does not know {media_type:?}"));
    let instance = match essence.ends_with("json") {
        true => serde_json::from_slice(body).unwrap(),
        false => Value::String(String::from_utf8_lossy(body).into_owned()),
    };
    if let Some(Err(why)) = schema.get("schema").map(|schema| check(document, schema, &instance)) {
        panic!("{name} promises another body: {why}\n{instance}");
    }
}

/// The operation of a method and a path as sent.
fn operation<'a>(document: &'a Value, method: &str, path: &str) -> Option<&'a Value> {
    let segments: Vec<&str> = path.split('?').next()?.split('/').collect();
    let matches = |template: &str| {
        let template: Vec<&str> = template.split('/').collect();
        template.len() == segments.len()
            && template
                .iter()
                .zip(&segments)
                .all(|(own, sent)| own == sent || own.starts_with('{') && !sent.is_empty())
    };
    let paths = document["paths"].as_object().unwrap();
    // A path without variables comes before one that it is like.
    let exact = paths.iter().find(|(template, _)| template.split('/').eq(segments.iter().copied()));
    let (_, methods) = exact.or_else(|| paths.iter().find(|(template, _)| matches(template)))?;
    methods.get(method.to_ascii_lowercase())
}

fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let Some(place) = schema.get("$ref").and_then(Value::as_str) else { return schema };
    document.pointer(place.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("{place} leads nowhere"))
}

fn check(document: &Value, schema: &Value, instance: &Value) -> Result<(), String> {
    let schema = match resolve(document, schema) {
        Value::Bool(true) => return Ok(()),
        Value::Bool(false) => return Err(format!("{instance} must not be there")),
        schema => schema.as_object().unwrap(),
    };
    let inside = |schema: &Value| check(document, schema, instance);
    for (word, value) in schema {
        let fits = match word.as_str() {
            "description" | "examples" | "format" | "pattern" => true,
            "type" => match value {
                Value::Array(types) => types.iter().any(|name| is_a(instance, name)),
                name => is_a(instance, name),
            },
            "const" => instance == value,
            "enum" => value.as_array().unwrap().contains(instance),
            "minimum" => instance.as_f64() >= value.as_f64(),
            "minItems" => {
                instance.as_array().is_none_or(|items| items.len() as u64 >= value.as_u64().unwrap())
            }
            "maxItems" => {
                instance.as_array().is_none_or(|items| items.len() as u64 <= value.as_u64().unwrap())
            }
            "required" => {
                let names = value.as_array().unwrap().iter();
                let absent = names.filter(|name| instance.get(name.as_str().unwrap()).is_none()).count();
                absent == 0
            }
            "allOf" => {
                value.as_array().unwrap().iter().try_for_each(inside)?;
                true
            }
            "anyOf" => value.as_array().unwrap().iter().any(|schema| inside(schema).is_ok()),
            "oneOf" => value.as_array().unwrap().iter().filter(|schema| inside(schema).is_ok()).count() == 1,
            "items" => {
                let mut items = instance.as_array().into_iter().flatten();
                items.try_for_each(|item| check(document, value, item))?;
                true
            }
            "properties" => {
                for (name, member) in instance.as_object().into_iter().flatten() {
                    if let Some(schema) = value.get(name) {
                        check(document, schema, member).map_err(|why| format!("{name}: {why}"))?;
                    }
                }
                true
            }
            "additionalProperties" => {
                assert_eq!(value, false);
                let known = schema.get("properties").and_then(Value::as_object);
                let is_known = |name: &String| known.is_some_and(|known| known.contains_key(name));
                instance.as_object().into_iter().flatten().all(|(name, _)| is_known(name))
            }
            other => panic!("this check does not know {other}"),
        };
        if !fits {
            return Err(format!("{instance} is not {word} {value}"));
        }
    }
    Ok(())
}

fn is_a(instance: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => instance.is_object(),
        "array" => instance.is_array(),
        "string" => instance.is_string(),
        "boolean" => instance.is_boolean(),
        "null" => instance.is_null(),
        "number" => instance.is_number(),
        "integer" => instance.is_u64() || instance.is_i64(),
        other => panic!("{other} is no type"),
    }
}
