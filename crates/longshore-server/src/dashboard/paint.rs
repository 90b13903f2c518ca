//! What a job wrote, as HTML: its colours as classes, everything else as text.
//!
//! Of the sequences that terminals understand, those that choose colours and weights are heeded; the others
//! are left out, so that nothing a job writes can be anything but text on the page. A carriage return goes
//! back to the beginning of the line on a terminal; here it is a line's end.

use longshore_core::output::Stream;
use vte::{Params, Parser, Perform};

/// Paints what comes in parts: a sequence may begin in one and end in the next.
#[derive(Default)]
pub(super) struct Painter {
    streams: [(Parser, Pen); 2],
}

impl Painter {
    /// The HTML of some bytes of a stream, whole in itself.
    pub fn paint(&mut self, stream: Stream, bytes: &[u8]) -> String {
        let [out, err] = &mut self.streams;
        let (class, (parser, pen)) = match stream {
            Stream::Stdout => ("out", out),
            Stream::Stderr => ("err", err),
        };
        pen.html = format!("<span class=\"{class}\">");
        pen.is_open = false;
        parser.advance(pen, bytes);
        pen.close();
        pen.html.push_str("</span>");
        std::mem::take(&mut pen.html)
    }
}

/// How text is shown.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
struct Style {
    /// Those of [`WEIGHTS`] that are on.
    weights: [bool; WEIGHTS.len()],
    /// Of the sixteen.
    colour: Option<u8>,
    ground: Option<u8>,
}

/// The classes of what is no colour, in the order of the codes 1 to 4.
const WEIGHTS: [&str; 4] = ["bold", "dim", "italic", "underlined"];

impl Style {
    fn classes(self) -> String {
        let weights = WEIGHTS.into_iter().zip(self.weights);
        let weights = weights.filter(|(_, is_on)| *is_on);
        let mut classes: Vec<String> = weights.map(|(name, _)| name.to_owned()).collect();
        classes.extend(self.colour.map(|colour| format!("fg{colour}")));
        classes.extend(self.ground.map(|ground| format!("bg{ground}")));
        classes.join(" ")
    }
}

#[derive(Default)]
struct Pen {
    html: String,
    style: Style,
    /// Whether a span of the style is open.
    is_open: bool,
    /// Whether the last was a carriage return: before a line's end it is part of that.
    is_back: bool,
}

impl Pen {
    fn close(&mut self) {
        if std::mem::take(&mut self.is_open) {
            self.html.push_str("</span>");
        }
    }

    fn put(&mut self, text: &str) {
        // Progress bars draw their line again and again.
        if std::mem::take(&mut self.is_back) && text != "\n" {
            self.html.push('\n');
        }
        if !self.is_open && self.style != Style::default() {
            let parts = ["<span class=\"", &self.style.classes(), "\">"];
            self.html.extend(parts);
            self.is_open = true;
        }
        self.html.push_str(text);
    }

    /// One sequence of numbers that chooses how text is shown.
    fn choose(&mut self, params: &Params) {
        let numbers: Vec<u16> = params.iter().flatten().copied().collect();
        let mut style = self.style;
        let mut rest = &numbers[..];
        if rest.is_empty() {
            style = Style::default();
        }
        while let [first, others @ ..] = rest {
            rest = others;
            match *first {
                0 => style = Style::default(),
                code @ 1..=4 => style.weights[usize::from(code) - 1] = true,
                22 => style.weights[..2].fill(false),
                code @ 23..=24 => style.weights[usize::from(code) - 21] = false,
                code @ 30..=37 => style.colour = u8::try_from(code - 30).ok(),
                code @ 90..=97 => style.colour = u8::try_from(code - 82).ok(),
                39 => style.colour = None,
                code @ 40..=47 => style.ground = u8::try_from(code - 40).ok(),
                code @ 100..=107 => style.ground = u8::try_from(code - 92).ok(),
                49 => style.ground = None,
                38 => style.colour = colour(&mut rest).or(style.colour),
                48 => style.ground = colour(&mut rest).or(style.ground),
                _ => {}
            }
        }
        if style != self.style {
            self.close();
            self.style = style;
        }
    }
}

/// A colour of 256 or of millions, as the nearest of the sixteen.
fn colour(rest: &mut &[u16]) -> Option<u8> {
    match **rest {
        [5, index, ref others @ ..] => {
            *rest = others;
            let index = u8::try_from(index).ok()?;
            Some(match index {
                0..16 => index,
                16..232 => {
                    let part = |place: u8| (index - 16) / place % 6 * 51;
                    nearest([part(36), part(6), part(1)])
                }
                232.. => nearest([(index - 232) * 10 + 8; 3]),
            })
        }
        [2, red, green, blue, ref others @ ..] => {
            *rest = others;
            let part = |value: u16| u8::try_from(value).unwrap_or(u8::MAX);
            Some(nearest([part(red), part(green), part(blue)]))
        }
        _ => None,
    }
}

fn nearest(parts: [u8; 3]) -> u8 {
    let most = parts.into_iter().max().unwrap_or_default();
    if most < 64 {
        return if most < 32 { 0 } else { 8 };
    }
    let has = |part: u8| u8::from(part > most / 2);
    let [red, green, blue] = parts.map(has);
    let base = red + 2 * green + 4 * blue;
    if most > 192 { base + 8 } else { base }
}

impl Perform for Pen {
    fn print(&mut self, character: char) {
        match character {
            '<' => self.put("&lt;"),
            '>' => self.put("&gt;"),
            '&' => self.put("&amp;"),
            '"' => self.put("&quot;"),
            '\'' => self.put("&#39;"),
            other => self.put(other.encode_utf8(&mut [0; 4])),
        }
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' => self.put("\n"),
            b'\t' => self.put("\t"),
            b'\r' => self.is_back = true,
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, _between: &[u8], is_cut: bool, action: char) {
        if action == 'm' && !is_cut {
            self.choose(params);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn painted(parts: &[&str]) -> String {
        let mut painter = Painter::default();
        let parts = parts
            .iter()
            .map(|part| painter.paint(Stream::Stdout, part.as_bytes()));
        parts
            .collect::<String>()
            .replace("<span class=\"out\">", "[")
            .replace("</span>", "]")
    }

    #[test]
    fn text_is_text_whatever_is_in_it() {
        assert_eq!(
            painted(&["a <b> & \"c\"\n"]),
            "[a &lt;b&gt; &amp; &quot;c&quot;\n]"
        );
        let script = painted(&["<script>alert('x')</script>"]);
        assert!(!script.contains("<script"), "{script}");
    }

    #[test]
    fn colours_are_classes_and_last_from_one_part_to_the_next() {
        assert_eq!(
            painted(&["\x1b[31mred\x1b[0m plain"]),
            "[<span class=\"fg1\">red] plain]"
        );
        assert_eq!(
            painted(&["\x1b[1;92mA", "B\x1b[m."]),
            "[<span class=\"bold fg10\">A]][<span class=\"bold fg10\">B].]"
        );
        assert_eq!(
            painted(&["\x1b[38;5;196mr\x1b[38;2;0;0;255mb\x1b[48;5;232mx"]),
            "[<span class=\"fg9\">r]<span class=\"fg12\">b]<span class=\"fg12 bg0\">x]]"
        );
    }

    #[test]
    fn a_sequence_or_a_character_may_be_cut_in_two() {
        let mut painter = Painter::default();
        let text = "\x1b[32mé".as_bytes();
        let whole: String = text
            .iter()
            .map(|byte| painter.paint(Stream::Stderr, &[*byte]))
            .collect();
        assert!(whole.contains("<span class=\"fg2\">é</span>"), "{whole}");
    }

    #[test]
    fn what_moves_a_cursor_or_sets_a_title_is_left_out() {
        assert_eq!(
            painted(&["a\x1b[2J\x1b[1;1Hb\x1b]0;title\x07c\x08"]),
            "[abc]"
        );
        assert_eq!(painted(&["10%\r20%\r\n"]), "[10%\n20%\n]");
    }
}
