//! What `Progress` draws on a terminal: looked at in the middle of a run, and after it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use daglite::prelude::*;
use daglite::{Event, Interest, Observer};
use indicatif::InMemoryTerm;

/// Waits until the terminal shows what `is_so` looks for, for ten seconds at most; answers all it shows. A picture is drawn
/// line by line: what has stood for a while is a whole one.
fn shown(terminal: &InMemoryTerm, is_so: impl Fn(&str) -> bool) -> String {
    let start = Instant::now();
    let (mut contents, mut since) = (terminal.contents(), start);
    loop {
        let now = terminal.contents();
        if now != contents {
            (contents, since) = (now, Instant::now());
        }
        if is_so(&contents) && since.elapsed() > Duration::from_millis(100) {
            return contents;
        }
        assert!(start.elapsed() < Duration::from_secs(10), "it shows:\n{contents}");
        std::thread::yield_now();
    }
}

/// A session that draws on a terminal.
fn drawn(columns: u16) -> (daglite::SessionBuilder, InMemoryTerm) {
    let terminal = InMemoryTerm::new(24, columns);
    let builder = Session::builder()
        .cache(MemoryStore::new())
        .concurrency(1)
        .observe(Progress::drawn_on(terminal.clone()));
    (builder, terminal)
}

/// Where a task waits until its test has looked.
struct Gate(Mutex<Option<(Sender<()>, Receiver<()>)>>);

impl Gate {
    const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// For the test: who comes, and what lets him go on.
    fn open(&self) -> (Receiver<()>, Sender<()>) {
        let ((came, comes), (go, gone)) = (channel(), channel());
        *self.0.lock().unwrap() = Some((came, gone));
        (comes, go)
    }

    /// For the task.
    fn pass(&self) {
        if let Some((came, gone)) = self.0.lock().unwrap().take() {
            came.send(()).unwrap();
            // Not for ever: a test that fails must end.
            let _ = gone.recv_timeout(Duration::from_secs(15));
        }
    }
}

#[task(cache, name = "shop::load")]
fn load(n: u64) -> u64 {
    n
}

/// The time in a line is that of the machine.
fn without_time(text: &str) -> String {
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    for line in &mut lines {
        if let Some(at) = line.find(" in ").filter(|_| line.starts_with("daglite: ")) {
            line.truncate(at);
            line.push_str(" in …");
        }
    }
    lines.join("\n")
}

#[test]
fn bars_stand_by_name_while_a_run_goes_on_and_make_way_for_its_summary() {
    static GATE: Gate = Gate::new();

    #[task(cache, name = "shop::clean")]
    fn clean(n: u64) -> u64 {
        if n == 3 {
            GATE.pass();
        }
        n
    }

    let (builder, terminal) = drawn(80);
    let session = builder.build().unwrap();
    for n in [0, 1] {
        load(n).run_in(&session).unwrap();
    }
    terminal.reset();
    let (comes, go) = GATE.open();
    let all = join_all((0..4).map(|n| load(n).then(clean))).map(|all| all.iter().sum::<u64>());
    std::thread::scope(|scope| {
        let run = scope.spawn(|| all.run_in(&session).unwrap());
        comes.recv().unwrap();
        let picture = shown(&terminal, |text| text.contains("1 running"));
        insta::assert_snapshot!(picture, @"
        ⠋ 7 of 8 tasks: 2 hits, 5 computed, 1 running
          load   ━━━━━━━━━━━━━━━━━━━━  4/4  2 hits, 2 computed
          clean  ━━━━━━━━━━━━━━━┈┈┈┈┈  3/4  3 computed, 1 running
        ");
        let _ = go.send(());
        assert_eq!(run.join().unwrap(), 6);
    });
    insta::assert_snapshot!(without_time(&terminal.contents()), @"daglite: 2 hits, 6 computed in …");
}

#[test]
fn what_fails_is_a_line_and_counted_and_what_users_print_stands_above_the_bars() {
    static GATE: Gate = Gate::new();

    #[task(name = "shop::check")]
    fn check(n: u64) -> Result<u64, String> {
        match n {
            0 => Err("the shop is closed".to_owned()),
            n => Ok(n),
        }
    }

    #[task(name = "shop::wait")]
    fn wait(n: u64) -> u64 {
        GATE.pass();
        n
    }

    let terminal = InMemoryTerm::new(24, 100);
    let progress = Progress::drawn_on(terminal.clone());
    let session = Session::builder().without_cache().observe(progress.clone()).build().unwrap();
    let (comes, go) = GATE.open();
    std::thread::scope(|scope| {
        let run = scope.spawn(|| wait(1).run_in(&session).unwrap());
        comes.recv().unwrap();
        shown(&terminal, |text| text.contains("wait"));
        // Another run of the same session at the same time, which fails.
        assert!(check(0).run_in(&session).is_err());
        progress.println("between the lines");
        let picture = shown(&terminal, |text| text.contains("between"));
        assert!(
            picture.lines().next().unwrap().starts_with("daglite: failed    task `shop::check`")
        );
        let (line, bars) = (picture.find("between the lines"), picture.find("1 running"));
        assert!(line.unwrap() < bars.unwrap(), "{picture}");
        progress.suspend(|| assert!(!terminal.contents().contains("1 running")));
        let _ = go.send(());
        run.join().unwrap();
    });
    let end = terminal.contents();
    assert!(end.contains("1 failed") && !end.contains("running"), "{end}");
}

#[test]
fn many_names_do_not_flood_the_terminal() {
    static GATE: Gate = Gate::new();

    /// A task with the name.
    macro_rules! named {
        ($($name:ident)*) => {[$({
            #[task]
            fn $name(n: u64) -> u64 {
                if n == 1 {
                    GATE.pass();
                }
                n
            }
            $name as fn(u64) -> TaskFuture<u64>
        }),*]};
    }
    let tasks = named! {
        ant bee cat dog eel fox gnu hen ibis jay kiwi lark mole newt owl pig quail rat seal toad urial vole wasp yak zebra
    };
    let (builder, terminal) = drawn(60);
    let session = builder.build().unwrap();
    let (comes, go) = GATE.open();
    let all = join_all(tasks.iter().enumerate().map(|(at, task)| task(u64::from(at == 12))));
    std::thread::scope(|scope| {
        let run = scope.spawn(|| all.map(|all| all.len()).run_in(&session).unwrap());
        comes.recv().unwrap();
        let picture = shown(&terminal, |text| text.contains("1 running"));
        assert!(picture.lines().count() <= 10, "{picture}");
        assert!(picture.contains("mole"), "what is at work is shown: {picture}");
        assert!(picture.contains("and 18 more tasks"), "{picture}");
        assert!(picture.lines().all(|line| line.chars().count() <= 60), "{picture}");
        let _ = go.send(());
        run.join().unwrap();
    });
}

#[test]
fn the_time_that_is_left_is_told_from_what_has_ended() {
    static GATE: Gate = Gate::new();
    static BEGUN: AtomicUsize = AtomicUsize::new(0);

    #[task(name = "slow")]
    fn slow(n: u64) -> u64 {
        // The second one, so that one has ended.
        if BEGUN.fetch_add(1, Ordering::SeqCst) == 1 {
            GATE.pass();
        }
        // Stands for work, so that there is a time to tell: nobody waits for it.
        std::thread::sleep(Duration::from_millis(30));
        n
    }

    let (builder, terminal) = drawn(80);
    let session = builder.build().unwrap();
    let (comes, go) = GATE.open();
    let all = join_all((0..100).map(slow));
    std::thread::scope(|scope| {
        let run = scope.spawn(|| all.map(|all| all.len()).run_in(&session).unwrap());
        comes.recv().unwrap();
        let picture = shown(&terminal, |text| text.contains("1 computed, 1 running"));
        let head = picture.lines().next().unwrap();
        assert!(head.contains("; about ") && head.ends_with(" s left"), "{picture}");
        let _ = go.send(());
        run.join().unwrap();
    });
}

#[test]
fn runs_inside_of_tasks_count_in_the_run_around_them() {
    static GATE: Gate = Gate::new();

    #[task(name = "part")]
    fn part(n: u64) -> u64 {
        if n == 2 {
            GATE.pass();
        }
        n
    }

    #[task(name = "whole")]
    fn whole() -> u64 {
        join_all((0..3).map(part)).run().unwrap().iter().sum()
    }

    let (builder, terminal) = drawn(80);
    let session = builder.build().unwrap();
    let (comes, go) = GATE.open();
    std::thread::scope(|scope| {
        let run = scope.spawn(|| whole().run_in(&session).unwrap());
        comes.recv().unwrap();
        let picture = shown(&terminal, |text| text.contains("2 running"));
        insta::assert_snapshot!(picture, @"
        ⠋ 2 of 4 tasks: 2 computed, 2 running
          whole  ┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈┈  0/1  1 running
          part   ━━━━━━━━━━━━━┈┈┈┈┈┈┈  2/3  2 computed, 1 running
        ");
        let _ = go.send(());
        assert_eq!(run.join().unwrap(), 3);
    });
}

#[test]
fn nothing_is_drawn_where_there_is_no_terminal_and_no_task_is_told_of() {
    // The tests' standard error is not one.
    assert_eq!(Progress::stderr().interest(), Interest::Runs);
    assert_eq!(Progress::warnings().interest(), Interest::Warnings);
    let page: Arc<Mutex<Vec<u8>>> = Arc::default();
    struct Shared(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let progress = Progress::to(Shared(Arc::clone(&page)));
    progress.event(&Event::Started { task: "load" });
    let session = Session::builder().cache(MemoryStore::new()).observe(progress).build().unwrap();
    load(1).run_in(&session).unwrap();
    let text = String::from_utf8(page.lock().unwrap().clone()).unwrap();
    assert_eq!(without_time(&text), "daglite: 0 hits, 1 computed in …");
    assert!(!text.contains('\u{1b}'), "{text}");
}
