//! Routes and their OpenAPI 3.1 document, which grow together.
//!
//! `#[utoipa::path]` on a handler derives its operation from the types that it takes and gives. [`Described`] serves that operation and
//! writes it down in one step, so nothing is served and not described, or the reverse. utoipa knows no headers that every answer has, no
//! `required` of headers and no references to them: [`Described::document`] puts these in.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter};
use serde_json::{Map, Value, json};
use utoipa::openapi::path::HttpMethod;
use utoipa::openapi::security::{SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Components, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, ServerBuilder};
use utoipa::{Path, ToSchema};
// What `#[utoipa::path]` implements beside `Path`, under the only name that it has.
use utoipa::__dev::SchemaReferences;

const LICENSE: &str = "MIT OR Apache-2.0";

/// What stands around the operations of a document.
pub(super) struct Frame {
    pub(super) title: &'static str,
    pub(super) description: &'static str,
    /// Where the server is unless configured otherwise.
    pub(super) server: &'static str,
    /// Ways to prove who asks, by name.
    pub(super) schemes: Vec<(&'static str, SecurityScheme)>,
    /// Names out of `schemes`: those of one row open the door together. Of every operation that says nothing else.
    pub(super) security: &'static [&'static [&'static str]],
    /// Header Objects, by name.
    pub(super) headers: Value,
    /// Names out of `headers`: what every answer has.
    pub(super) everywhere: &'static [&'static str],
}

/// Handlers, and the document that describes each of them.
pub(super) struct Described<S> {
    router: Router<S>,
    document: OpenApi,
}

impl<S: Clone + Send + Sync + 'static> Described<S> {
    pub(super) fn new() -> Self {
        let components = Some(Components::new());
        Self { router: Router::new(), document: OpenApiBuilder::new().components(components).build() }
    }

    /// Serves the operation with `handler`: `route(__path_show, show)`.
    pub(super) fn route<O, H, T>(self, operation: O, handler: H) -> Self
    where
        O: Path + SchemaReferences,
        H: Handler<T, S>,
        T: 'static,
    {
        self.add(operation, handler, false)
    }

    /// As [`Self::route`], for anybody: no credentials are asked for.
    pub(super) fn public<O, H, T>(self, operation: O, handler: H) -> Self
    where
        O: Path + SchemaReferences,
        H: Handler<T, S>,
        T: 'static,
    {
        self.add(operation, handler, true)
    }

    fn add<O, H, T>(mut self, _: O, handler: H, public: bool) -> Self
    where
        O: Path + SchemaReferences,
        H: Handler<T, S>,
        T: 'static,
    {
        let (path, methods, mut described) = (O::path(), O::methods(), O::operation());
        if public {
            described.security = Some(Vec::new());
        }
        let on = |served: MethodRouter<S>, method| served.on(filter(method), handler.clone());
        self.router = self.router.route(&path, methods.iter().fold(MethodRouter::new(), on));
        self.document.paths.add_path_operation(path, methods, described);
        let mut schemas = Vec::new();
        O::schemas(&mut schemas);
        self.document.components.get_or_insert_default().schemas.extend(schemas);
        self
    }

    /// Answers the methods of a path that these routes do not have.
    pub(super) fn other_methods<H, T>(mut self, path: &str, handler: H) -> Self
    where
        H: Handler<T, S>,
        T: 'static,
    {
        self.router = self.router.route(path, MethodRouter::new().fallback(handler));
        self
    }

    /// Describes a type to which answers refer.
    pub(super) fn schema<T: ToSchema>(mut self) -> Self {
        let mut schemas = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut schemas);
        self.document.components.get_or_insert_default().schemas.extend(schemas);
        self
    }

    /// The routes, served.
    pub(super) fn router(self) -> Router<S> {
        self.router
    }

    /// The routes and those of `other`, described.
    pub(super) fn document(self, frame: Frame, other: Self) -> Value {
        let license = LicenseBuilder::new().name(LICENSE).identifier(Some(LICENSE)).build();
        let info = InfoBuilder::new()
            .title(frame.title)
            .version(env!("CARGO_PKG_VERSION"))
            .description(Some(frame.description))
            .license(Some(license));
        let server = ServerBuilder::new().url(frame.server).description(Some("unless configured otherwise"));
        let mut document = self.document.merge_from(other.document);
        document.info = info.build();
        document.servers = Some(vec![server.build()]);
        document.security = Some(frame.security.iter().map(|row| together(row)).collect());
        let components = document.components.get_or_insert_default();
        components.add_security_schemes_from_iter(frame.schemes);

        let mut document = serde_json::to_value(document).unwrap_or_default();
        for response in responses(&mut document) {
            refer_to_headers(response, frame.everywhere);
        }
        if let Some(Value::Object(components)) = document.get_mut("components") {
            components.insert("headers".to_owned(), frame.headers);
        }
        document
    }
}

const fn filter(method: &HttpMethod) -> MethodFilter {
    match method {
        HttpMethod::Get => MethodFilter::GET,
        HttpMethod::Post => MethodFilter::POST,
        HttpMethod::Put => MethodFilter::PUT,
        HttpMethod::Delete => MethodFilter::DELETE,
        HttpMethod::Options => MethodFilter::OPTIONS,
        HttpMethod::Head => MethodFilter::HEAD,
        HttpMethod::Patch => MethodFilter::PATCH,
        HttpMethod::Trace => MethodFilter::TRACE,
    }
}

fn together(schemes: &[&str]) -> SecurityRequirement {
    let none = || SecurityRequirement::default();
    schemes.iter().fold(none(), |all, scheme| all.add(*scheme, Vec::<String>::new()))
}

/// Every Response Object of the document.
fn responses(document: &mut Value) -> impl Iterator<Item = &mut Map<String, Value>> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut).into_iter();
    let operations =
        paths.flat_map(Map::values_mut).filter_map(Value::as_object_mut).flat_map(Map::values_mut);
    let answers = operations.filter_map(|operation| operation.get_mut("responses")?.as_object_mut());
    answers.flat_map(Map::values_mut).filter_map(Value::as_object_mut)
}

/// Refers to the headers that the answer names, and to those that every answer has.
fn refer_to_headers(response: &mut Map<String, Value>, everywhere: &[&str]) {
    let own = response.get("headers").and_then(Value::as_object).into_iter().flat_map(Map::keys);
    let names = everywhere.iter().map(|name| (*name).to_owned()).chain(own.cloned());
    let headers: Map<String, Value> = names
        .map(|name| {
            let place = format!("#/components/headers/{name}");
            (name, json!({ "$ref": place }))
        })
        .collect();
    response.insert("headers".to_owned(), headers.into());
}
