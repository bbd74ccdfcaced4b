//! `Graph`: a picture of a graph of tasks, as text for Mermaid and Graphviz.
//!
//! Nodes that are alike are folded if there are too many to look at. All is done in loops, over lists.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;

/// A picture with more nodes or arrows than this is folded.
const MOST_NODES: usize = 150;
/// Mermaid draws no more than 500 arrows unless it is told to.
const MOST_EDGES: usize = 450;
/// The most letters of a line in a node.
const LINE: usize = 60;

/// A picture of a graph of tasks: [`mermaid`](Self::mermaid) and [`dot`](Self::dot) write it down. Made by
/// [`TaskFuture::graph`](crate::TaskFuture::graph), [`Plan::graph`](crate::Plan::graph) and
/// [`Outcome::graph`](crate::Outcome::graph).
///
/// Arrows lead from a result to what takes it. Colours and words tell hits, what was or would be computed, what has failed, and
/// what went on from a checkpoint. A graph of more than 150 tasks is folded: tasks of one name and state become one node that says how
/// many they are, and the first node of the picture says so.
///
/// ```
/// use daglite::prelude::*;
///
/// #[task(name = "load")]
/// fn load() -> Vec<u32> {
///     vec![1, 2, 3]
/// }
///
/// #[task(name = "total")]
/// fn total(values: &[u32]) -> u32 {
///     values.iter().sum()
/// }
///
/// let graph = load().then(total).graph()?;
/// assert!(graph.mermaid().contains("n0[\"load<br/>to compute: not cached\"]:::compute"));
/// assert!(graph.dot().contains("n0 -> n1"));
/// # Ok::<(), daglite::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Graph {
    nodes: Vec<Drawn>,
    /// From the first to the second.
    edges: Vec<(u32, u32)>,
}

/// A node of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Drawn {
    /// What it is called.
    pub(crate) name: &'static str,
    /// How it is drawn.
    pub(crate) look: Appearance,
    /// What is known of it, in a few words.
    pub(crate) detail: String,
}

/// The nodes of a run as they are numbered there, and how they hang together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Outline {
    /// The name of each that is a task.
    pub(crate) names: Vec<Option<&'static str>>,
    /// From what makes a result to what takes it.
    pub(crate) edges: Vec<(u32, u32)>,
}

/// Leaves out what need not be drawn: `shown` are the numbers of the nodes that are, of `count`. The arrows of what has one source begin
/// where that one's do; what has none or several is numbered from `next` on, and its name is in the answer.
pub(crate) fn contracted(
    shown: &[Option<u32>],
    edges: &[(u32, u32)],
    next: usize,
) -> (Vec<&'static str>, Vec<(u32, u32)>) {
    const OPEN: u32 = u32::MAX;
    let mut sources = vec![(0, 0); shown.len()];
    for (from, to) in edges {
        let (count, last) = &mut sources[*to as usize];
        (*count, *last) = (*count + 1, *from);
    }
    let mut inline = Vec::new();
    let mut numbers = Vec::with_capacity(shown.len());
    for (number, (count, _)) in shown.iter().zip(&sources) {
        numbers.push(match (number, count) {
            (Some(number), _) => *number,
            (None, 1) => OPEN,
            (None, count) => {
                inline.push(if *count == 0 { "value" } else { "join" });
                (next + inline.len() - 1) as u32
            }
        });
    }
    let mut path = Vec::new();
    for at in 0..numbers.len() {
        let mut end = at;
        while numbers[end] == OPEN {
            path.push(end);
            end = sources[end].1 as usize;
        }
        path.drain(..).for_each(|passed| numbers[passed] = numbers[end]);
    }
    let numbered = |(from, to): &(u32, u32)| (numbers[*from as usize], numbers[*to as usize]);
    let edges = edges.iter().map(numbered).filter(|(from, to)| from != to).collect();
    (inline, edges)
}

/// How a node is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Appearance {
    /// The cache has it, or had it.
    Hit,
    /// It was computed.
    Computed,
    /// It would be computed.
    Compute,
    /// It is not known what would become of it.
    Unknown,
    /// A checkpoint stands for it.
    Resumed,
    /// It has failed.
    Failed,
    /// It is there from an earlier run.
    Ready,
    /// It is being computed.
    Running,
    /// The run did not come to it.
    Untouched,
    /// Something small that is no task.
    Inline,
}

impl Appearance {
    /// All of them.
    const ALL: [Self; 10] = [
        Self::Hit,
        Self::Computed,
        Self::Compute,
        Self::Unknown,
        Self::Resumed,
        Self::Failed,
        Self::Ready,
        Self::Running,
        Self::Untouched,
        Self::Inline,
    ];

    /// The name of its class, the words for it, and the colours of its ground and its line.
    fn style(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::Hit => ("hit", "hit", "#d7f0d8", "#2f8132"),
            Self::Computed => ("computed", "computed", "#d6e6fa", "#2763a5"),
            Self::Compute => ("compute", "to compute", "#d6e6fa", "#2763a5"),
            Self::Unknown => ("unknown", "unknown", "#f1f1f1", "#777777"),
            Self::Resumed => ("resumed", "resumed", "#e8ddf7", "#6b3fa0"),
            Self::Failed => ("failed", "failed", "#fad7d5", "#b3261e"),
            Self::Ready => ("ready", "ready", "#d7f0d8", "#2f8132"),
            Self::Running => ("running", "running", "#fdf0c8", "#9a6b00"),
            Self::Untouched => ("untouched", "not run", "#ffffff", "#777777"),
            Self::Inline => ("inline", "", "#ffffff", "#999999"),
        }
    }
}

impl Graph {
    /// A picture of `nodes`, with arrows between them by their numbers.
    pub(crate) fn new(nodes: Vec<Drawn>, mut edges: Vec<(u32, u32)>) -> Self {
        edges.sort_unstable();
        edges.dedup();
        Self { nodes, edges }
    }

    /// How many tasks there are, folded or not.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// # #[task]
    /// # fn one() -> u8 { 1 }
    /// assert_eq!(one().graph()?.tasks(), 1);
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn tasks(&self) -> usize {
        self.nodes.iter().filter(|node| node.look != Appearance::Inline).count()
    }

    /// The picture for [Mermaid](https://mermaid.js.org), which GitHub, GitLab and many editors draw.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// # #[task]
    /// # fn one() -> u8 { 1 }
    /// assert!(one().graph()?.mermaid().starts_with("flowchart TD\n"));
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn mermaid(&self) -> String {
        let sketch = self.sketch();
        let mut text = String::from("flowchart TD\n");
        if let Some(notice) = &sketch.notice {
            let _ = writeln!(text, "    notice([\"{}\"]):::inline", in_mermaid(notice));
        }
        for (at, (lines, look)) in sketch.nodes.iter().enumerate() {
            let label: Vec<_> = lines.iter().map(|line| in_mermaid(line)).collect();
            let label = label.join("<br/>");
            let (class, ..) = look.style();
            let (open, close) = match look {
                Appearance::Inline => ("([", "])"),
                _ => ("[", "]"),
            };
            let _ = writeln!(text, "    n{at}{open}\"{label}\"{close}:::{class}");
        }
        for (from, to) in &sketch.edges {
            let _ = writeln!(text, "    n{from} --> n{to}");
        }
        for look in sketch.looks() {
            let (class, _, fill, line) = look.style();
            let _ = writeln!(text, "    classDef {class} fill:{fill},stroke:{line},color:#1b1b1b");
        }
        text
    }

    /// The picture for [Graphviz](https://graphviz.org): `dot -Tsvg`.
    ///
    /// ```
    /// # use daglite::prelude::*;
    /// # #[task]
    /// # fn one() -> u8 { 1 }
    /// assert!(one().graph()?.dot().starts_with("digraph daglite {\n"));
    /// # Ok::<(), daglite::Error>(())
    /// ```
    pub fn dot(&self) -> String {
        let sketch = self.sketch();
        let mut text = String::from(
            "digraph daglite {\n    node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\"];\n",
        );
        if let Some(notice) = &sketch.notice {
            let _ = writeln!(text, "    notice [label=\"{}\", shape=note];", in_dot(notice));
        }
        for (at, (lines, look)) in sketch.nodes.iter().enumerate() {
            let label: Vec<_> = lines.iter().map(|line| in_dot(line)).collect();
            let label = label.join("\\n");
            let (_, _, fill, line) = look.style();
            let shape = if *look == Appearance::Inline { ", shape=ellipse" } else { "" };
            let _ = writeln!(
                text,
                "    n{at} [label=\"{label}\", fillcolor=\"{fill}\", color=\"{line}\"{shape}];"
            );
        }
        for (from, to) in &sketch.edges {
            let _ = writeln!(text, "    n{from} -> n{to};");
        }
        text.push_str("}\n");
        text
    }

    /// What is drawn: the nodes as they are, or folded.
    fn sketch(&self) -> Sketch {
        if self.nodes.len() > MOST_NODES || self.edges.len() > MOST_EDGES {
            return self.folded();
        }
        let lines = |node: &Drawn| (lines_of(node.name, node.look, &node.detail), node.look);
        let nodes = self.nodes.iter().map(lines).collect();
        Sketch { notice: None, nodes, edges: self.edges.clone() }
    }

    /// Nodes of one name and look as one.
    fn folded(&self) -> Sketch {
        let mut places: HashMap<(&str, Appearance), u32> = HashMap::new();
        let mut kinds: Vec<(&Drawn, usize)> = Vec::new();
        let mut kind_of = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let next = kinds.len() as u32;
            let place = *places.entry((node.name, node.look)).or_insert(next);
            if place == next {
                kinds.push((node, 0));
            }
            kinds[place as usize].1 += 1;
            kind_of.push(place);
        }
        let shown = kinds.len().min(MOST_NODES) as u32;
        let edges: BTreeSet<(u32, u32)> = self
            .edges
            .iter()
            .map(|(from, to)| (kind_of[*from as usize], kind_of[*to as usize]))
            .filter(|(from, to)| from != to && *from < shown && *to < shown)
            .collect();
        let left_out = kinds.len() - shown as usize;
        let mut notice = format!("{} tasks, folded by name and state", self.tasks());
        if left_out > 0 {
            let _ = write!(notice, "; {left_out} more kinds are not shown");
        }
        if edges.len() > MOST_EDGES {
            let _ = write!(notice, "; {} more arrows are not shown", edges.len() - MOST_EDGES);
        }
        let nodes = kinds[..shown as usize].iter().map(|(node, count)| {
            let detail = if *count == 1 { node.detail.clone() } else { String::new() };
            let mut lines = lines_of(node.name, node.look, &detail);
            if *count > 1 {
                lines[0] = format!("{} × {count}", lines[0]);
            }
            (lines, node.look)
        });
        let nodes = nodes.collect();
        Sketch { notice: Some(notice), nodes, edges: edges.into_iter().take(MOST_EDGES).collect() }
    }
}

/// What is drawn.
struct Sketch {
    notice: Option<String>,
    nodes: Vec<(Vec<String>, Appearance)>,
    edges: Vec<(u32, u32)>,
}

impl Sketch {
    /// The looks that are there.
    fn looks(&self) -> impl Iterator<Item = Appearance> + '_ {
        let is_there = |look: &Appearance| {
            self.nodes.iter().any(|node| node.1 == *look)
                || (*look == Appearance::Inline && self.notice.is_some())
        };
        Appearance::ALL.into_iter().filter(is_there)
    }
}

/// The lines in a node.
fn lines_of(name: &str, look: Appearance, detail: &str) -> Vec<String> {
    let (_, words, ..) = look.style();
    let state = match (words, detail) {
        ("", detail) => detail.to_owned(),
        (words, "") => words.to_owned(),
        (words, detail) => format!("{words}: {detail}"),
    };
    let mut lines = vec![cut(name)];
    if !state.is_empty() {
        lines.push(cut(&state));
    }
    lines
}

/// The first letters of a text, in one line.
fn cut(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    if text.chars().count() <= LINE {
        return text.chars().map(plain).collect();
    }
    let mut short: String = text.chars().map(plain).take(LINE - 1).collect();
    short.push('…');
    short
}

/// A text between quotes in Mermaid, which reads it as HTML with entities of its own.
fn in_mermaid(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("#quot;"),
            '<' => escaped.push_str("#lt;"),
            '>' => escaped.push_str("#gt;"),
            '&' => escaped.push_str("#amp;"),
            '#' => escaped.push_str("#35;"),
            '`' => escaped.push_str("#96;"),
            '\\' => escaped.push_str("#92;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A text between quotes in Graphviz.
fn in_dot(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
