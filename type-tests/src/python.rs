//! `Python`: an environment with the readers that people use for the same formats, made once a target folder.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// What is installed: the readers and their versions. A change makes the environment anew.
const READERS: [&str; 4] = ["numpy==2.4.6", "pandas==3.0.0", "pyarrow==22.0.0", "pillow==12.0.0"];

/// A Python with numpy, pandas, pyarrow and Pillow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Python {
    interpreter: PathBuf,
}

impl Python {
    /// The environment, made at the first call; `None`, and a loud line, if there is no Python or no package registry.
    ///
    /// ```no_run
    /// if let Some(python) = daglite_type_tests::Python::with_readers() {
    ///     assert_eq!(python.run("print(1 + 1)", &[]), "2");
    /// }
    /// ```
    pub fn with_readers() -> Option<&'static Self> {
        static PYTHON: OnceLock<Result<Python, String>> = OnceLock::new();
        match PYTHON.get_or_init(|| Self::made(&home())) {
            Ok(python) => Some(python),
            Err(why) => {
                // Past the capture of the test harness: a test that checked nothing must be seen.
                let line = format!("\nSKIPPED: nothing was read by Python: {why}\n");
                drop(std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()));
                None
            }
        }
    }

    /// What `script` prints, without the last line's end; `args` are its `sys.argv[1:]`.
    ///
    /// # Panics
    ///
    /// If the script fails: with what it said.
    pub fn run(&self, script: &str, args: &[&Path]) -> String {
        let mut command = Command::new(&self.interpreter);
        let output = said(command.arg("-c").arg(script).args(args));
        output.unwrap_or_else(|why| panic!("{why}")).trim_end().to_owned()
    }

    /// The environment in `home`, unless it is there already.
    fn made(home: &Path) -> Result<Self, String> {
        let folder = if cfg!(windows) { "Scripts" } else { "bin" };
        let python = Self { interpreter: home.join(folder).join("python") };
        let mark = home.join("readers.txt");
        let readers = READERS.join("\n");
        std::fs::create_dir_all(home).map_err(|error| format!("{}: {error}", home.display()))?;
        // Several test programs may want it at once.
        let lock = std::fs::File::create(home.join("lock")).map_err(|error| error.to_string())?;
        lock.lock().map_err(|error| error.to_string())?;
        if std::fs::read_to_string(&mark).is_ok_and(|made| made == readers) {
            return Ok(python);
        }
        let name = env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
        said(Command::new(name).args(["-m", "venv"]).arg(home))?;
        let mut install = Command::new(&python.interpreter);
        said(
            install
                .args(["-m", "pip", "install", "--quiet", "--only-binary", ":all:"])
                .args(READERS),
        )?;
        std::fs::write(&mark, readers).map_err(|error| error.to_string())?;
        Ok(python)
    }
}

/// Where the environment is kept: beside what cargo builds, so that it stays from run to run.
fn home() -> PathBuf {
    let program = env::current_exe().expect("a test program knows where it is");
    // target/debug/deps/program
    let target = program.ancestors().nth(3).expect("cargo puts test programs three folders deep");
    target.join("python-readers")
}

/// What a command printed; an error with all that it said if it failed.
fn said(command: &mut Command) -> Result<String, String> {
    let Output { status, stdout, stderr } =
        command.output().map_err(|error| format!("{:?}: {error}", command.get_program()))?;
    let (out, err) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    if status.success() {
        return Ok(out.into_owned());
    }
    Err(format!("{:?} failed ({status}):\n{out}{err}", command.get_program()))
}
