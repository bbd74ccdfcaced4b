//! `use` declarations, taken apart into one name each.

use super::lexer::{Kind, Token};

/// One name that a `use` brings.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Import {
    /// What is brought, from its first segment on; of a glob what it is of.
    pub(crate) path: Vec<String>,
    /// Whether the path starts with `::`.
    pub(crate) global: bool,
    /// Under which name.
    pub(crate) name: Brought,
    /// Whether the declaration is there under some configurations only.
    pub(crate) conditional: bool,
}

/// The name under which something is brought.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Brought {
    /// A name.
    Name(String),
    /// Everything that is in it.
    Glob,
    /// `as _`: a trait without a name.
    Nameless,
}

/// The names that the tokens between `use` and `;` bring.
pub(crate) fn imports(text: &str, tokens: &[Token], conditional: bool) -> Option<Vec<Import>> {
    let mut imports = Vec::new();
    let reader = Reader { text, tokens };
    reader.tree(0, tokens.len(), &[], false, conditional, &mut imports)?;
    Some(imports)
}

/// Tokens with their text.
struct Reader<'a> {
    text: &'a str,
    tokens: &'a [Token],
}

impl Reader<'_> {
    /// The word at a place, without `r#`.
    fn word(&self, at: usize) -> String {
        let token = self.tokens[at];
        let word = &self.text[token.start as usize..token.end as usize];
        word.strip_prefix("r#").unwrap_or(word).to_string()
    }

    /// Whether `::` stands at a place.
    fn is_colons(&self, at: usize) -> bool {
        let colon =
            |at: usize| self.tokens.get(at).is_some_and(|token| token.kind == Kind::Sign(b':'));
        colon(at) && colon(at + 1)
    }

    /// One tree, in the tokens from `at` to `end`.
    fn tree(
        &self,
        mut at: usize,
        end: usize,
        before: &[String],
        mut global: bool,
        conditional: bool,
        imports: &mut Vec<Import>,
    ) -> Option<()> {
        let mut path = before.to_vec();
        if self.is_colons(at) {
            global |= before.is_empty();
            at += 2;
        }
        while at < end {
            match self.tokens[at].kind {
                Kind::Ident => {
                    let word = self.word(at);
                    // `self` in braces is what is before the braces.
                    if word != "self" || path.is_empty() {
                        path.push(word);
                    }
                    at += 1;
                }
                // `$crate`, in the body of a macro.
                Kind::Sign(b'$') => at += 1,
                Kind::Sign(b'*') => {
                    imports.push(Import { path, global, name: Brought::Glob, conditional });
                    return Some(());
                }
                Kind::Open(b'{') => return self.group(at, &path, global, conditional, imports),
                _ => return None,
            }
            if self.is_colons(at) {
                at += 2;
                continue;
            }
            let name = if at < end && self.word(at) == "as" {
                match self.word(at + 1).as_str() {
                    "_" => Brought::Nameless,
                    name => Brought::Name(name.to_string()),
                }
            } else {
                Brought::Name(path.last()?.clone())
            };
            imports.push(Import { path, global, name, conditional });
            return Some(());
        }
        Some(())
    }

    /// The trees in braces that open at `at`.
    fn group(
        &self,
        at: usize,
        path: &[String],
        global: bool,
        conditional: bool,
        imports: &mut Vec<Import>,
    ) -> Option<()> {
        // The tokens are a part of the file's, so partners are found by counting.
        let close = self.close_of(at)?;
        let mut start = at + 1;
        let mut here = start;
        while here <= close {
            if here == close || self.tokens[here].kind == Kind::Sign(b',') {
                if start < here {
                    self.tree(start, here, path, global, conditional, imports)?;
                }
                start = here + 1;
            } else if let Kind::Open(_) = self.tokens[here].kind {
                here = self.close_of(here)?;
            }
            here += 1;
        }
        Some(())
    }

    /// The place where a group ends.
    fn close_of(&self, open: usize) -> Option<usize> {
        let mut depth = 0;
        for (at, token) in self.tokens.iter().enumerate().skip(open) {
            match token.kind {
                Kind::Open(_) => depth += 1,
                Kind::Close => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(at);
            }
        }
        None
    }
}
