//! How fields that are written in more ways than one look in JSON: for the HTTP API's description.

use utoipa::openapi::schema::{
    AdditionalProperties, ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, Type,
};

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn one_of<const N: usize>(description: &str, forms: [Schema; N]) -> Schema {
    let any = OneOfBuilder::new().description(Some(description));
    let any = forms.into_iter().fold(any, OneOfBuilder::item);
    any.item(ObjectBuilder::new().schema_type(Type::Null))
        .build()
        .into()
}

fn number(kind: Type) -> Schema {
    ObjectBuilder::new()
        .schema_type(kind)
        .minimum(Some(0))
        .build()
        .into()
}

/// Bytes: `536870912`, or a text such as `"512m"`.
pub fn bytes() -> Schema {
    let words = text().examples(["512m", "1.5 GiB"]).build();
    let description = "Bytes, or a text such as \"512m\"; answers have bytes";
    one_of(description, [number(Type::Integer), words.into()])
}

/// Seconds, or a text such as `"90s"`.
pub fn duration() -> Schema {
    let words = text().examples(["90s", "1h 30m"]).build();
    let description = "Seconds, or a text such as \"1h 30m\"; answers have seconds";
    one_of(description, [number(Type::Number), words.into()])
}

/// As [`duration`], or `"none"`.
pub fn timeout() -> Schema {
    let words = text().examples(["90s", "none"]).build();
    let description =
        "Seconds, or a text such as \"1h 30m\", or \"none\"; answers have seconds or \"none\"";
    one_of(description, [number(Type::Number), words.into()])
}

/// `"any"`, or a list of codes.
pub fn exit_codes() -> Schema {
    let code = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1))
        .maximum(Some(255));
    let codes = ArrayBuilder::new().items(code).build();
    let any = text().enum_values(Some(["any"])).build();
    one_of(
        "\"any\", or a list of exit codes",
        [any.into(), codes.into()],
    )
}

/// 0 to 100.
pub fn priority() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .description(Some("0 to 100, higher first; 50 when absent"))
        .minimum(Some(0))
        .maximum(Some(100))
        .build()
        .into()
}

/// Environment variables and their values.
pub fn env() -> Schema {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .description(Some(
            "Environment variables; answers have *** for each value",
        ))
        .additional_properties(Some(AdditionalProperties::from(text())))
        .build()
        .into()
}
