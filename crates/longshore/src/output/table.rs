//! Tables: aligned columns without borders; one line per row, cut to fit a terminal, whole
//! everywhere else.

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Row, Width,
};
use longshore_core::State;

use super::{Out, words};

/// However narrow the terminal, long words keep this much, their head above them whole.
const LEAST_WIDTH: u16 = 12;

/// A table being filled.
pub struct Table {
    inner: comfy_table::Table,
    is_whole: bool,
}

/// A column's head, and which way its cells lean.
#[derive(Clone, Copy)]
pub enum Column {
    /// Words lean left.
    Words(&'static str),
    /// Words that may be long: they are cut where a terminal is too narrow for everything.
    Long(&'static str),
    /// Numbers lean right.
    Numbers(&'static str),
}

impl Table {
    /// An empty table.
    pub fn new(out: &Out, columns: &[Column]) -> Self {
        let mut inner = comfy_table::Table::new();
        inner
            .load_style(comfy_table::presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic);
        if out.colored {
            inner.enforce_styling();
        } else {
            inner.style_text_only();
        }
        let head = columns.iter().map(|column| {
            let (Column::Words(name) | Column::Long(name) | Column::Numbers(name)) = column;
            let cell = Cell::new(name);
            if out.colored {
                cell.add_attribute(Attribute::Bold)
            } else {
                cell
            }
        });
        inner.set_header(head);
        for (index, column) in columns.iter().enumerate() {
            if let Some(made) = inner.column_mut(index) {
                made.set_padding((0, 2));
                match column {
                    Column::Long(_) => {
                        made.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(
                            LEAST_WIDTH,
                        )));
                    }
                    Column::Words(_) => {
                        made.set_constraint(ColumnConstraint::ContentWidth);
                    }
                    Column::Numbers(_) => {
                        made.set_constraint(ColumnConstraint::ContentWidth);
                        made.set_cell_alignment(CellAlignment::Right);
                    }
                }
            }
        }
        Self {
            inner,
            is_whole: false,
        }
    }

    /// Its rows are never cut, however narrow the terminal.
    #[must_use]
    pub fn whole(mut self) -> Self {
        self.inner
            .set_content_arrangement(ContentArrangement::Disabled);
        self.is_whole = true;
        self
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let mut row = Row::from(cells);
        if !self.is_whole {
            row.max_height(1);
        }
        self.inner.add_row(row);
    }

    /// Writes the table.
    pub fn write(&self, out: &mut Out) -> anyhow::Result<()> {
        self.write_from(out, 0)
    }

    /// Writes the rows alone, beneath those of a table that was written before.
    pub fn write_rows(&self, out: &mut Out) -> anyhow::Result<()> {
        self.write_from(out, 1)
    }

    fn write_from(&self, out: &mut Out, first: usize) -> anyhow::Result<()> {
        self.lines()
            .skip(first)
            .try_for_each(|line| out.line(&line))
    }

    /// Its lines, the head's first.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.inner.lines().map(|line| line.trim_end().to_owned())
    }
}

/// A cell with text; control characters are shown as escapes.
#[expect(
    clippy::needless_pass_by_value,
    reason = "numbers and texts alike, without `&` at each call"
)]
pub fn cell(text: impl ToString) -> Cell {
    Cell::new(words::one_line(&text.to_string()))
}

/// A cell with a value, or with the sign that there is none.
pub fn optional(value: Option<impl ToString>) -> Cell {
    value.map_or_else(|| Cell::new(words::NONE), cell)
}

/// A cell with a state, in its colour.
pub fn state(out: &Out, state: State) -> Cell {
    let cell = Cell::new(state);
    if !out.colored {
        return cell;
    }
    match state {
        State::Pending | State::Queued | State::Cancelled => cell,
        State::Retrying => cell.fg(Color::DarkYellow),
        State::Launching | State::Running => cell.fg(Color::DarkCyan),
        State::Completed => cell.fg(Color::DarkGreen),
        State::Failed | State::TimedOut => cell.fg(Color::DarkRed),
    }
}

/// Pairs of a name and a value, one per line, the values aligned. Values that are not there are
/// left out.
pub fn facts(out: &mut Out, facts: &[(&str, Option<String>)]) -> anyhow::Result<()> {
    let width = facts.iter().map(|(name, _)| name.len()).max().unwrap_or(0) + 1;
    for (name, value) in facts {
        if let Some(value) = value {
            out.line(&format!(
                "{:<width$} {}",
                format!("{name}:"),
                words::one_line(value)
            ))?;
        }
    }
    Ok(())
}
