//! `docs/plugin.md` names every field of the saved session, and every parameter.

use std::collections::BTreeSet;
use std::sync::Arc;

use farsend_plugin::params::FarsendParams;
use farsend_plugin::signal::Signal;
use farsend_plugin::state::{Session, SessionStore};
use nice_plug::prelude::Params;
use serde_json::{Map, Value};

const PAGE: &str = include_str!("../../docs/plugin.md");

#[test]
fn the_session_on_the_page_is_the_default_with_somebody_to_call() {
    let page = object(
        PAGE.split("```json")
            .nth(1)
            .and_then(|rest| rest.split("```").next()),
    );
    let real = object(Some(&Session::default().to_json()));
    assert_eq!(
        page.keys().collect::<Vec<_>>(),
        real.keys().collect::<Vec<_>>()
    );
    let other: Vec<&String> = page
        .iter()
        .filter(|(field, value)| real[*field] != **value)
        .map(|(field, _)| field)
        .collect();
    assert_eq!(other, ["connected", "host"]);
}

#[test]
fn every_field_has_a_row() {
    let real = object(Some(&Session::default().to_json()));
    assert_eq!(
        rows("| field |"),
        real.keys().cloned().collect::<BTreeSet<_>>()
    );
}

#[test]
fn every_parameter_has_a_row() {
    let session = Arc::new(SessionStore::new(Arc::new(Signal::default())));
    let params = FarsendParams::new(session, Arc::default());
    let real: BTreeSet<String> = params.param_map().into_iter().map(|(id, ..)| id).collect();
    assert_eq!(rows("| id |"), real);
}

fn object(text: Option<&str>) -> Map<String, Value> {
    let value = text.and_then(|text| serde_json::from_str(text).ok());
    value.expect("a JSON object")
}

/// What stands in backticks in the first column of the table that begins like this.
fn rows(head: &str) -> BTreeSet<String> {
    let table = PAGE.lines().skip_while(|line| !line.starts_with(head));
    let rows = table.skip(2).take_while(|line| line.starts_with('|'));
    rows.filter_map(|row| row.split('|').nth(1))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect()
}
