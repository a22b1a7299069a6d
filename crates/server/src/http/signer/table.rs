//! The signer's OpenAPI 3.1 document, made of the table that its router is made of.
//!
//! A [`Route`] is a handler and what is promised of it, in one row: a route that is served and not described, or the reverse, cannot be
//! written down. What no type ties together, the shape of answers, is compared with every answer that the tests see (`tests/conformance`).

use axum::Router;
use axum::routing::MethodRouter;
use serde_json::{Map, Value, json};

/// One method of one path: what answers it, and what the document says of it.
pub(super) struct Route<S> {
    pub(super) operation: Operation,
    pub(super) handler: MethodRouter<S>,
}

/// What the document says of a method of a path.
pub(super) struct Operation {
    /// In lower case, as OpenAPI writes it.
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    /// Unique name of the operation.
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    /// Security requirements (OpenAPI 3.1 §4.8.30): any of them opens the door; none for what anybody may ask.
    pub(super) security: Value,
    pub(super) parameters: Vec<Value>,
    /// The Request Body Object; null for none.
    pub(super) body: Value,
    /// Response Objects by status.
    pub(super) responses: Map<String, Value>,
}

impl Operation {
    fn object(self) -> Value {
        let mut object = json!({
            "operationId": self.id,
            "summary": self.summary,
            "security": self.security,
            "responses": self.responses,
        });
        if let Some(object) = object.as_object_mut() {
            if !self.parameters.is_empty() {
                object.insert("parameters".to_owned(), self.parameters.into());
            }
            if !self.body.is_null() {
                object.insert("requestBody".to_owned(), self.body);
            }
        }
        object
    }
}

/// A router of `routes`.
pub(super) fn serve<S: Clone + Send + Sync + 'static>(routes: Vec<Route<S>>) -> Router<S> {
    let add = |router: Router<S>, route: Route<S>| router.route(route.operation.path, route.handler);
    routes.into_iter().fold(Router::new(), add)
}

/// What stands around the paths of a document.
pub(super) struct Frame {
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    /// Where the server is unless configured otherwise.
    pub(super) server: &'static str,
    pub(super) components: Value,
}

/// The document of `routes`.
pub(super) fn document<S>(frame: Frame, routes: Vec<Route<S>>) -> Value {
    let mut paths = Map::new();
    for Route { operation, .. } in routes {
        let (path, method) = (operation.path.to_owned(), operation.method.to_owned());
        let item = paths.entry(path).or_insert_with(|| json!({}));
        if let Some(methods) = item.as_object_mut() {
            methods.insert(method, operation.object());
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": frame.title,
            "version": env!("CARGO_PKG_VERSION"),
            "description": frame.description,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": frame.server, "description": "unless configured otherwise" }],
        "paths": paths,
        "components": frame.components,
    })
}
