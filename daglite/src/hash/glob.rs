//! `Glob`: which of a folder's files are meant.

/// Paths that are meant: one pattern for each choice of its braces, each in parts between slashes.
#[derive(Debug)]
pub(super) struct Glob(Vec<Vec<Part>>);

/// What stands between two slashes.
#[derive(Debug)]
enum Part {
    /// `**`: any number of folders.
    Folders,
    /// One name.
    Name(Vec<Piece>),
}

/// A piece of a name.
#[derive(Debug)]
enum Piece {
    /// `*`.
    Many,
    /// `?`.
    One,
    /// `[a-z]`, `[!a-z]`.
    Of { ranges: Vec<(char, char)>, not: bool },
    /// The character itself.
    Just(char),
}

/// Choices of braces before giving up.
const MOST_CHOICES: usize = 1_000;

impl Glob {
    /// Reads `*.csv`, `**/*.{csv,tsv}`, `part-[0-9]?.bin`.
    pub(super) fn new(pattern: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("the pattern `{pattern}` {why}");
        let mut done = Vec::new();
        let mut open = vec![pattern.to_owned()];
        while let Some(text) = open.pop() {
            match choices(&text).map_err(wrong)? {
                Some(choices) => open.extend(choices),
                None => done.push(parts(&text).map_err(wrong)?),
            }
            if open.len() + done.len() > MOST_CHOICES {
                return Err(wrong("has too many choices: drop some of its braces"));
            }
        }
        Ok(Self(done))
    }

    /// Whether a relative path, its parts between slashes, is meant.
    pub(super) fn matches(&self, path: &str) -> bool {
        let names: Vec<Vec<char>> = path.split('/').map(|name| name.chars().collect()).collect();
        self.0.iter().any(|parts| {
            is_match(
                parts,
                &names,
                |part| matches!(part, Part::Folders),
                |part, name| {
                    let of = |piece: &Piece| matches!(piece, Piece::Many);
                    matches!(part, Part::Name(pieces) if is_match(pieces, name, of, Piece::suits))
                },
            )
        })
    }
}

impl Piece {
    /// Whether one character is meant.
    fn suits(&self, character: &char) -> bool {
        match self {
            Self::Many | Self::One => true,
            Self::Just(just) => just == character,
            Self::Of { ranges, not } => {
                ranges.iter().any(|(from, to)| (from..=to).contains(&character)) != *not
            }
        }
    }
}

/// Whether `pattern` is all of `text`; what `is_any` says yes to stands for any number of the text's parts. Takes no
/// longer than the product of both lengths.
fn is_match<P, T>(
    pattern: &[P],
    text: &[T],
    is_any: impl Fn(&P) -> bool,
    suits: impl Fn(&P, &T) -> bool,
) -> bool {
    let (mut at, mut place) = (0, 0);
    let mut last_any = None;
    while place < text.len() {
        match pattern.get(at) {
            Some(part) if is_any(part) => {
                last_any = Some((at, place));
                at += 1;
            }
            Some(part) if suits(part, &text[place]) => {
                at += 1;
                place += 1;
            }
            // The last "any" takes one more.
            _ => match &mut last_any {
                Some((any, taken)) => {
                    *taken += 1;
                    (at, place) = (*any + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(is_any)
}

/// The pattern with each choice of its first braces in their place; `None` if it has no braces.
fn choices(text: &str) -> Result<Option<Vec<String>>, &'static str> {
    let Some(open) = text.find('{') else {
        return if text.contains('}') { Err("has a `}` without a `{`") } else { Ok(None) };
    };
    let mut depth = 0;
    let mut starts = vec![open + 1];
    for (place, character) in text[open..].char_indices() {
        let place = open + place;
        match character {
            '{' => depth += 1,
            ',' if depth == 1 => starts.push(place + 1),
            '}' if depth == 1 => {
                starts.push(place + 1);
                let (before, after) = (&text[..open], &text[place + 1..]);
                let choice =
                    |ends: &[usize]| format!("{before}{}{after}", &text[ends[0]..ends[1] - 1]);
                return Ok(Some(starts.windows(2).map(choice).collect()));
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    Err("has a `{` without a `}`")
}

/// The parts of a pattern without braces.
fn parts(text: &str) -> Result<Vec<Part>, &'static str> {
    if text.is_empty() || text.starts_with('/') || text.ends_with('/') || text.contains("//") {
        return Err("has an empty part: write names between single slashes");
    }
    text.split('/')
        .map(|part| match part {
            "**" => Ok(Part::Folders),
            "." | ".." => Err("leads out of the folder: drop `.` and `..`"),
            part if part.contains("**") => Err("has `**` beside other characters: it is a part"),
            part => pieces(part).map(Part::Name),
        })
        .collect()
}

/// The pieces of a name.
fn pieces(text: &str) -> Result<Vec<Piece>, &'static str> {
    let mut pieces = Vec::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        pieces.push(match character {
            '*' => Piece::Many,
            '?' => Piece::One,
            '[' => {
                let (inside, after) =
                    characters.as_str().split_once(']').ok_or("has a `[` without a `]`")?;
                characters = after.chars();
                let (not, inside) = match inside.strip_prefix('!') {
                    Some(inside) => (true, inside),
                    None => (false, inside),
                };
                Piece::Of { ranges: ranges(inside)?, not }
            }
            just => Piece::Just(just),
        });
    }
    Ok(pieces)
}

/// The ranges between brackets.
fn ranges(text: &str) -> Result<Vec<(char, char)>, &'static str> {
    let characters: Vec<char> = text.chars().collect();
    let mut ranges = Vec::new();
    let mut rest = &characters[..];
    loop {
        rest = match rest {
            [from, '-', to, rest @ ..] => {
                ranges.push((*from, *to));
                rest
            }
            [one, rest @ ..] => {
                ranges.push((*one, *one));
                rest
            }
            [] if ranges.is_empty() => return Err("has nothing between `[` and `]`"),
            [] => return Ok(ranges),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_say() {
        let table = [
            ("*.csv", "a.csv", true),
            ("*.csv", "sub/a.csv", false),
            ("*.csv", ".csv", true),
            ("**/*.csv", "a.csv", true),
            ("**/*.csv", "x/y/a.csv", true),
            ("**/*.csv", "x/y/a.tsv", false),
            ("x/**", "x/y/z", true),
            ("x/**/z", "x/z", true),
            ("x/**/z", "x/a/b/z", true),
            ("x/**/z", "y/a/z", false),
            ("**", "x/y", true),
            ("a?c", "abc", true),
            ("a?c", "aéc", true),
            ("a?c", "ac", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[-x]", "-", true),
            ("*.{csv,tsv}", "a.tsv", true),
            ("{a,b{1,2}}.x", "b2.x", true),
            ("{a,b{1,2}}.x", "b.x", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
        ];
        for (pattern, path, expected) in table {
            let glob = Glob::new(pattern).unwrap();
            assert_eq!(glob.matches(path), expected, "`{pattern}` and `{path}`");
        }
    }

    #[test]
    fn patterns_that_mean_nothing_are_refused() {
        for pattern in ["", "/a", "a/", "a//b", "../a", "[a", "[]", "{a", "a}", "a**", "{}{,}{,"] {
            let error = Glob::new(pattern).unwrap_err();
            assert!(error.starts_with(&format!("the pattern `{pattern}` ")), "{error}");
        }
        let many = "{a,b}".repeat(30);
        assert!(Glob::new(&many).unwrap_err().contains("too many choices"));
    }

    #[test]
    fn a_malicious_pattern_takes_no_longer_than_both_lengths() {
        let pattern = format!("{}b", "a*".repeat(200));
        assert!(!Glob::new(&pattern).unwrap().matches(&"a".repeat(2_000)));
    }
}
