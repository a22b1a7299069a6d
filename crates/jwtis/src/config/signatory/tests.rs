//! Signatory's sections, from YAML text to what is configured.
