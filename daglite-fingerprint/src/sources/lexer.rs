//! Splits Rust source text into tokens, fast: enough to find the items of a file without parsing their bodies.

/// What a token is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A name or a keyword, raw ones too.
    Ident,
    /// A lifetime or a label.
    Lifetime,
    /// A string literal of any kind.
    Text,
    /// Another literal.
    Literal,
    /// One sign.
    Sign(u8),
    /// The start of a group: `(`, `[` or `{`.
    Open(u8),
    /// The end of a group.
    Close,
}

/// A token: what it is, and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    /// What it is.
    pub(crate) kind: Kind,
    /// Its first byte.
    pub(crate) start: u32,
    /// The byte after its last.
    pub(crate) end: u32,
    /// Of the start of a group: the index of its end.
    pub(crate) partner: u32,
}

/// The tokens of `text`, groups matched; `None` if it is not Rust.
pub(crate) fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut lexer = Lexer { bytes: text.as_bytes(), at: 0 };
    if text.starts_with('\u{feff}') {
        lexer.at = 3;
    }
    lexer.skip_shebang();
    let mut tokens: Vec<Token> = Vec::with_capacity(text.len() / 4);
    let mut open: Vec<usize> = Vec::new();
    while let Some((kind, start)) = lexer.next()? {
        match kind {
            Kind::Open(_) => open.push(tokens.len()),
            Kind::Close => {
                let opener = open.pop()?;
                let expected = match tokens[opener].kind {
                    Kind::Open(b'(') => b')',
                    Kind::Open(b'[') => b']',
                    _ => b'}',
                };
                if lexer.bytes[start] != expected {
                    return None;
                }
                tokens[opener].partner = u32::try_from(tokens.len()).ok()?;
            }
            _ => {}
        }
        let (start, end) = (u32::try_from(start).ok()?, u32::try_from(lexer.at).ok()?);
        tokens.push(Token { kind, start, end, partner: 0 });
    }
    open.is_empty().then_some(tokens)
}

/// Where in the text we are.
struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Whether a name may go on with this byte; every byte of a character beyond ASCII is taken for one.
fn continues(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

impl Lexer<'_> {
    /// The byte so far ahead, 0 behind the end.
    fn peek(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// `#!/usr/bin/…` in the first line, which is no inner attribute.
    fn skip_shebang(&mut self) {
        if !self.bytes[self.at..].starts_with(b"#!") {
            return;
        }
        let after = self.bytes[self.at + 2..].iter().find(|byte| !byte.is_ascii_whitespace());
        if after != Some(&b'[') {
            self.skip_line();
        }
    }

    /// Skips what is left of the line.
    fn skip_line(&mut self) {
        while self.at < self.bytes.len() && self.bytes[self.at] != b'\n' {
            self.at += 1;
        }
    }

    /// Skips a block comment, with those in it; `None` if it does not end.
    fn skip_block(&mut self) -> Option<()> {
        let mut depth = 0_u32;
        while self.at < self.bytes.len() {
            match (self.bytes[self.at], self.peek(1)) {
                (b'/', b'*') => {
                    depth += 1;
                    self.at += 2;
                }
                (b'*', b'/') => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return Some(());
                    }
                }
                _ => self.at += 1,
            }
        }
        None
    }

    /// The next token and its first byte. `Some(None)` at the end of the text, `None` if the text is no Rust.
    fn next(&mut self) -> Option<Option<(Kind, usize)>> {
        loop {
            if self.at >= self.bytes.len() {
                return Some(None);
            }
            match (self.bytes[self.at], self.peek(1)) {
                (byte, _) if byte.is_ascii_whitespace() || byte == 0x0b => self.at += 1,
                (b'/', b'/') => self.skip_line(),
                (b'/', b'*') => self.skip_block()?,
                _ => break,
            }
        }
        let start = self.at;
        let kind = match self.bytes[start] {
            b'"' => self.text()?,
            b'\'' => self.quote()?,
            b'0'..=b'9' => self.number(),
            byte if continues(byte) => self.word()?,
            byte @ (b'(' | b'[' | b'{') => {
                self.at += 1;
                Kind::Open(byte)
            }
            b')' | b']' | b'}' => {
                self.at += 1;
                Kind::Close
            }
            byte => {
                self.at += 1;
                Kind::Sign(byte)
            }
        };
        Some(Some((kind, start)))
    }

    /// A string with escapes, from its first quote on.
    fn text(&mut self) -> Option<Kind> {
        self.at += 1;
        loop {
            match self.bytes.get(self.at)? {
                b'\\' => self.at += 2,
                b'"' => break,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        self.suffix();
        Some(Kind::Text)
    }

    /// A raw string, from its first `#` or quote on.
    fn raw_text(&mut self) -> Option<Kind> {
        let mut hashes = 0;
        while self.peek(0) == b'#' {
            hashes += 1;
            self.at += 1;
        }
        self.at += 1;
        loop {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            if byte == b'"' && (0..hashes).all(|ahead| self.peek(ahead) == b'#') {
                self.at += hashes;
                self.suffix();
                return Some(Kind::Text);
            }
        }
    }

    /// Skips the rest of a name.
    fn suffix(&mut self) {
        while self.at < self.bytes.len() && continues(self.bytes[self.at]) {
            self.at += 1;
        }
    }

    /// A lifetime, or the literal of a character.
    fn quote(&mut self) -> Option<Kind> {
        let first = self.peek(1);
        if first == b'\\' {
            self.at += 3;
            while *self.bytes.get(self.at)? != b'\'' {
                self.at += 1;
            }
            self.at += 1;
            self.suffix();
            return Some(Kind::Literal);
        }
        // One character, however many bytes it has, and a quote: a literal.
        let mut after = self.at + 2;
        while self.bytes.get(after).is_some_and(|byte| byte & 0xc0 == 0x80) {
            after += 1;
        }
        if self.bytes.get(after) == Some(&b'\'') {
            self.at = after + 1;
            self.suffix();
            return Some(Kind::Literal);
        }
        self.at += 1;
        if !continues(first) {
            return None;
        }
        self.suffix();
        Some(Kind::Lifetime)
    }

    /// A number, from its first digit on.
    fn number(&mut self) -> Kind {
        while self.at < self.bytes.len() {
            let byte = self.bytes[self.at];
            let sign_of_exponent = matches!(byte, b'+' | b'-')
                && matches!(self.bytes[self.at - 1], b'e' | b'E')
                && self.is_decimal_exponent();
            let point = byte == b'.' && self.peek(1).is_ascii_digit();
            if continues(byte) || point || sign_of_exponent {
                self.at += 1;
            } else {
                break;
            }
        }
        Kind::Literal
    }

    /// Whether the `e` before this place belongs to a float, and not to a hexadecimal number.
    fn is_decimal_exponent(&self) -> bool {
        let mut start = self.at;
        while start > 0 && (continues(self.bytes[start - 1]) || self.bytes[start - 1] == b'.') {
            start -= 1;
        }
        !matches!(self.bytes.get(start + 1), Some(b'x' | b'b' | b'o'))
            && self.peek(1).is_ascii_digit()
    }

    /// A name, or a literal that starts with letters.
    fn word(&mut self) -> Option<Kind> {
        let start = self.at;
        while self.at < self.bytes.len() && continues(self.bytes[self.at]) {
            self.at += 1;
        }
        let word = &self.bytes[start..self.at];
        match (word, self.peek(0)) {
            (b"r" | b"br" | b"cr", b'"') => self.raw_text(),
            (b"r", b'#') if matches!(self.peek(1), b'#' | b'"') => self.raw_text(),
            (b"br" | b"cr", b'#') => self.raw_text(),
            (b"r", b'#') if continues(self.peek(1)) => {
                self.at += 1;
                self.suffix();
                Some(Kind::Ident)
            }
            (b"b" | b"c", b'"') => self.text(),
            (b"b", b'\'') => self.quote(),
            _ => Some(Kind::Ident),
        }
    }
}
